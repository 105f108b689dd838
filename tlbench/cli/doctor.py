"""``tlbench doctor``: what works on this machine, and what to do about what does not."""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tlbench.cli.options import StoreFolder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["works", "absent", "broken"]
"""What is absent can be done without; what is broken ends in exit code 1."""

WIDTH = 80

_NOT_FOR_USERS = ("dev", "testing")
"""Extras for those who change tlbench."""

_MODULES = {"mace-torch": "mace", "pot": "ot", "pyyaml": "yaml"}
"""Packages whose module has another name."""

_IMPORT_SECONDS = 300


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    found
        Version, path or what is wrong, in a few words.
    remedy
        What to do; empty for what works.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def doctor(
    store: StoreFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what works on this machine: versions, compiler, device, store and extras.

    Exit code 1 if something that tlbench needs is broken.
    """
    checks = list(examine(store))
    is_broken = any(check.state == "broken" for check in checks)
    if as_json:
        values = {"works": not is_broken, "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(values, indent=1))
    else:
        _show(checks)
    if is_broken:
        raise typer.Exit(1)


def examine(store: Path | None = None) -> Iterator[Check]:
    """Yield every check, those of extras last; None is the user's own store."""
    yield from _versions()
    packages = list(_packages())
    yield from packages
    if all(check.state == "works" for check in packages):
        yield _kernels()
        yield _device()
        yield _store(store)
    yield _cache()
    yield from _extras()


def _show(checks: list[Check]) -> None:
    from tlbench.cli.tables import console, drawn, say

    out = console()
    width = min(out.width, WIDTH)
    lines = [["", "", "found"], *([c.name, c.state, c.found] for c in checks)]
    out.print(drawn(lines, width, words=(0, 1, 2), header=False), width=width)
    remedies = [f"{check.name}: {check.remedy}" for check in checks if check.remedy]
    if remedies:
        out.print()
    for remedy in remedies:
        say(remedy, out)


def _versions() -> Iterator[Check]:
    import tlbench

    where = Path(tlbench.__file__).parent
    yield Check("tlbench", "works", f"{_installed('tlbench') or 'not installed'}, {where}")
    yield Check("Python", "works", f"{platform.python_version()}, {sys.executable}")


def _packages() -> Iterator[Check]:
    """Yield whether what tlbench requires is there; torch is named, as so much depends on it."""
    required = [need for need in _requirements() if need.marker is None]
    unmet = [_unmet(need) for need in required]
    lacking = [text for text in unmet if text]
    if lacking:
        wanted = " ".join(f"'{need}'" for need, text in zip(required, unmet, strict=True) if text)
        yield Check("packages", "broken", "; ".join(lacking), f"pip install {wanted}")
        return
    imported = _import(_module(need.name) for need in required)
    if broken := [f"{name}: {error}" for name, error in imported.items() if error]:
        remedy = "install these packages again, in a fresh environment if need be."
        yield Check("packages", "broken", "; ".join(broken), remedy)
        return
    torch = _installed("torch")
    yield Check("packages", "works", f"{len(required)} of {len(required)}, with torch {torch}")


def _kernels() -> Check:
    from tlbench.kernels.library import compiler_flags, describe

    used = describe()
    if compiler_flags() is not None:
        return Check("kernels", "works", f"compiled by {used}")
    return Check(
        "kernels",
        "absent",
        f"not compiled; {used} is used",
        "for several times the speed on a processor, install a C compiler (gcc and the headers of "
        "the C library), and leave TLBENCH_KERNELS unset.",
    )


def _device() -> Check:
    from tlbench.engine.work.devices import device_name, has_driver, resolve

    device = resolve("auto")
    found = f"{device}: {device_name(device)}"
    if device == "cpu" and has_driver():
        remedy = "there is a GPU's driver, but this build of torch cannot use it; install a build "
        return Check("device", "absent", found, f"{remedy}of torch for CUDA.")
    return Check("device", "works", found)


def _store(folder: Path | None) -> Check:
    from tlbench.base.errors import StoreError
    from tlbench.engine.store.store import Store
    from tlbench.run import default_store

    root = folder or default_store()
    if not root.exists():
        return _writable("store", root, f"{root}, made by the first run")
    try:
        store = Store(root, read_only=True)
        finished = len(store.finished())
    except StoreError as error:
        return Check("store", "broken", str(root), str(error))
    aside = root / ".damaged"
    damaged = sum(1 for _ in aside.iterdir()) if aside.is_dir() else 0
    state = f"{root}, {finished} finished jobs" + (f", {damaged} damaged" if damaged else "")
    if store.limitation:
        state += f"; {store.limitation}"
    return _writable("store", root, state)


def _cache() -> Check:
    import platformdirs

    folder = Path(platformdirs.user_cache_path("tlbench"))
    return _writable("cache", folder, str(folder))


def _writable(name: str, folder: Path, found: str) -> Check:
    """Return whether files can be made in a folder, or in the first one above that there is."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    variable = "TLBENCH_STORE" if name == "store" else "XDG_CACHE_HOME"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        remedy = f"let {there} be written to, or name another folder in {variable}."
        return Check(name, "broken", f"{folder}: {error.strerror}", remedy)
    return Check(name, "works", found)


def _extras() -> Iterator[Check]:
    """Yield of each extra whether its packages are there and can be imported."""
    extras: dict[str, list[Requirement]] = {}
    for need in _requirements():
        for name in _extra_names():
            if need.marker is not None and need.marker.evaluate({"extra": name}):
                extras.setdefault(name, []).append(need)
    unmet = {name: list(filter(None, map(_unmet, needs))) for name, needs in extras.items()}
    there = [_module(need.name) for name, needs in extras.items() if not unmet[name]
             for need in needs]  # fmt: skip
    errors = _import(there)
    for name, needs in extras.items():
        problems = unmet[name] or [
            f"{need.name}: {error}" for need in needs if (error := errors[_module(need.name)])
        ]
        versions = ", ".join(f"{need.name} {_installed(need.name)}" for need in needs)
        remedy = f"pip install 'tlbench[{name}]'" if problems else ""
        state: State = "absent" if problems else "works"
        yield Check(f"extra {name}", state, "; ".join(problems) or versions, remedy)


def _requirements() -> "list[Requirement]":
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    return [Requirement(text) for text in requires("tlbench") or []]


def _extra_names() -> list[str]:
    from importlib.metadata import metadata

    names = metadata("tlbench").get_all("Provides-Extra") or []
    return [name for name in names if name not in _NOT_FOR_USERS]


def _installed(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _unmet(need: "Requirement") -> str:
    """Return what keeps a requirement from being met; empty if it is."""
    found = _installed(need.name)
    if found is None:
        return f"{need.name} is not installed"
    if not need.specifier.contains(found, prereleases=True):
        return f"{need.name} {found} is not {need.specifier}"
    return ""


def _module(package: str) -> str:
    return _MODULES.get(package, package.replace("-", "_"))


def _import(modules: Iterable[str]) -> dict[str, str]:
    """Import modules in a process of their own, which one of them may end.

    Returns
    -------
    dict
        Module → its error, empty if it can be imported.
    """
    names = list(dict.fromkeys(modules))
    code = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]:\n"
        "    error = ''\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except BaseException as raised:\n"
        "        error = f'{type(raised).__name__}: {raised}'.split(chr(10))[0][:200]\n"
        "    print('\\n' + json.dumps([name, error]), flush=True)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, *names]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_SECONDS)
        output = ran.stdout
    except subprocess.TimeoutExpired:
        output = ""
    lines = [line for line in output.splitlines() if line.startswith('["')]
    found = dict(json.loads(line) for line in lines)
    return {name: found.get(name, "its import ends the process") for name in names}
