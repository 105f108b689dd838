"""What the simulations of a run found, model by model and replica by replica."""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tlbench.base.formats import Format
from tlbench.base.schema import Strict
from tlbench.engine.store.store import Store
from tlbench.jobs import compare, reference
from tlbench.jobs.compare import SimulationSummary
from tlbench.jobs.context import RESULT
from tlbench.jobs.kind import MOST
from tlbench.jobs.reference_run import ReferenceRun
from tlbench.study.model_key import NO_TRANSFER, OfModel
from tlbench.study.plan import Plan

FILE = "dynamics.json"

_RECORDED_LATER = ("extremes", "diffusion", "spectrum")


class ModelRun(SimulationSummary, OfModel):
    """The simulations of one model, which ``job`` compared with the reference.

    The key of the model is without its transfer: simulated suites have a single one.
    """

    absent: ClassVar[dict[str, Any]] = NO_TRANSFER

    job: str

    @model_serializer(mode="wrap")
    def _to_file(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A file from before these were recorded is written as it was.
        flat = super()._to_file(dump)
        return {k: v for k, v in flat.items() if k not in _RECORDED_LATER or v is not None}

    @property
    def n_stable(self) -> int:
        """Number of replicas that no criterion stopped."""
        return self.criterion.count("")


class Dynamics(Strict):
    """All simulations of a run."""

    suite: str
    reference: ReferenceRun
    models: list[ModelRun] = Field(max_length=MOST)


DYNAMICS_FORMAT = Format("summary of simulations", Dynamics)


def collect_dynamics(plan: Plan, store: Store, finished: Iterable[str]) -> Dynamics | None:
    """Return what the finished simulations of ``plan`` found; None if there are none."""
    available = set(finished)
    if plan.reference is None or plan.reference not in available:
        return None
    measure = store.result(plan.reference, reference.Result).run
    models = []
    for cell in plan.simulated:
        if cell.job in available:
            found = store.result(cell.job, compare.Result).run
            if not measure.fits(found.structure, found.msd, found.spectrum):
                problem = "distributions that are not on the bins of the reference"
                raise store.senseless(cell.job, RESULT, problem)
            model = cell.model.without_transfer()
            models.append(ModelRun(**dict(found), model=model, job=cell.job))
    return Dynamics(suite=plan.suite.name, reference=measure, models=models)
