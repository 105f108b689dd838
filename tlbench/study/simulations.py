"""What a suite says of the dynamics that its models are put through."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from tlbench.base.formats import later
from tlbench.jobs.start import Start
from tlbench.md.protocol import Protocol

if TYPE_CHECKING:
    from tlbench.study.property_choice import PropertyChoice
    from tlbench.study.suite import Suite


class Simulations(Protocol):
    """Dynamics of the target's elements that trained models are put through.

    Of a data set of several compositions one is simulated: that with the most elements, of these
    the one with the most atoms, of these the one that most frames have.
    """

    sizes: list[PositiveInt] | None = Field(
        default=None,
        min_length=1,
        description="simulate the models trained on so many structures; by default all",
    )
    start: Start | None = later(
        None,
        description="structures that simulations start from, with velocities of temperature_k: of "
        "the nearest temperature that the data have, whichever the phase; or of one phase, of the "
        "nearest temperature or, with a reference potential, its perfect crystal or the melt of "
        "it; or any, of known temperature or not, those of the smallest forces first. By default "
        "frames of exactly temperature_k, or the crystal of a reference potential",
    )

    budgets: list[PositiveInt] | None = later(
        None,
        min_length=1,
        description="simulate the models trained with these of the suite's budgets; by default the "
        "largest",
    )

    def protocol(self) -> Protocol:
        """Return what each simulation follows."""
        return Protocol.model_validate(self.model_dump(exclude={"sizes", "budgets", "start"}))


def contradictions_of_dynamics(suite: "Suite") -> Iterator[str]:
    """Yield what is wrong with the simulations of a suite and its other keys together."""
    recorded = suite.dynamics is not None and suite.dynamics.spectrum is not None
    if not recorded and "velocity_spectrum_error" in suite.metrics:
        yield "metrics: velocity_spectrum_error needs the key dynamics.spectrum, e.g. {}"
    if suite.dynamics is None:
        return
    if suite.matrix or any(len(each or ()) > 1 for each in (suite.source_parts, suite.sources)):
        yield (
            "dynamics: only a suite of one source, or one part of it, and one target is simulated; "
            "leave 'dynamics' out, or write a suite for each (jobs that they share are done once)"
        )


def contradictions_of_models(
    key: str, chosen: "Simulations | PropertyChoice | None", suite: "Suite"
) -> Iterator[str]:
    """Yield what is wrong with the choice of models that are simulated or have properties."""
    for size in (chosen and chosen.sizes) or []:
        if size not in suite.sizes:
            yield f"{key}: size {size} is not among the suite's sizes"
    for budget in (chosen and chosen.budgets) or []:
        if budget not in (suite.budgets or []):
            known = ", ".join(map(str, suite.budgets or [])) or "there are none"
            yield f"{key}: budget {budget} is not among the suite's budgets ({known})"
    if chosen and chosen.budgets and not {*chosen.budgets} & {*suite.target_budgets()[-1:]}:
        yield f"{key}: the largest budget should be among its budgets, as reports are of that"
