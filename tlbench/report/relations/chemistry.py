"""How much the elements of both ends of a transfer are alike."""

from collections.abc import Mapping

from tlbench.study.ends import elements_in
from tlbench.study.model_key import Transfer
from tlbench.transfer.element_map import element_starts, mean_differences


def chemistry(transfer: Transfer, given: Mapping[str, str] | None) -> dict[str, float]:
    """Return the differences of the elements of both ends, the mean over mapped pairs of them.

    ``given`` says as what target elements start, as `Suite.elements` does.
    """
    source, target = elements_in(transfer.source), elements_in(transfer.target)
    return mean_differences(element_starts(source, target, given))
