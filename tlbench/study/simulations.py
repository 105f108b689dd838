"""What a suite says of the dynamics that its models are put through."""

from pydantic import Field, PositiveInt

from tlbench.base.formats import later
from tlbench.jobs.start import Start
from tlbench.md.protocol import Protocol


class Simulations(Protocol):
    """Dynamics of the target's elements that trained models are put through.

    Of a data set of several compositions one is simulated: that with the most elements, of these
    the one with the most atoms, of these the one that most frames have.
    """

    sizes: list[PositiveInt] | None = Field(
        default=None,
        description="simulate the models trained on so many structures; by default all",
    )
    start: Start | None = later(
        None,
        description="structures that simulations start from, with velocities of temperature_k: of "
        "the nearest temperature that the data have, whichever the phase; or of one phase, of the "
        "nearest temperature or, with a reference potential, its perfect crystal or the melt of "
        "it. By default frames of exactly temperature_k, or the crystal of a reference potential",
    )

    budgets: list[PositiveInt] | None = later(
        None,
        description="simulate the models trained with these of the suite's budgets; by default the "
        "largest",
    )

    def protocol(self) -> Protocol:
        """Return what each simulation follows."""
        return Protocol.model_validate(self.model_dump(exclude={"sizes", "budgets", "start"}))
