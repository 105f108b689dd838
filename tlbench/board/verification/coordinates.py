"""Which models a suite has: what its results are compared with, one by one."""

from dataclasses import dataclass, replace

from tlbench.results.profiles import Profile
from tlbench.results.records import Record
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import PRETRAIN, Cell
from tlbench.study.study import Study
from tlbench.transfer import arm


@dataclass(frozen=True)
class Coordinates:
    """What distinguishes what is measured of a model from all else in its suite.

    ``simulated`` marks the simulations of a model, which have records of their own.
    """

    model: ModelKey
    simulated: bool = False

    def own(self) -> "Coordinates":
        """Return what determines the model: no source if it was trained without one."""
        if self.model.strategy == PRETRAIN or arm(self.model.strategy).needs_source:
            return self
        return replace(self, model=self.model.without_source())

    def label(self) -> str:
        """Return the model in words."""
        model = self.model
        what = "simulations of " if self.simulated else ""
        seeds = f"{'–' if model.subset_seed is None else model.subset_seed}/{model.init_seed}"
        return (
            f"{what}{model.strategy} {model.backbone}, {model.transfer.label()}, "
            f"N {model.size}{model.temperature_label()}, seeds {seeds}"
        )


def coordinates_of(value: Record | Profile | Cell, simulated: bool = False) -> Coordinates:
    """Return the coordinates of the model that a record, profile or cell of a plan is of."""
    return Coordinates(value.model, simulated)


def expected(study: Study) -> list[Coordinates]:
    """Return what is measured of every model of a study, backbone by backbone."""
    return [
        Coordinates(model, simulated)
        for backbone in study.suite.backbones
        for model in study.grid
        if model.backbone == backbone
        for simulated in ((False, True) if study.is_simulated(model) else (False,))
    ]
