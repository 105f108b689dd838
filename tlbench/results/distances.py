"""The distances between the data sets of a run."""

from collections.abc import Iterable
from dataclasses import asdict

from pydantic import Field

from tlbench.base.formats import Format
from tlbench.base.magnitudes import Count, Temperature
from tlbench.base.schema import Strict
from tlbench.engine.store.store import Store
from tlbench.jobs import distance
from tlbench.metrics.distances.quantities import SetDistance
from tlbench.study.plan import Plan

FILE = "distances.jsonl"


class NamedSet(Strict):
    """Structures of a part of a data set, of one temperature or all.

    ``part`` says which of the source's training structures they are, None if the suite has no
    such parts; ``n_frames`` how many structures there are.
    """

    data: str
    element: str
    split: str
    part: str | None
    temperature_k: Temperature | None
    n_frames: Count


class DataDistance(Strict):
    """Every distance between two sets; none where one has fewer than two structures."""

    a: NamedSet
    b: NamedSet
    distances: list[SetDistance] = Field(max_length=100)
    job: str

    def get(self, name: str, form: str) -> SetDistance | None:
        """Return one of the distances, if it is known."""
        wanted = (d for d in self.distances if (d.name, d.form) == (name, form))
        return next(wanted, None)

    @property
    def is_overall(self) -> bool:
        """Whether both sets are of all temperatures; the others are too many for a table."""
        return self.a.temperature_k is None and self.b.temperature_k is None


DISTANCES_FORMAT = Format("distance", DataDistance)


def collect_distances(plan: Plan, store: Store, finished: Iterable[str]) -> list[DataDistance]:
    """Return the distances of ``plan`` whose jobs are in ``finished``, in plan order."""
    available = set(finished)
    found = []
    for pair in plan.compared:
        if pair.job in available:
            result = store.result(pair.job, distance.Result)
            sets = {
                role: NamedSet(**asdict(each), n_frames=n_frames)
                for role, each, n_frames in (("a", pair.a, result.n_a), ("b", pair.b, result.n_b))
            }
            found.append(DataDistance(**sets, distances=result.distances, job=pair.job))
    return found
