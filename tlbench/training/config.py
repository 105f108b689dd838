"""How a model is trained."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tlbench.base.formats import later
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

    With ``final_loss``, the weights of the loss change from ``loss`` at the first update to
    ``final_loss`` at the last, each exponentially, as the learning rate does.
    """

    updates: PositiveInt = Field(le=MOST_UPDATES)
    batch_size: PositiveInt = Field(default=5, le=MOST_IN_BATCH)
    learning_rate: PositiveFloat = 1e-3
    final_learning_rate_fraction: float = Field(default=0.01, gt=0, le=1)
    loss: LossWeights = LossWeights()
    final_loss: LossWeights | None = later(
        None, description="weights of the loss at the last update; those of the first if not given"
    )
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

    @model_validator(mode="after")
    def _weights_grow_from_something(self) -> "TrainingConfig":
        if self.final_loss is not None:
            for part, last in self.final_loss:
                if (last > 0) != (getattr(self.loss, part) > 0):
                    raise ValueError(
                        f"the weight of {part} changes exponentially from 'loss' to 'final_loss', "
                        "so it should be positive in both or 0 in both"
                    )
        return self

    def rate(self, update: int) -> float:
        """Return the learning rate of update 0 … ``updates`` − 1, which decays exponentially.

        It is ``learning_rate`` at the first update, ``final_learning_rate_fraction`` of it at the
        last.
        """
        return float(
            self.learning_rate * self.final_learning_rate_fraction ** self._progress(update)
        )

    def weights(self, update: int) -> LossWeights:
        r"""Return the weights of the loss at update 0 … ``updates`` − 1.

        Each is :math:`w_0 (w_1/w_0)^p`, where :math:`p` goes from 0 at the first update to 1 at the
        last, so that its logarithm is linear in that of the learning rate.
        """
        if self.final_loss is None:
            return self.loss
        progress = self._progress(update)
        return LossWeights(
            **{
                part: first and first * (getattr(self.final_loss, part) / first) ** progress
                for part, first in self.loss
            }
        )

    def _progress(self, update: int) -> float:
        return update / max(self.updates - 1, 1)
