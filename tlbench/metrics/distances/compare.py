"""All distances between two sets of structures."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tlbench.base.errors import InputError
from tlbench.metrics.distances.quantities import (
    FORMS,
    QUANTITIES,
    DistanceSettings,
    Form,
    SetDistance,
)
from tlbench.metrics.distances.structures import Sample, StructureSet
from tlbench.metrics.distances.transport import (
    DistanceEstimate,
    discrepancy,
    estimate,
    exact,
    sliced,
    wasserstein,
)


def compare_sets(
    a: StructureSet,
    b: StructureSet,
    settings: DistanceSettings,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> list[SetDistance]:
    """Return every distance that two sets allow.

    Parameters
    ----------
    on_done
        Called with the number of distances that are done, and that of all.

    Raises
    ------
    InputError
        If a set has a single structure, the two are the same, or have no quantity in common.
    """
    for each in (a, b):
        if len(each.frames) < 2:
            raise InputError(
                f"{each.name} has a single structure: how much of a distance is chance cannot be "
                "estimated from fewer than two."
            )
    if _are_equal(a, b):
        raise InputError(f"{a.name} and {b.name} hold the same structures: their distance is 0.")
    found = []
    tasks = _tasks(a, b, settings)
    if not tasks:
        raise InputError(
            f"{a.name} and {b.name} have no quantity in common that two structures of each have."
        )
    for number, (name, form, unit, distance) in enumerate(tasks):
        value = distance()
        found.append(
            SetDistance(
                name=name,
                form=form,
                unit=unit,
                **{key: round(number, 9) for key, number in vars(value).items()},
            )
        )
        on_done(number + 1, len(tasks))
    return found


def _are_equal(a: StructureSet, b: StructureSet) -> bool:
    return all(
        np.array_equal(getattr(a.frames, name), getattr(b.frames, name))
        for name in ("n_atoms", "positions", "cell", "atomic_numbers")
    )


_Task = tuple[str, Form, str, Callable[[], DistanceEstimate]]


def _tasks(a: StructureSet, b: StructureSet, settings: DistanceSettings) -> list[_Task]:
    tasks: list[_Task] = []
    for form in FORMS:
        ours, theirs = (each.samples(settings, form == "scaled") for each in (a, b))
        for quantity in QUANTITIES:
            pair = [each[quantity.name] for each in (ours, theirs) if quantity.name in each]
            # Of what a single structure has nothing is known.
            if len(pair) == 2 and all(each.n_present > 1 for each in pair):
                unit = quantity.scaled_unit if form == "scaled" else quantity.unit
                task = partial(
                    estimate, pair[0], pair[1], wasserstein, settings.resamples, settings.halves
                )
                tasks.append((quantity.name, form, unit, task))
    for form in FORMS:
        here, there = a.environments(form == "scaled"), b.environments(form == "scaled")
        if here is not None and there is not None and min(here.n_present, there.n_present) > 1:
            tasks += _of_environments(here, there, form, settings)
    return tasks


def _of_environments(a: Sample, b: Sample, form: Form, settings: DistanceSettings) -> list[_Task]:
    many = a.thinned(settings.environments), b.thinned(settings.environments)
    few = a.thinned(settings.exact), b.thinned(settings.exact)
    how = settings.resamples, settings.halves
    return [
        ("sliced", form, "", partial(
            estimate, *many, partial(sliced, projections=settings.projections), *how
        )),
        ("exact", form, "", partial(estimate, *few, exact, *how)),
        ("discrepancy", form, "", partial(estimate, *many, discrepancy, *how)),
    ]  # fmt: skip
