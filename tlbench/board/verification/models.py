"""The models of a suite and of a submission, by what distinguishes them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tlbench.board.reading import Entry
from tlbench.metrics.conditions import DATA, PROPERTY, Weights
from tlbench.results.records import Record
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import PRETRAIN
from tlbench.study.study import Study
from tlbench.transfer import arm


@dataclass(frozen=True)
class Coordinates:
    """What distinguishes what is measured of a model from all else in its suite.

    ``simulated`` marks the simulations of a model, which have records of their own; ``weights`` are
    those that are measured, and ``data`` is the name of the further data set that they are measured
    on, None for that of the model. ``property`` is the physical property that is computed; None if
    errors are measured.
    """

    model: ModelKey
    simulated: bool = False
    weights: Weights = "last"
    data: str | None = None
    property: str | None = None

    def own(self) -> "Coordinates":
        """Return what determines the model: no source if it was trained without one."""
        if self.model.strategy == PRETRAIN or arm(self.model.strategy).needs_source:
            return self
        return replace(self, model=self.model.without_source())

    def label(self) -> str:
        """Return the model in words."""
        model = self.model
        what = "simulations of " if self.simulated else ""
        what += f"{self.property} of " if self.property else ""
        what += "best weights of " if self.weights == "best" else ""
        seeds = "/".join("–" if seed is None else str(seed) for seed in model.pair)
        return (
            f"{what}{model.strategy} {model.backbone}, {model.transfer.label()}, "
            f"N {model.size}{model.temperature_label()}{model.place.budget_label()}, seeds {seeds}"
            + ("" if self.data is None else f", on {self.data}")
        )


def expected(study: Study) -> list[Coordinates]:
    """Return what is measured of every model of a study, backbone by backbone."""
    return [
        where
        for backbone in study.suite.backbones
        for model in study.grid
        if model.backbone == backbone
        for where in _measured(study, model)
    ]


def _measured(study: Study, model: ModelKey) -> Iterator[Coordinates]:
    for weights in study.weights(model):
        yield Coordinates(model, weights=weights)
    for card in study.further_tests(model):
        yield Coordinates(model, data=card.name)
    if study.is_simulated(model):
        yield Coordinates(model, simulated=True)
    if study.suite.properties is not None and study.has_properties(model):
        for name in study.suite.properties.compute:
            yield Coordinates(model, property=name)


@dataclass(frozen=True)
class Model:
    """A model of a submission: the records of one job for one set of coordinates.

    Their conditions are those of the job, without the name of a further data set.
    """

    where: Coordinates
    job: str
    records: list[Record]

    @property
    def trained(self) -> str | None:
        """The job that trained it; None if that is not known."""
        return self.records[0].trained


def models_of(entry: Entry) -> list[Model]:
    """Return the models that the records of a submission are of, in their order."""
    simulated = {run.job for run in entry.results.dynamics.models} if entry.results.dynamics else ()
    found: dict[tuple[Coordinates, str], list[Record]] = defaultdict(list)
    for record in entry.results.records:
        weights: Weights = "best" if record.condition.get("weights") == "best" else "last"
        name = None
        if DATA in record.condition:
            condition = dict(record.condition)
            name = str(condition.pop(DATA))
            record = record.model_copy(update={"condition": condition})
        stated = record.condition.get(PROPERTY)
        asked = None if stated is None else str(stated)
        where = Coordinates(record.model, record.job in simulated, weights, name, asked)
        found[where, record.job].append(record)
    return [Model(where, job, records) for (where, job), records in found.items()]


def measured_models(entry: Entry) -> dict[str, Model]:
    """Return the models that errors on test structures are of, by the job that measured them."""
    found: dict[str, Model] = {}
    for model in models_of(entry):
        if not model.where.simulated and model.where.property is None:
            found.setdefault(model.job, model)
    return found
