"""What compositions leave open: elements without data, and constant energies of elements."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tlbench.base.phrases import listed
from tlbench.data.cards import Card
from tlbench.data.compositions import n_undetermined
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.inspection.statements import check_trained_elements, extrapolated
from tlbench.data.splits import chosen
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.study.plan import dataset_job
from tlbench.study.study import Study

OpenDraws = Mapping[int, tuple[int, int]]
"""Size → in how many draws structures leave constant energies open, and of how many draws."""


def check_elements(study: Study, mirror: Path | None = None) -> None:
    """Refuse data with an element that models are tested on and that they cannot learn.

    Reads the files of those source and target cards that are of several elements.

    Raises
    ------
    InputError
        If there is such an element, or the files cannot be read.
    """
    cards = {card.digest(): card for each in study.ends for card in each.cards}
    for card in cards.values():
        if len(card.elements) > 1 and card.data_files():
            check_trained_elements(card, card.read(fetch(card, mirror)))


def open_draws(study: Study, target: Card, train: Frames) -> OpenDraws:
    """Return how often drawn structures leave more open than all training structures do.

    That is, for each size of which any do, in how many draws they leave more constant energies of
    elements undetermined, and the number of draws: pairs of seeds, at each temperature.
    """
    found: dict[int, tuple[int, int]] = {}
    n_determined = len(train.elements()) - n_undetermined(train)
    for structures in study.training_sets():
        drawn = chosen(train, study.drawn(target, structures))
        determined = len(drawn.elements()) - n_undetermined(drawn)
        n_open, n_draws = found.get(structures.size, (0, 0))
        found[structures.size] = n_open + (determined < n_determined), n_draws + 1
    return {size: counts for size, counts in found.items() if counts[0]}


def all_open_draws(study: Study, store: Store, finished: Collection[str]) -> dict[str, OpenDraws]:
    """Return `open_draws` of each target of several elements, by the key of its job."""
    found = {}
    for target in {ends.target.digest(): ends.target for ends in study.ends}.values():
        key = dataset_job(target).key
        if key in finished and len(target.elements) > 1:
            train = Frames.load(store.folder(key) / data_file("train"))
            found[key] = open_draws(study, target, train)
    return found


def on_compositions(
    card: Card, undetermined: int, new: Mapping[str, int], n_test: int
) -> Iterator[str]:
    """Yield what the compositions of all training structures leave open.

    Parameters
    ----------
    undetermined
        Constant energies of elements that they do not determine.
    new
        Test structures, of ``n_test``, of each composition that they do not have.
    """
    if undetermined:
        n_elements = len(card.elements)
        yield (
            f"The compositions of the training structures of {card.name} determine only "
            f"{n_elements - undetermined} of the {n_elements} constant energies of its elements; "
            "the smallest that fit are taken, so that energies of other compositions mean nothing."
        )
    if new:
        yield extrapolated(new, n_test, f" of {card.name}")


def on_draws(card: Card, draws: OpenDraws) -> Iterator[str]:
    """Yield a sentence on `open_draws`, if there are any."""
    if draws:
        sizes = [f"N = {size} ({n} of {of} draws)" for size, (n, of) in draws.items()]
        yield (
            f"With {listed(sizes)}, the training structures of {card.name} leave constant "
            "energies of its elements undetermined; the smallest that fit are taken, so that "
            "energies of other compositions mean nothing."
        )
