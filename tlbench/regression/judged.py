"""What became of one number, or of several together."""

import math
from dataclasses import dataclass
from enum import Enum

from tlbench.metrics.spec import MetricSpec
from tlbench.regression.noise import LEVEL, Loss
from tlbench.regression.places import Place


class Scope(Enum):
    """How much was judged at once."""

    PLACE = "one place"
    BACKBONE = "all places of a backbone"


@dataclass(frozen=True)
class Judged:
    """What became of one place, or of all places of a backbone together.

    Attributes
    ----------
    scope
        Which of the two.
    place
        The place, or the first of several.
    n_places
        How many there are.
    spec
        The metric, with the tolerance that holds.
    loss
        How much worse it became.
    chance
        Its p-value, adjusted for everything that is judged; None if noise cannot be estimated.
    """

    scope: Scope
    place: Place
    n_places: int
    spec: MetricSpec
    loss: Loss
    chance: float | None

    @property
    def worse(self) -> bool:
        """Whether it became worse beyond tolerance and noise."""
        relative = self.spec.compared == "ratio"
        allowed = math.log1p(self.spec.tolerance) if relative else self.spec.tolerance
        beyond = self.loss.value > allowed
        return beyond and (self.chance is None or self.chance <= LEVEL)

    @property
    def backbone(self) -> str:
        """Whose it is."""
        return self.place.backbone

    @property
    def models(self) -> str:
        """Which models it is measured on, in words."""
        if self.scope is Scope.PLACE:
            return self.place.model
        return f"{self.backbone}, all {self.n_places} places"

    @property
    def name(self) -> str:
        """What is judged, with its metric."""
        at = f" at {self.place.under}" if self.place.condition else ""
        return f"{self.models}: {self.spec.name}{at}"

    @property
    def change(self) -> str:
        """What became of the value: a factor, or a difference."""
        signed = self.loss.value if self.spec.better == "lower" else -self.loss.value
        if self.spec.compared == "difference":
            return f"{signed:+.3f}"
        return f"× {math.exp(signed):.3f}" if math.isfinite(signed) else "from or to 0"

    @property
    def allowed(self) -> str:
        """What may be lost."""
        relative = self.spec.compared == "ratio"
        return f"{100 * self.spec.tolerance:g} %" if relative else f"{self.spec.tolerance:g}"

    @property
    def confidence(self) -> str:
        """How sure it is that this is no chance."""
        if self.chance is None:
            return "noise unknown"
        if self.chance < 1e-4:
            return "> 99.99 %"
        return f"{100 * (1 - self.chance):.{2 if self.chance < 0.01 else 0}f} %"

    def sentence(self) -> str:
        """Say it, in words."""
        sure = (
            "the noise is unknown, so the tolerance alone decides"
            if self.chance is None
            else f"confidence {self.confidence}"
        )
        return f"{self.name} {self.change} (tolerance {self.allowed}; {sure})"
