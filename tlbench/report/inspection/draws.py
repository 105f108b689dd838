"""What draws of training structures leave open, and those that are equal or have no forces."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tlbench.base.phrases import counted, listed
from tlbench.data.cards import Card
from tlbench.data.compositions import n_undetermined
from tlbench.data.frames import Frames
from tlbench.data.inspection.forces import has_forces
from tlbench.data.splits import Drawn, chosen_indices
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.study.plan import dataset_job
from tlbench.study.study import Study

SHOWN = 3
"""Groups of equal draws that are named of each size."""


@dataclass(frozen=True)
class Draws:
    """The draws of training structures of one size, at one temperature or from all.

    Attributes
    ----------
    structures
        Indices of the training structures that each subset seed draws.
    n_available
        How many structures they are drawn from.
    n_open
        In how many draws they leave more constant energies of elements undetermined than all
        training structures do.
    silent
        Subset seeds that draw structures without forces alone, where others have some.
    """

    size: int
    temperature_k: float | None
    structures: Mapping[int, frozenset[int]]
    n_available: int
    n_open: int
    silent: tuple[int, ...]

    @property
    def place(self) -> str:
        """Their size, and the temperature if they are of one."""
        at = "" if self.temperature_k is None else f" at {self.temperature_k:g} K"
        return f"N = {self.size}{at}"

    def equal(self) -> list[list[int]]:
        """Return the groups of subset seeds that draw the same structures."""
        seeds: dict[frozenset[int], list[int]] = {}
        for seed, drawn in self.structures.items():
            seeds.setdefault(drawn, []).append(seed)
        return [group for group in seeds.values() if len(group) > 1]


def draws_from(study: Study, target: Card, train: Frames) -> list[Draws]:
    """Return the draws of a study from the training structures of a target."""
    places: dict[tuple[int, float | None], dict[int, Drawn]] = {}
    for each in study.training_sets():
        seeds = places.setdefault((each.size, each.train_temperature_k), {})
        seeds[each.subset_seed] = study.drawn(target, each)
    return [_draws(train, *place, seeds) for place, seeds in places.items()]


def _draws(train: Frames, size: int, at: float | None, seeds: Mapping[int, Drawn]) -> Draws:
    indices = {seed: chosen_indices(train, drawn) for seed, drawn in seeds.items()}
    n_determined = _n_determined(train)
    several = len(train.elements()) > 1
    acting = has_forces(train)
    return Draws(
        size,
        at,
        {seed: frozenset(drawn.tolist()) for seed, drawn in indices.items()},
        len(train) if at is None else int((train.temperature_k == at).sum()),
        sum(
            several and _n_determined(train.select(drawn)) < n_determined
            for drawn in indices.values()
        ),
        tuple(seed for seed, drawn in indices.items() if acting.any() and not acting[drawn].any()),
    )


def _n_determined(frames: Frames) -> int:
    """Return how many constant energies of elements the compositions of frames determine."""
    return len(frames.elements()) - n_undetermined(frames)


def notes_on_draws(study: Study, store: Store, finished: Collection[str]) -> Iterator[str]:
    """Yield sentences on the draws from each target whose job is in ``finished``."""
    if not any(arm.trains for arm in study.arms):
        return
    for target in {ends.target.digest(): ends.target for ends in study.ends}.values():
        key = dataset_job(target).key
        if key in finished:
            train = Frames.load(store.folder(key) / data_file("train"))
            draws = draws_from(study, target, train)
            yield from _on_open(target.name, draws)
            yield from _on_equal(target.name, draws)
            yield from _on_silent(target.name, draws)


def _on_open(name: str, draws: Collection[Draws]) -> Iterator[str]:
    counts: dict[int, tuple[int, int]] = {}
    for each in draws:
        n_open, n_draws = counts.get(each.size, (0, 0))
        counts[each.size] = n_open + each.n_open, n_draws + len(each.structures)
    if sizes := [f"N = {size} ({n} of {of} draws)" for size, (n, of) in counts.items() if n]:
        yield (
            f"With {listed(sizes)}, the training structures of {name} leave constant energies of "
            "its elements undetermined; the smallest that fit are taken, so that energies of other "
            "compositions mean nothing."
        )


def _on_equal(name: str, draws: Collection[Draws]) -> Iterator[str]:
    """Yield which subset seeds draw the same structures, but where they can only draw all."""
    for each in draws:
        if each.size == each.n_available or not (groups := each.equal()):
            continue
        named = [listed(map(str, group)) for group in groups[:SHOWN]]
        more = f", and {counted(len(groups) - SHOWN, 'more group')}" if len(groups) > SHOWN else ""
        yield (
            f"Subset seeds {', and also '.join(named)}{more} draw the same structures of {name} at "
            f"{each.place}. Their pairs differ in the other random numbers alone, so that "
            "intervals there may be too narrow; choose other subset_seeds."
        )


def _on_silent(name: str, draws: Collection[Draws]) -> Iterator[str]:
    for each in draws:
        if each.silent:
            seeds = listed(map(str, each.silent))
            yield (
                f"The structures of {name} that are drawn at {each.place} with subset seed {seeds} "
                "have no forces, so models that are trained on them learn none."
            )
