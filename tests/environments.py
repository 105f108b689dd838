"""Environments that hold some packages of this one, linked instead of installed a second time."""

import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def make_environment(folder: Path) -> Path:
    """Make an empty environment without pip, and return its interpreter."""
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def site_of(python: Path) -> Path:
    """Return the folder of an environment's packages."""
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    return site


def pip(python: Path) -> tuple[object, ...]:
    """Return the command of our pip for an environment, which then needs none of its own."""
    return sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python


def link_packages(python: Path, roots: Iterable[str], constraints: Path | None = None) -> None:
    """Let an environment see requirements, and what they require, as far as this one has them.

    A version that ``constraints`` excludes is left out, and so is what only it requires.
    """
    pins = _pins(constraints) if constraints else {}
    shared = Path(sysconfig.get_paths()["purelib"])
    # Outside of the environment, so that pip removes nothing from where the links lead.
    linked = python.parents[1].with_suffix(".linked")
    linked.mkdir()
    tops = {file.parts[0] for each in _closure(roots, pins) for file in each.files or ()}
    for top in tops - {"..", "__pycache__"}:
        (linked / top).symlink_to(shared / top)
    (site_of(python) / "linked.pth").write_text(f"{linked}\n")


def _pins(constraints: Path) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in constraints.read_text().splitlines())
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, filter(None, lines))}


def _closure(roots: Iterable[str], pins: dict[str, Requirement]) -> Iterator[Distribution]:
    """Yield each distribution; of tlbench, whose sources are installed, only what it needs."""
    queue, seen = list(map(Requirement, roots)), set[tuple[str, str]]()
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if name in pins and found.version not in pins[name].specifier:
            continue
        new = {(name, extra) for extra in ("", *wanted.extras)} - seen
        for _, extra in new:
            needed = map(Requirement, found.requires or ())
            queue += [r for r in needed if not r.marker or r.marker.evaluate({"extra": extra})]
        if (name, "") in new and name != "tlbench":
            yield found
        seen |= new
