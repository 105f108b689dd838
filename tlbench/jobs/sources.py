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
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tlbench.backbones import BACKBONES
from tlbench.data.origins import ORIGINS
from tlbench.data.readers import READERS
from tlbench.errors import InputError, TlbenchError
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.imports import PACKAGE, SourceFiles, is_leftover
from tlbench.metrics import METRICS
from tlbench.registry import Registry
from tlbench.schema import digest
from tlbench.transfer import INITIALISATIONS, STRATEGIES

_REGISTRIES: Mapping[str, Registry[Any]] = {
    "tlbench.backbones.BACKBONES": BACKBONES,
    "tlbench.transfer.STRATEGIES": STRATEGIES,
    "tlbench.transfer.INITIALISATIONS": INITIALISATIONS,
    "tlbench.metrics.METRICS": METRICS,
    "tlbench.data.origins.ORIGINS": ORIGINS,
    "tlbench.data.readers.READERS": READERS,
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
            registered = _registered(name)
            if registered is None:
                raise KeyError(name)
            module, provider = registered
            if module.partition(".")[0] == PACKAGE:
                self._own(name, module)
            else:
                self._foreign(name, module, provider)
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
        registered = _registered(name)
        return registered is not None and self.tree.has(registered[0])

    def _own(self, name: str, module: str) -> None:
        files = self.tree.closure([module])
        self._files[name] = _modules(files, self.tree.root)
        self._digests[name] = self.tree.digest(files)

    def _foreign(self, name: str, module: str, provider: str | None) -> None:
        top, files = _package_files(self.tree, module, provider)
        own = self._used_by(path for path in files if path.suffix == ".py")
        self._files[name] = _modules(files, top) | _modules(own, self.tree.root)
        self._digests[name] = digest([self.tree.digest(files, top), self.tree.digest(own)])

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
"""Files that this process has imported as their digest says. Files that are no modules may be read
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


def _registered(name: str) -> tuple[str, str | None] | None:
    """Return the module of a source and the distribution that it comes from, None if unknown."""
    if name in KINDS:
        return KINDS[name].module, None
    for kind, registry in REGISTRIES.items():
        own_name = name.removeprefix(f"{kind} ")
        if own_name != name and own_name in registry:
            return registry.module(own_name), registry.provider(own_name)
    return None


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
    return {registry.module(name) for registry in named for name in registry.names()}


def _package_files(tree: SourceFiles, module: str, provider: str | None) -> tuple[Path, list[Path]]:
    """Return the files of the package that a module lies in, and the folder that it lies in.

    Files elsewhere that were installed with it are among them. Where it is not known what was, as
    in an editable installation, those are that its modules import from beside it.

    Parameters
    ----------
    provider
        Name and version of the distribution that it comes from, if that is known.

    Raises
    ------
    TlbenchError
        If the package cannot be found, or has too many files.
    """
    place = _place_of(module)
    if place is None:
        raise TlbenchError(
            f"The files of the module {module!r} cannot be found, so results of it could not be "
            "told from those of another version; install its package."
        )
    found = {place} if place.name != "__init__.py" else set(_below(place.parent))
    top = place.parent if place.name != "__init__.py" else place.parent.parent
    installed: set[Path] = set()
    if provider is not None:
        try:
            listed = distribution(provider.rpartition(" ")[0]).files or []
        except PackageNotFoundError:
            listed = []
        paths = (Path(str(each.locate())) for each in listed if each.parts[0] != "..")
        installed |= {p for p in paths if p.is_relative_to(top) and _is_source(p.relative_to(top))}
    found = {path for path in found | installed if path.is_file()}
    if place not in installed:
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


def _is_source(path: Path) -> bool:
    """Return whether a file that was installed is more than a record of the installation."""
    top = path.parts[0]
    about = top.endswith((".dist-info", ".egg-info", ".pth")) or "editable" in top
    return not about and not any(map(is_leftover, path.parts))
