"""Whether test structures, and errors on them, are possible."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from tlbench.board.reading import Entry
from tlbench.board.verification.models import Model
from tlbench.data.cards import Card
from tlbench.data.marks import marked_frames
from tlbench.metrics.spec import FrameErrors
from tlbench.results.frame_errors import ModelErrors, TestSet

ROUNDING = 1e-6
"""Relative; errors are stored in single precision."""

FINEST = 1e-9
"""Mean absolute errors over a whole test set that are not reached, eV/Å per component and eV.

Networks compute in single precision, where a force that is a sum of terms of 0.1 eV/Å is known to
2⁻²⁴ of them, 6·10⁻⁹ eV/Å, and the energy of one atom to 10⁻⁷ eV; labels have no more digits. Single
structures do reach it, and 0, where symmetry makes forces vanish.
"""


def check_tests(entry: Entry, tested: list[TestSet]) -> Iterator[str]:
    """Yield what is wrong with the test structures."""
    data = {each.job: each for each in entry.about.data}
    for tests in tested:
        known = data.get(tests.data)
        if known is None or known.element != tests.element:
            yield f"The test structures of {tests.element} are of no data set of the submission."
            continue
        if len(tests.n_atoms) != known.n_frames["test"]:
            yield (
                f"{known.card} has {known.n_frames['test']} test structures, but "
                f"{len(tests.n_atoms)} are listed."
            )
        elif known.tests != tests.digest():
            yield f"The test structures of {known.card} are not those whose digest is given."
        elif known.recipe in entry.cards:
            card = entry.cards[known.recipe]
            yield from _sampled(tests, card)
            if tests.marks != marked_frames(entry.study.marked(card), tests.group):
                yield f"The marked test structures of {known.card} are not those of the suite."
    if len({tests.data for tests in tested}) != len(tested):
        yield "A test set is given twice."


def _sampled(tests: TestSet, card: Card) -> Iterator[str]:
    """Yield what is not as the recipe of a data set has it that is sampled."""
    made = card.origin.described("test")
    if made is None:
        return
    if len(tests.n_atoms) != len(made):
        yield f"{card.name} has {len(made)} test structures by its recipe."
        return
    stated = zip(tests.n_atoms, tests.temperature, tests.phases, strict=True)
    if any(tests.groups) or Counter(stated) != Counter(
        (each.n_atoms, each.temperature_k, each.phase) for each in made
    ):
        yield f"The test structures of {card.name} are not those that its recipe makes."


def check_errors(
    tested: list[TestSet], measured: list[ModelErrors], models: list[Model]
) -> Iterator[str]:
    """Yield errors that no model can have, or that two models cannot both have.

    Within one submission errors are compared to the last digit: after few updates, arms that
    differ by a weak regularisation differ in the sixth digit only.

    The sum of n absolute values is at least the root of the sum of their squares, and at most √n
    times that. Sums over the atoms of each element add up to those over all. Over a whole test set
    errors do not vanish, see `FINEST`.
    """
    if len({errors.job for errors in measured}) != len(measured):
        yield "A list of errors is given twice."
    else:
        yield from _same_errors(measured, models)
    sets = {tests.data: tests for tests in tested}
    for errors in measured:
        try:
            found = errors.on(sets[errors.data])
        except (KeyError, ValueError):
            # Numbers that cannot follow from them are named elsewhere.
            continue
        total, n_atoms = found.force_abs, found.n_atoms
        if any(_contradict(each) for each in (found, *found.by_element.values())):
            yield f"The absolute and squared errors of job {errors.job[:12]} contradict each other."
        if not _add_up(found):
            yield f"The errors by element of job {errors.job[:12]} do not add up to those of all."
        for name, mean in (
            ("force", total.sum() / (3 * n_atoms.sum())),
            ("energy", FINEST if errors.energy is None else np.nanmean(np.abs(found.energy))),
        ):
            if mean < FINEST:
                yield (
                    f"The {name} errors of job {errors.job[:12]} are {mean:.2g} on average, less "
                    "than labels and networks have digits for."
                )


def _contradict(found: FrameErrors) -> bool:
    total, square = found.force_abs, found.force_square
    most = 3 * found.n_atoms * square * (1 + ROUNDING)
    return bool((total**2 < square * (1 - ROUNDING)).any() or (total**2 > most).any())


def _add_up(found: FrameErrors) -> bool:
    parts = found.by_element.values()
    return not parts or all(
        np.allclose(sum(getattr(each, name) for each in parts), getattr(found, name), ROUNDING, 0)
        for name in ("force_abs", "force_square")
    )


def _same_errors(measured: list[ModelErrors], models: list[Model]) -> Iterator[str]:
    """Yield the names of models whose errors are the same on every structure.

    The best weights of a model may be its last.
    """
    labels = {model.job: model.where.label() for model in reversed(models)}
    jobs = defaultdict(list)
    for errors in measured:
        jobs[errors.weights, *errors.force_abs].append(errors.job)
    for same in jobs.values():
        if len(same) > 1:
            names = "; ".join(labels.get(job, f"job {job[:12]}") for job in same)
            yield (
                f"Different models have the same errors on every structure: {names}. If their arms "
                "do not differ at this budget, keep one of them in the suite; if their draws chose "
                "the same few structures, choose other subset_seeds."
            )
