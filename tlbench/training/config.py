"""How a model is trained."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tlbench.base.schema import Strict

EnergyReference = Literal["mean-shift", "least-squares"]


MOST_UPDATES = 100_000_000
"""Years of training of even the smallest model: more was typed by mistake."""

MOST_IN_BATCH = 100_000
"""Structures in one update, more than any memory holds."""


class LossWeights(Strict):
    """Weights of the parts of the loss.

    Each part is a mean square: of energy errors per atom (eV), of force components (eV/Å), of
    stress components (GPa).
    """

    energy: float = Field(default=0.0, ge=0)
    forces: float = Field(default=1.0, ge=0)
    stress: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _something(self) -> "LossWeights":
        if self.energy + self.forces + self.stress == 0:
            raise ValueError("at least one loss weight should be positive")
        return self


class TrainingConfig(Strict):
    """A training run; the defaults are those of Röcken & Zavadlav, arXiv 2502.13522.

    ``updates`` has no default: it is the budget that all arms share.
    """

    updates: PositiveInt = Field(le=MOST_UPDATES)
    batch_size: PositiveInt = Field(default=5, le=MOST_IN_BATCH)
    learning_rate: PositiveFloat = 1e-3
    final_learning_rate_fraction: float = Field(default=0.01, gt=0, le=1)
    loss: LossWeights = LossWeights()
    energy_reference: EnergyReference = Field(
        default="mean-shift",
        description="mean-shift: one constant per atom; least-squares: one per element",
    )
    dtype: Literal["float32", "float64"] = "float32"
    validation_points: int = Field(
        default=10,
        ge=0,
        le=MOST_UPDATES,
        description="evaluations on validation data during the run",
    )

    def rate(self, update: int) -> float:
        """Return the learning rate of update 0 … ``updates`` − 1, which decays exponentially.

        It is ``learning_rate`` at the first update, ``final_learning_rate_fraction`` of it at the
        last.
        """
        progress = update / max(self.updates - 1, 1)
        return float(self.learning_rate * self.final_learning_rate_fraction**progress)
