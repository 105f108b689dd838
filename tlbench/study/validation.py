"""The structures that target models are validated on while they are trained."""

from pydantic import Field, PositiveInt

from tlbench.base.errors import InputError
from tlbench.base.phrases import counted
from tlbench.base.schema import Strict
from tlbench.data.cards import Card


class Validation(Strict):
    """How many structures of the validation part target models are validated on."""

    size: PositiveInt | None = Field(
        default=None, description="so many; by default at most as many as the model is trained on"
    )

    def check(self, suite: str, target: Card) -> None:
        """Raise if a data set has fewer structures of validation than are asked for.

        Parameters
        ----------
        suite
            The name of the suite, for messages.

        Raises
        ------
        InputError
            If it has.
        """
        available = target.n_frames("validation")
        if self.size is not None and self.size > available:
            raise InputError(
                f"Suite {suite!r}: validation.size is {self.size}, but the validation part of "
                f"{target.name!r} has {counted(available, 'structure')}; choose at most "
                f"{available}."
            )
