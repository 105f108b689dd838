"""Where the numbers of a run come from, and whether another run should find the same ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ConfigDict

from tlbench.base.files import stored
from tlbench.base.schema import Strict, read_lines
from tlbench.results.results import PROVENANCE


class Origin(Strict):
    """Code, packages and machine of one job or several."""

    device: str | None = None
    device_name: str
    threads: int
    kernels: str | None = None
    python: str
    packages: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None

    @property
    def machine(self) -> dict[str, object]:
        """What decides on the last bits of a number."""
        packages = {f"{name} version": version for name, version in self.packages.items()}
        return {
            "device": self.device_name,
            "threads": self.threads,
            "kernels": self.kernels,
            **packages,
        }


class _Job(Origin):
    """A line of a run's provenance, which says more."""

    model_config = ConfigDict(extra="ignore")


def read_origins(folder: Path) -> list[Origin]:
    """Return the different origins of a run's jobs; none if it does not say.

    Raises
    ------
    InputError
        If its provenance cannot be read.
    """
    path = stored(folder / PROVENANCE)
    if not path.exists():
        return []
    found: list[Origin] = []
    for job in read_lines(path, _Job, "job"):
        origin = Origin(**job.model_dump())
        if origin not in found:
            found.append(origin)
    return found


def same_bits(first: Sequence[Origin], second: Sequence[Origin]) -> bool:
    """Return whether all numbers of both come from one kind of machine, and a processor."""
    both = [*first, *second]
    machines = [origin.machine for origin in both]
    return (
        bool(first and second)
        and all(machine == machines[0] for machine in machines)
        and all(origin.device == "cpu" for origin in both)
    )


def differences(first: Sequence[Origin], second: Sequence[Origin]) -> list[str]:
    """Say in what the machines and packages of two runs differ."""
    ours, theirs = _values(first), _values(second)
    return [
        f"{name} {_either(ours.get(name))} here, {_either(theirs.get(name))} there"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]


def _values(origins: Iterable[Origin]) -> dict[str, list[str]]:
    """Return what there is of each property, sorted."""
    found: dict[str, set[str]] = {}
    for origin in origins:
        for name, value in origin.machine.items():
            known = "unknown" if value is None else str(value)
            found.setdefault(name, set()).add(known)
    return {name: sorted(values) for name, values in found.items()}


def _either(values: list[str] | None) -> str:
    return " or ".join(values) if values else "unknown"
