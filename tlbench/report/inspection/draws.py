"""What draws of training structures leave open, and those that are equal or have no forces."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from tlbench.base.errors import InputError
from tlbench.base.phrases import counted, listed
from tlbench.base.schema import Strict, digest
from tlbench.data.cards import Card
from tlbench.data.compositions import n_undetermined
from tlbench.data.frames import Frames
from tlbench.data.inspection.forces import has_forces
from tlbench.data.splits import Drawn, chosen_indices
from tlbench.study.plan import dataset_job
from tlbench.study.study import Study

SHOWN = 3
"""Groups of equal draws that are named of each size."""


class Draws(Strict):
    """The draws of training structures of one size, at one temperature or from all.

    ``n_open`` draws, of ``n_draws``, leave more constant energies of elements undetermined than all
    training structures do. ``equal`` has groups of subset seeds that draw the same structures,
    ``silent`` the seeds that draw only structures without forces, where others have some.
    """

    size: int
    temperature_k: float | None
    n_draws: int
    n_open: int
    equal: list[list[int]]
    silent: list[int]

    @property
    def place(self) -> str:
        """Their size, and the temperature if they are of one."""
        at = "" if self.temperature_k is None else f" at {self.temperature_k:g} K"
        return f"N = {self.size}{at}"


def draws_key(study: Study, target: Card) -> str:
    """Return a key of all that draws from a target depend on."""
    drawn = [study.drawn(target, each).model_dump(mode="json") for each in study.training_sets()]
    return f"{dataset_job(target).key}/{digest(drawn)}"


def draws_from(study: Study, target: Card, train: Frames) -> list[Draws]:
    """Return the draws of a study from the training structures of a target."""
    places: dict[tuple[int, float | None], dict[int, Drawn]] = {}
    for each in study.training_sets():
        seeds = places.setdefault((each.size, each.train_temperature_k), {})
        seeds[each.subset_seed] = study.drawn(target, each)
    found = []
    for place, seeds in places.items():
        # Models of a size that cannot be drawn say so themselves.
        with suppress(InputError):
            found.append(_draws(train, *place, seeds))
    return found


def _draws(train: Frames, size: int, at: float | None, seeds: Mapping[int, Drawn]) -> Draws:
    indices = {seed: chosen_indices(train, drawn) for seed, drawn in seeds.items()}
    same: dict[frozenset[int], list[int]] = {}
    for seed, drawn in indices.items():
        same.setdefault(frozenset(drawn.tolist()), []).append(seed)
    n_available = len(train) if at is None else int((train.temperature_k == at).sum())
    several = len(train.elements()) > 1
    n_determined = _n_determined(train)
    acting = has_forces(train)
    return Draws(
        size=size,
        temperature_k=at,
        n_draws=len(indices),
        n_open=sum(
            several and _n_determined(train.select(drawn)) < n_determined
            for drawn in indices.values()
        ),
        # Whoever draws all structures there are can only draw the same.
        equal=[group for group in same.values() if len(group) > 1 and size < n_available],
        silent=[s for s, drawn in indices.items() if acting.any() and not acting[drawn].any()],
    )


def _n_determined(frames: Frames) -> int:
    """Return how many constant energies of elements the compositions of frames determine."""
    return len(frames.elements()) - n_undetermined(frames)


def on_draws(name: str, draws: Collection[Draws]) -> Iterator[str]:
    """Yield sentences on the draws from a data set."""
    counts: dict[int, tuple[int, int]] = {}
    for each in draws:
        n_open, n_draws = counts.get(each.size, (0, 0))
        counts[each.size] = n_open + each.n_open, n_draws + each.n_draws
    if sizes := [f"N = {size} ({n} of {of} draws)" for size, (n, of) in counts.items() if n]:
        yield (
            f"With {listed(sizes)}, the training structures of {name} leave constant energies of "
            "its elements undetermined; the smallest that fit are taken, so that energies of other "
            "compositions mean nothing."
        )
    for each in draws:
        if each.equal:
            yield _on_equal(name, each)
        if each.silent:
            yield (
                f"The structures of {name} that are drawn at {each.place} with subset seed "
                f"{listed(map(str, each.silent))} have no forces, so models that are trained on "
                "them learn none."
            )


def _on_equal(name: str, draws: Draws) -> str:
    named = [listed(map(str, group)) for group in draws.equal[:SHOWN]]
    left = len(draws.equal) - SHOWN
    more = f", and {counted(left, 'more group')}" if left > 0 else ""
    return (
        f"Subset seeds {', and also '.join(named)}{more} draw the same structures of {name} at "
        f"{draws.place}. Their pairs differ in the other random numbers alone, so that intervals "
        "there may be too narrow; choose other subset_seeds."
    )
