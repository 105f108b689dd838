"""What finished jobs cost, read from a store that may hold very many."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

from tlbench.base.schema import canonical_json
from tlbench.engine.estimates.known import Known
from tlbench.engine.estimates.work import Work, work_of
from tlbench.engine.store.provenance import Provenance
from tlbench.engine.store.store import Store
from tlbench.engine.work.devices import device_name
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.kind import first_form
from tlbench.results.costs import whole

MOST_ALIKE = 200
"""Finished jobs of the plan that are read, of each kind and backbone."""

MOST_OTHERS = 3000
"""Finished jobs that are read besides."""

LAST = 10
"""Jobs that tell how busy a machine is."""

TELLING_SECONDS = 0.5
"""Seconds of the processor below which a job tells nothing of how busy a machine is."""

_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True)
class Sample:
    """A finished job: how much it was, and what it took, all attempts at it included."""

    work: Work
    wall_seconds: float
    cpu_seconds: float
    started: str
    on_accelerator: bool


@dataclass
class Measured:
    """What was measured on the devices that are asked for.

    Attributes
    ----------
    processor, accelerator
        Names of the devices; None if jobs are not to use one, or nothing is known of it.
    speeds
        Seconds of a force call of 64 atoms by canonical backbone.
    elsewhere
        How many jobs were measured on which other devices.
    """

    processor: str
    accelerator: str | None
    samples: list[Sample] = field(default_factory=list)
    speeds: dict[str, float] = field(default_factory=dict)
    elsewhere: Counter[str] = field(default_factory=Counter)

    def accelerates(self, job: Job) -> bool:
        """Return whether a job is to be done on the accelerator."""
        return KINDS[job.kind].uses_device and self.accelerator is not None

    def busyness(self) -> float:
        """Return seconds by the clock for each of the processor, in the last jobs it did.

        The median of the `LAST` that were started last and took long enough to tell; 1 if there
        are none. It is 1 where each job has a core of its own, and 2 where two share one.
        """
        telling = [
            (each.started, each.wall_seconds / each.cpu_seconds)
            for each in self.samples
            if each.cpu_seconds >= TELLING_SECONDS and not each.on_accelerator
        ]
        return median([ratio for _, ratio in sorted(telling)[-LAST:]]) if telling else 1.0


def finished_in(store: Store) -> dict[str, Path]:
    """Return the folders of all finished jobs of a store by key, in order of their keys."""
    return {key: store.folder(key) for key in sorted(store.finished())}


def read_measured(
    jobs: Mapping[str, Job], finished: Mapping[str, Path], known: Known, device: str
) -> Measured:
    """Read what finished jobs cost on the device, from a bounded number of them.

    Those of the plan come first, `MOST_ALIKE` of each kind and backbone, then `MOST_OTHERS`
    others, both in order of their keys. Keys are digests, so that is a fair draw, and always the
    same.
    """
    found = Measured(device_name("cpu"), None)
    provenances = {}
    for key in _drawn(jobs, finished):
        provenance = known.read(key, "provenance.json", Provenance)
        if provenance is not None and known.job(key) is not None:
            provenances[key] = provenance
    if _resolve(device) == "cuda":
        names = Counter(
            each.device_name for each in provenances.values() if each.device.startswith("cuda")
        )
        found.accelerator = _accelerator(names)
    for key, provenance in provenances.items():
        job = known.job(key)
        if job is None:
            continue
        accelerated = found.accelerates(job)
        name = found.accelerator if accelerated else found.processor
        if provenance.device_name != name:
            found.elsewhere[provenance.device_name] += 1
            continue
        if job.kind == "speed" and provenance.force_call_seconds is not None:
            backbone = canonical_json(first_form(job.settings)["backbone"])
            found.speeds[backbone] = provenance.force_call_seconds
        if job.kind == "dataset":
            # Others may be taken to be as large.
            known.sizes(key)
        work = work_of(job, known)
        if work is not None:
            cost = whole(provenance)
            seconds = cost.wall_seconds, cost.cpu_seconds
            found.samples.append(Sample(work, *seconds, cost.started, accelerated))
    return found


def _drawn(jobs: Mapping[str, Job], finished: Mapping[str, Path]) -> Iterable[str]:
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for key in sorted(jobs.keys() & finished.keys()):
        job = jobs[key]
        alike[job.kind, canonical_json(job.config.get("backbone"))].append(key)
    for keys in alike.values():
        yield from keys[:MOST_ALIKE]
    others = (key for key in sorted(finished) if key not in jobs)
    for _, key in zip(range(MOST_OTHERS), others, strict=False):
        yield key


def _resolve(device: str) -> str:
    """Resolve "auto" without importing torch where there is no sign of an accelerator."""
    if device != "auto":
        return device
    if not any(Path(name).exists() for name in _GPU_FILES):
        return "cpu"
    from tlbench.engine.work.devices import resolve

    return resolve(device)


@cache
def _here() -> str | None:
    import torch

    return device_name("cuda") if torch.cuda.is_available() else None


def _accelerator(measured: Counter[str]) -> str:
    """Return the accelerator of this machine; without one, the one used most."""
    return _here() or (measured.most_common(1)[0][0] if measured else "a CUDA device")
