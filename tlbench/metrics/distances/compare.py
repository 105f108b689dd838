"""All distances between two sets of structures."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from pydantic import Field

from tlbench.errors import InputError
from tlbench.metrics.distances.sample import Sample
from tlbench.metrics.distances.settings import DistanceSettings
from tlbench.metrics.distances.structures import QUANTITIES, StructureSet
from tlbench.metrics.distances.transport import discrepancy, exact, sliced, wasserstein
from tlbench.metrics.distances.uncertainty import Estimate, estimate
from tlbench.schema import Strict

Form = Literal["raw", "scaled"]
FORMS: tuple[Form, Form] = ("raw", "scaled")

OF_ENVIRONMENTS = {
    "sliced": "environments, sliced transport",
    "exact": "environments, exact transport",
    "discrepancy": "environments, mean discrepancy",
}
"""Distances of whole environments, without a unit."""


class SetDistance(Strict):
    """One distance between two sets, its 95 % interval, and its floor within the sets.

    The name is that of a quantity or of a distance of environments.
    """

    name: str
    form: Form
    unit: str
    value: float = Field(ge=0)
    low: float
    high: float
    floor: float

    @property
    def is_resolved(self) -> bool:
        """Whether the interval lies above the floor."""
        return self.low > self.floor


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
        If a set has a single structure, or the two have no quantity in common.
    """
    for each in (a, b):
        if len(each.frames) < 2:
            raise InputError(
                f"{each.name} has a single structure: how much of a distance is chance cannot be "
                "told from fewer than two."
            )
    found = []
    tasks = _tasks(a, b, settings)
    if not tasks:
        raise InputError(
            f"{a.name} and {b.name} have no quantity in common: in one of them no atom has a "
            "neighbour and forces are not known."
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


_Task = tuple[str, Form, str, Callable[[], Estimate]]


def _tasks(a: StructureSet, b: StructureSet, settings: DistanceSettings) -> list[_Task]:
    tasks: list[_Task] = []
    for form in FORMS:
        ours, theirs = (each.samples(settings, form == "scaled") for each in (a, b))
        for quantity in QUANTITIES:
            if quantity.name in ours and quantity.name in theirs:
                unit = quantity.scaled_unit if form == "scaled" else quantity.unit
                pair = ours[quantity.name], theirs[quantity.name]
                task = partial(estimate, *pair, wasserstein, settings.resamples, settings.halves)
                tasks.append((quantity.name, form, unit, task))
    for form in FORMS:
        here, there = a.environments(form == "scaled"), b.environments(form == "scaled")
        if here is not None and there is not None:
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
