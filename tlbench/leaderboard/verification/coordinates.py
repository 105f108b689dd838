"""Which models a suite has: what its results are compared with, one by one."""

from dataclasses import dataclass
from typing import Any

from tlbench.plan import PRETRAIN, Cell, Plan
from tlbench.profiles import Profile
from tlbench.records import Record
from tlbench.transfer import arm


@dataclass(frozen=True)
class Coordinates:
    """What distinguishes a model from the others of its suite.

    ``simulated`` marks the simulations of a model, which have records of their own.
    """

    source: str
    source_part: str | None
    target: str
    backbone: str
    strategy: str
    size: int
    subset_seed: int | None
    init_seed: int
    train_temperature_k: float | None
    simulated: bool = False

    def own(self) -> "Coordinates":
        """Return what determines the model: no source if it was trained without one."""
        if self.strategy == PRETRAIN or arm(self.strategy).needs_source:
            return self
        return Coordinates(**{**vars(self), "source": "", "source_part": None})

    def label(self) -> str:
        """Return the model in words."""
        part = "" if self.source_part is None else f" ({self.source_part})"
        at = "" if self.train_temperature_k is None else f" at {self.train_temperature_k:g} K"
        seeds = f"{'–' if self.subset_seed is None else self.subset_seed}/{self.init_seed}"
        what = "simulations of " if self.simulated else ""
        return (
            f"{what}{self.strategy} {self.backbone}, {self.source}{part} → {self.target}, "
            f"N {self.size}{at}, seeds {seeds}"
        )


def coordinates_of(value: Record | Profile | Cell, simulated: bool = False) -> Coordinates:
    """Return the coordinates of the model that a record, profile or cell of a plan is of."""
    return Coordinates(**_shared(value), backbone=value.backbone, simulated=simulated)


def expected(planned: Plan) -> list[Coordinates]:
    """Return the coordinates of every model of a plan, backbone by backbone."""
    simulated = {cell.job for cell in planned.simulated}
    return [
        coordinates_of(cell, cell.job in simulated)
        for backbone in planned.suite.backbones
        for cell in planned.cells
        if cell.backbone == backbone
    ]


def _shared(value: Any) -> dict[str, Any]:
    names = (
        "source",
        "source_part",
        "target",
        "strategy",
        "size",
        "subset_seed",
        "init_seed",
        "train_temperature_k",
    )
    return {name: getattr(value, name) for name in names}
