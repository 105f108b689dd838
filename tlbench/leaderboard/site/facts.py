"""What the page of a submission says of where its results come from."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tlbench.leaderboard.reading import Entry, JobProvenance

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!_-]*")
PINNED = ("e3nn", "nequip", "numpy", "scipy", "torch", "torch-geometric", "vesin")
"""Packages that results depend on, which commands name; others are only listed."""


def facts_of(entry: Entry) -> dict[str, Any]:
    """Return hardware, versions and cost of a submission, for people."""
    jobs = entry.provenance
    packages = sorted({f"{k} {v}" for job in jobs for k, v in job.packages.items()})
    return {
        "devices": sorted({job.device_name for job in jobs}),
        "threads": sorted({job.threads for job in jobs}),
        "kernels": sorted({job.kernels for job in jobs if job.kernels}),
        "pythons": sorted({job.python for job in jobs}),
        "packages": packages,
        "commits": [_commit_text(*commit) for commit in commits_of(jobs)],
        "first": min((job.started for job in jobs), default="–"),
        "last": max((job.started for job in jobs), default="–"),
        "cpu_hours": sum(job.cpu_seconds for job in jobs) / 3600,
        "wall_hours": sum(job.wall_seconds for job in jobs) / 3600,
        "kinds": _kinds(jobs),
    }


def commits_of(jobs: Sequence[JobProvenance]) -> list[tuple[str | None, bool]]:
    """Return commit of the code, and whether it was changed, the most frequent first."""
    count = Counter((job.git_commit, bool(job.git_dirty)) for job in jobs)
    return sorted(count, key=lambda commit: (-count[commit], commit[0] or "", commit[1]))


def command_of(entry: Entry) -> list[str]:
    """Return the lines of a shell that repeat the run, once ``preparation_of`` is done.

    No package that a submission names is installed by them, but those of a fixed list.
    """
    commit = commit_of(entry)
    suite = "suite.json"
    out = f"runs/{entry.folder.name}"
    lines = []
    if commit:
        suite = f"../{entry.folder.name}.json"
        lines += [
            f"cp leaderboard/results/{entry.label}/suite.json {suite}",
            f"git checkout {commit}",
        ]
    packages = [*(("--editable", ".") if commit else ()), *_pins(entry)]
    if packages:
        lines.append(f"python -m pip install {shlex.join(packages)}")
    device = "cuda" if _on_accelerator(entry) else "cpu"
    lines.append(f"tlbench run {suite} --device {device} --out {out}")
    return lines


def preparation_of(entry: Entry) -> str:
    """Return what should be there before the commands are run, in words."""
    if commit_of(entry):
        return "In a clone of the repository:"
    return (
        f"Install tlbench {entry.about.tlbench}: the jobs ran an installed package, of which no "
        "commit is known. Then, beside a copy of suite.json:"
    )


def commit_of(entry: Entry) -> str | None:
    """Return the commit of the code that most jobs ran; None of an installed package."""
    commits = commits_of(entry.provenance)
    return commits[0][0] if commits else None


def cautions_of(entry: Entry) -> list[str]:
    """Return why the commands may not give the same numbers."""
    commits = commits_of(entry.provenance)
    cautions = []
    if any(dirty for _, dirty in commits):
        cautions.append(
            "Some jobs ran code with local changes, which no commit holds: they cannot be repeated "
            "exactly."
        )
    if len({commit for commit, _ in commits}) > 1:
        cautions.append(
            f"The jobs ran at {len({c for c, _ in commits})} commits; the command names the one of "
            "most of them."
        )
    if providers_of(entry):
        cautions.append(
            "Backbones come from packages that are no part of tlbench: "
            + ", ".join(providers_of(entry))
            + ". Look at what they are before you install them."
        )
    apart = sorted({job.environment for job in entry.provenance if job.environment})
    if apart:
        cautions.append(
            f"Some jobs ran in Python environments of their own ({', '.join(apart)}): make them "
            "with the versions in the provenance, and name their interpreters with --python."
        )
    cautions.append(
        "On another processor or accelerator the last digits differ, and data that are sampled by "
        "dynamics differ with the same statistics."
    )
    return cautions


def providers_of(entry: Entry) -> list[str]:
    """Return the packages of backbones that are not tlbench's own."""
    named = set(entry.about.providers.values())
    return sorted(name for name in named if _PACKAGE.fullmatch(name))


def _pins(entry: Entry) -> list[str]:
    """Return the versions of packages that results depend on, as pip takes them.

    Those of environments that backbones have of their own are left out: they cannot be installed
    together.
    """
    ours = [job for job in entry.provenance if job.environment is None]
    found = {name: v for job in ours for name, v in sorted(job.packages.items())}
    versions = {name: found[name].partition("+")[0] for name in PINNED if name in found}
    return [f"{name}=={v}" for name, v in versions.items() if _VERSION.fullmatch(v)]


def _commit_text(commit: str | None, dirty: bool) -> str:
    return (commit or "an installed package") + (" with local changes" if dirty else "")


def _on_accelerator(entry: Entry) -> bool:
    names = {cost.device.lower() for cost in entry.results.costs}
    return any("nvidia" in name or "cuda" in name for name in names)


def _kinds(jobs: Sequence[JobProvenance]) -> list[list[str]]:
    lines = [["job", "number", "CPU hours", "hours"]]
    for kind in sorted({job.kind for job in jobs}):
        some = [job for job in jobs if job.kind == kind]
        cpu, wall = (sum(getattr(j, f"{c}_seconds") for j in some) / 3600 for c in ("cpu", "wall"))
        lines.append([kind, str(len(some)), f"{cpu:.3f}", f"{wall:.3f}"])
    return lines
