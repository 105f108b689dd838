"""Where the numbers of a run come from, and whether another run should find the same ones."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ConfigDict

from tlbench.base.files import stored
from tlbench.base.formats import Format
from tlbench.base.schema import Strict
from tlbench.results.results import PROVENANCE


class Origin(Strict):
    """Code, packages and machine of one job or several."""

    model_config = ConfigDict(extra="ignore")

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

    @property
    def commit(self) -> str:
        """The commit of the code, in words."""
        return (self.git_commit or "unknown")[:12] + (" with changes" if self.git_dirty else "")


ORIGINS_FORMAT = Format("job", Origin)


def read_origins(folder: Path) -> list[Origin]:
    """Return the different origins of a run's jobs; none if it does not say.

    Raises
    ------
    InputError
        If its provenance cannot be read.
    """
    path = stored(folder / PROVENANCE)
    origins = ORIGINS_FORMAT.read_lines(path) if path.exists() else []
    return list({origin.model_dump_json(): origin for origin in origins}.values())


def same_bits(first: Sequence[Origin], second: Sequence[Origin]) -> bool:
    """Return whether all numbers of both come from one kind of machine, and a processor."""
    both = [*first, *second]
    return bool(first and second) and all(
        origin.device == "cpu" and origin.machine == both[0].machine for origin in both
    )


def differences(first: Iterable[Origin], second: Iterable[Origin]) -> list[str]:
    """Return in what the machines and packages of two runs differ, in words."""
    ours, theirs = _properties(first), _properties(second)
    return [
        f"{name} {ours.get(name, 'unknown')} here, {theirs.get(name, 'unknown')} there"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]


def _properties(origins: Iterable[Origin]) -> dict[str, str]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for origin in origins:
        for name, value in origin.machine.items():
            found[name].add("unknown" if value is None else str(value))
    return {name: " or ".join(sorted(values)) for name, values in found.items()}
