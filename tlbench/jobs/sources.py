"""Digests of the source code that jobs are done with.

Sources have names. That of a kind of job ("train") stands for the module of the kind and all of
tlbench that it imports. Those of what a job's config names ("backbone schnet", "metric force_mae")
stand for the module that it is registered with and what that imports; if it comes from another
package, for every file of that package, the single modules that it imports from beside it, and
what of tlbench all these import. If that looks something up in a registry, it is unknown what, so
all that tlbench registers there counts.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.registry import Registry
from tlbench.base.schema import digest
from tlbench.data.origins import ORIGINS
from tlbench.data.readers import READERS
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.imports import PACKAGE, SourceFiles, is_leftover
from tlbench.metrics import METRICS
from tlbench.models.backbones import BACKBONES
from tlbench.properties import PROPERTIES
from tlbench.transfer import INITIALISATIONS, STRATEGIES
from tlbench.transfer.potentials import POTENTIALS

_REGISTRIES: Mapping[str, Registry[Any]] = {
    "tlbench.models.backbones.BACKBONES": BACKBONES,
    "tlbench.transfer.STRATEGIES": STRATEGIES,
    "tlbench.transfer.INITIALISATIONS": INITIALISATIONS,
    "tlbench.metrics.METRICS": METRICS,
    "tlbench.data.origins.ORIGINS": ORIGINS,
    "tlbench.data.readers.READERS": READERS,
    "tlbench.properties.PROPERTIES": PROPERTIES,
    "tlbench.transfer.potentials.POTENTIALS": POTENTIALS,
}
"""Dotted names of the registries."""

REGISTRIES: Mapping[str, Registry[Any]] = {
    registry.kind: registry for registry in _REGISTRIES.values()
}
"""What a job's config may name, by what it is called."""

_MOST_FILES = 10_000
"""Files of a plugin's package."""


