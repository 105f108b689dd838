"""Interpreters that jobs run in, this one and those of environments, and their code."""

import json
import platform
import subprocess
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, printable
from tlbench.base.registry import near_names
from tlbench.base.schema import digest
from tlbench.jobs.imports import PACKAGE, SourceFiles, code_files

PACKAGES = (
    "tlbench",
    "torch",
    "torch-geometric",
    "e3nn",
    "nequip",
    "mace-torch",
    "sevenn",
    "chgnet",
    "numpy",
    "scipy",
    "ase",
    "vesin",
)


_SECONDS = 120


def describe() -> dict[str, Any]:
    """Return which tlbench this interpreter has, and which Python it is."""
    return {
        "tlbench": version("tlbench"),
        "code": code_digest(),
        "python": platform.python_version(),
    }


@cache
def code_digest() -> str:
    """Return the SHA-256 of tlbench's source files, wherever they are installed."""
    root = Path(__file__).resolve().parents[3]
    return SourceFiles(root).digest(code_files(root / PACKAGE))


@cache
def environment_digest() -> str:
    """Return the SHA-256 of the names and versions of everything that is installed here."""
    found = {(d.name.lower(), d.version) for d in distributions() if d.name}
    return digest([list(each) for each in sorted(found)])


def check_interpreters(pythons: Mapping[str, str], environments: Collection[str]) -> None:
    """Make sure that jobs can run in the named interpreters.

    Parameters
    ----------
    pythons
        Name of an environment → path of its interpreter.
    environments
        Names of the environments that the jobs to be done know.

    Raises
    ------
    InputError
        If no job knows an environment, or its interpreter cannot be started, has no tlbench, or
        not the same as this one.
    """
    for name, python in pythons.items():
        if name not in environments:
            raise InputError(
                f"--python {name}={python}: no backbone of this suite runs in an environment "
                f"called {name!r}; {near_names(name, environments)}"
            )
        found, here = _described(name, python), describe()
        has = f"The Python of the environment {name!r} has tlbench {found['tlbench']}"
        if found["tlbench"] != here["tlbench"]:
            raise InputError(
                f"{has}, but this is tlbench {here['tlbench']}; install the same version there."
            )
        if found["code"] != here["code"]:
            raise InputError(
                f"{has} as this one, but its source files differ; install the same tlbench there."
            )


def _described(name: str, python: str) -> Mapping[str, Any]:
    command = [python, "-P", "-m", "tlbench.engine.work.worker", "describe"]
    where = f"The Python of the environment {name!r}, {python},"
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{where} did not answer within {_SECONDS} s.") from error
    except OSError as error:
        raise InputError(f"{where} cannot be started ({error.strerror}).") from error
    try:
        found = json.loads(done.stdout)
        if set(found) == set(describe()):
            return dict(found)
    except (ValueError, TypeError):
        pass
    lines = done.stderr.strip().splitlines()
    said = f" ({printable(lines[-1])})" if lines else ""
    if "No module named" in said and "tlbench" in said:
        raise InputError(
            f"{where} has no tlbench; install it there: {python} -m pip install tlbench."
        )
    raise InputError(f"{where} is not a Python that tlbench {version('tlbench')} runs in{said}.")


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def code_state() -> dict[str, Any]:
    """Return the git commit of a checkout and whether it was changed; nothing if installed."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return {"git_commit": None, "git_dirty": None}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {
            "git_commit": git("rev-parse", "HEAD"),
            "git_dirty": bool(git("status", "--porcelain", "--", "tlbench", "datasets")),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"git_commit": None, "git_dirty": None}
