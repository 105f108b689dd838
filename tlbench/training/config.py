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
    ``final_loss`` at the last, each exponentially, as the learning rate does. Energies that count
    for little until forces are learnt cost these less than a constant weight does, or one that
    changes linearly with the learning rate, as in Zhang et al., *Phys. Rev. Lett.* 120, 143001
    (2018). DimeNet++ from scratch on 195 structures of DFT germanium, 800 updates at 3e-3, one
    training each, has these mean absolute errors on the test set:

    ============================= ============== =================
    weight of energies            forces (meV/Å) energy (meV/atom)
    ============================= ============== =================
    0                             61.3           65.5
    2                             70.9           12.0
    20                            91.5            8.2
    0 to 20, linear in the rate   76.9            8.4
    0.001 to 10, exponential      63.6           10.3
    0.01 to 20, exponential       64.0           10.3
    0.0001 to 30, exponential     65.6            7.4
    0.1 to 100, exponential       68.0            7.2
    0.001 to 100, exponential     66.7            4.6
    0.00001 to 100, exponential   68.3            4.9
    ============================= ============== =================

    The last weight is what sets one error against the other. An energy term of differences within
    a batch, 0.001 to 10, has 62.6 and 14.0. Seeds scatter by several per cent: with another one,
    0 has 64.9 and 77.7, and 0.001 to 10 has 70.0 and 8.1. With 10 structures these are 72.9 and
    96.3, and 81.1 and 6.6. So after 800 updates forces cost 4 to 11 % more than if they are learnt
    alone, and energies are 6 to 15 times better.
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
    tf32: bool = later(
        False,
        description="round the factors of matrix products to TF32 in training on a GPU that has it",
    )
    validation_points: int = Field(
        default=10,
        ge=0,
        le=MOST_UPDATES,
        description="evaluations on validation data during the run",
    )

    @model_validator(mode="after")
    def _tf32_of_float32(self) -> "TrainingConfig":
        if self.tf32 and self.dtype != "float32":
            raise ValueError(f"tf32 rounds float32, but dtype is {self.dtype}")
        return self

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