class Sources(Mapping[str, str]):
    """Name of a source → its digest, computed when it is asked for.

    Parameters
    ----------
    root
        Folder that the package tlbench lies in; by default that of the one in use.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.tree = SourceFiles(root or Path(__file__).parents[2])
        self._digests: dict[str, str] = {}
        self._files: dict[str, dict[Path, str]] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._digests:
            path = _registered(name)
            module = path.partition(":")[0]
            if module.partition(".")[0] == PACKAGE:
                top, files = self.tree.root, self.tree.closure([module])
                own: list[Path] = []
            else:
                top, files = _package_files(self.tree, module)
                own = self._used_by(path for path in files if path.suffix == ".py")
            self._files[name] = _modules(files, top) | _modules(own, self.tree.root)
            digests = [self.tree.digest(files, top), self.tree.digest(own)]
            self._digests[name] = digest([path, *digests])
        return self._digests[name]

    def __iter__(self) -> Iterator[str]:
        yield from KINDS
        for kind, registry in REGISTRIES.items():
            yield from (f"{kind} {name}" for name in registry.names())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def files(self, name: str) -> Mapping[Path, str]:
        """Return the files that a source consists of, and the names of the modules in them."""
        _ = self[name]
        return self._files[name]

    def has(self, name: str) -> bool:
        """Return whether a source is registered, and its module is there, below ``root``."""
        try:
            return self.tree.has(_registered(name).partition(":")[0])
        except KeyError:
            return False

    def _used_by(self, files: Iterable[Path]) -> list[Path]:
        """Return the files of tlbench that files of another package import, or may look up."""
        names = {name for path in files for name in self.tree.names_of(path)}
        while True:
            own = self.tree.closure(self.tree.modules(names))
            asked = names.union(*(self.tree.names_of(path) for path in own))
            more = _registered_in(asked.intersection(_REGISTRIES)) - names
            if not more:
                return own
            names |= more


@cache
def own_sources() -> Sources:
    """Return the sources of the tlbench in use, read once in a process."""
    return Sources()


_settled: set[tuple[str, Path]] = set()
"""Files that this process has imported as their digest says. Files that are not modules may be read
late, so they stand with the source that they have been checked for; modules stand with ""."""


def check_planned(job: Job) -> None:
    """Make sure that a job was planned with the code of this process.

    Raises
    ------
    InputError
        Naming the source that differs.
    """
    known = own_sources()
    for name, planned in job.sources.items():
        if known.get(name) != planned:
            raise InputError(
                f"The job {job.label!r} was planned with another version of the code of {name}; "
                "run or plan its suite again."
            )


def check_imported(job: Job) -> None:
    """Make sure that what has been imported for a job is what its key says.

    A file is read for its digest before it is imported. If it is the same afterwards, that is what
    was imported; later changes do no harm. Called when a job's code is there, when it has begun
    and when it has ended, as some of it is imported late.

    Raises
    ------
    InputError
        If a file was changed, so that it is unknown what was imported.
    """
    known = own_sources()
    for name in job.sources:
        for path, module in known.files(name).items():
            mark = ("" if module else name, path)
            if mark in _settled or (module and module not in sys.modules):
                continue
            if known.tree.changed(path):
                raise InputError(
                    f"{path} was changed before the job {job.label!r} had loaded it; run the suite "
                    "again."
                )
            _settled.add(mark)


def _registered(name: str) -> str:
    """Return the ``"module:attribute"`` of a source.

    Raises
    ------
    KeyError
        If it is unknown.
    """
    if name in KINDS:
        return KINDS[name].module
    for kind, registry in REGISTRIES.items():
        own_name = name.removeprefix(f"{kind} ")
        if own_name != name and own_name in registry:
            return registry.path(own_name)
    raise KeyError(name)


def _modules(files: Iterable[Path], root: Path) -> dict[Path, str]:
    """Return the names of the modules in files below ``root``, "" where there is none."""
    found = {}
    for path in files:
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[path] = name if path.suffix == ".py" else ""
    return found


def _registered_in(registries: Iterable[str]) -> set[str]:
    """Return the modules of all that is registered in registries with these dotted names."""
    named = (_REGISTRIES[each] for each in registries)
    found = {registry.path(name) for registry in named for name in registry.names()}
    return {path.partition(":")[0] for path in found}


def _package_files(tree: SourceFiles, module: str) -> tuple[Path, list[Path]]:
    """Return the files of the package that a module lies in, and the folder that it lies in.

    Single modules that it imports from beside it are among them.

    Raises
    ------
    TlbenchError
        If the package cannot be found, or has too many files.
    """
    place = _place_of(module)
    if place is None:
        raise TlbenchError(
            f"The files of the module {module!r} cannot be found, so its results could not be "
            "distinguished from those of another version; install its package."
        )
    top, found = place.parent, {place}
    if place.name == "__init__.py":
        top, found = place.parent.parent, {path for path in _below(place.parent) if path.is_file()}
    found |= _imported_from_beside(tree, top, found)
    if len(found) > _MOST_FILES:
        raise TlbenchError(
            f"The package of {module!r}, {place.parent}, has more than {_MOST_FILES} files, all of "
            "which may change its results; keep data of a plugin elsewhere."
        )
    return top, sorted(found)


def _imported_from_beside(tree: SourceFiles, folder: Path, files: Iterable[Path]) -> set[Path]:
    """Return the modules in a folder that files import, and those that these import.

    Packages in it are left out, as it may be where everything is installed.
    """
    waiting = [path for path in files if path.suffix == ".py"]
    found: set[Path] = set()
    seen: set[str] = set()
    while waiting:
        names = {name.partition(".")[0] for name in tree.names_of(waiting.pop())} - seen
        seen |= names
        new = {path for name in names if (path := folder / f"{name}.py").is_file()}
        found |= new
        waiting += new
    return found


def _place_of(module: str) -> Path | None:
    """Return the file of the outermost package of a module that is not a mere namespace."""
    parts = module.split(".")
    for number in range(1, len(parts) + 1):
        name = ".".join(parts[:number])
        file = getattr(sys.modules.get(name), "__file__", None)
        try:
            spec = None if file else find_spec(name)
        except (ImportError, ValueError):
            return None
        file = file or (spec.origin if spec is not None else None)
        if file:
            return Path(file)
    return None


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not is_leftover(each)]
        yield from (Path(where) / name for name in names if not is_leftover(name))
