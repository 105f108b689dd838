"""Which models a suite has: what its results are compared with, one by one."""

from dataclasses import dataclass
from typing import Any

from tlbench.plan import PRETRAIN, Cell, plan
from tlbench.profiles import Profile
from tlbench.records import Record
from tlbench.suite import Suite
from tlbench.transfer import arm

_STAND_IN = "schnet"
"""A backbone that is always there."""


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


def expected(suite: Suite) -> list[Coordinates]:
    """Return the coordinates of every model of ``suite``, in plan order.

    They do not depend on what the backbones are, which need not be installed: the plan of
    another stands in for theirs.

    Raises
    ------
    InputError
        If the suite cannot be planned, as where a size is beyond the data.
    """
    planned = plan(suite.model_copy(update={"backbones": {_STAND_IN: {}}, "tuned": None}))
    simulated = {cell.job for cell in planned.simulated}
    return [
        Coordinates(**_shared(cell), backbone=backbone, simulated=cell.job in simulated)
        for backbone in suite.backbones
        for cell in planned.cells
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
