"""What a strategy is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tlbench.base.schema import Strict

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

    from tlbench.data.frames import Frames
    from tlbench.models.potential import Potential
    from tlbench.transfer.parametrisation import Parametrisation

COPY_SOURCE = "copy-source"

Batches: TypeAlias = "Callable[[int], Tensor]"
"""Maps the number of an update to the indices of the structures that it is made on."""

Penalty: TypeAlias = "Callable[[], Tensor]"
"""Returns a scalar that is added to the loss, in its unit, (eV/Å)² where forces alone count."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are trained together, and their learning rate over that of the training."""

    parameters: "list[Parameter]"
    rate: float = 1.0


def everything(potential: "Potential") -> list[ParameterGroup]:
    """Return every parameter of the backbone, at the full learning rate."""
    return [ParameterGroup(list(potential.backbone.parameters()))]


def target_alone(n_target: int, n_source: int, batch_size: int, seed: int) -> Batches:
    """Return batches of target structures."""
    from tlbench.transfer.batches import BatchOrder

    return BatchOrder(n_target, batch_size, seed).batch


def unchanged(potential: "Potential") -> None:
    """Leave a potential as it is."""


@dataclass(frozen=True)
class Strategy:
    """One way from a source model and target data to a target model.

    All that a strategy does is in the functions it holds; the trainer calls them in the order
    ``before``, ``replay``, ``source_twin``, ``trained``, ``parametrisation``, ``penalty``,
    ``batches``, ``after``.

    Attributes
    ----------
    name
        Registered name, also the name of the arm in records.
    summary
        One sentence for listings.
    literature
        Where it comes from.
    needs_source
        Whether the target starts from the weights of a source model.
    trains
        Whether it uses target data at all; one that does not has size 0.
    needs_source_data
        Whether batches are made of the source's training structures, too.
    smallest_batch
        Fewest structures that a batch has room for.
    element_init
        What the target element starts from; a name in `INITIALISATIONS`.
    compute_matched
        Whether it trains for as many updates as pretraining and fine-tuning together, at the
        largest budget of a suite.
    trains_elements
        Whether what the network holds of elements is among the trained parameters.
    settings
        What users can set of it, each with a default; None: nothing. A field has one of its values
        in this arm.
    variant
        Returns the strategy with other settings, of the type of ``settings``.
    before
        Changes the potential that training starts from, after the target element was initialised
        and in the precision of the training.
    replay
        Makes structures that are replayed as the source's training structures are, with labels:
        from the potential that training starts from, the target's training structures and a seed.
    source_twin
        Returns the potential that replayed structures are predicted with: one that shares
        parameters with that of the target, and is forgotten after training. Those that it does not
        share are trained, too. None: the potential of the target.
    trained
        Returns the parameters that may change; all others keep their values, as do those with
        ``requires_grad=False``.
    parametrisation
        Makes the trained parameters functions of others, which the optimiser changes in their
        place: from the potential that training starts from and a seed.
    batches
        Returns the batches from the numbers of target and of source structures, the batch size
        and a seed. Indices count the target's structures first, then the source's.
    penalty
        Takes the trained parameters, which have their first values, and returns what is added to
        the loss of every update. The curve shows the loss without it.
    after
        Changes the trained potential before it is tested and saved.
    """

    name: str
    summary: str
    literature: str
    needs_source: bool
    trains: bool
    needs_source_data: bool = False
    smallest_batch: int = 1
    element_init: str = COPY_SOURCE
    compute_matched: bool = False
    trains_elements: bool = True
    settings: Strict | None = None
    variant: "Callable[[Any], Strategy] | None" = None
    before: "Callable[[Potential], None]" = unchanged
    replay: "Callable[[Potential, Frames, int], Frames] | None" = None
    source_twin: "Callable[[Potential], Potential] | None" = None
    trained: "Callable[[Potential], list[ParameterGroup]]" = everything
    parametrisation: "Callable[[Potential, int], Parametrisation] | None" = None
    batches: Callable[[int, int, int, int], Batches] = target_alone
    penalty: "Callable[[Sequence[Parameter]], Penalty] | None" = None
    after: "Callable[[Potential], None]" = unchanged

    @property
    def replays(self) -> bool:
        """Whether batches hold other structures beside the target's."""
        return self.needs_source_data or self.replay is not None
