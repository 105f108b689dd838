"""What the page of a submission says of where its results come from."""

from collections.abc import Sequence
from typing import Any

from tlbench.leaderboard.reading import Entry, JobProvenance
from tlbench.leaderboard.site.reproduction import commits_of

MOST = 50
"""Devices, packages and the like that are listed one by one."""


def facts_of(entry: Entry) -> dict[str, Any]:
    """Return hardware, versions and cost of a submission, for people."""
    jobs = entry.provenance
    packages = {f"{k} {v}" for job in jobs for k, v in job.packages.items()}
    return {
        "devices": _few({_device_text(job) for job in jobs}),
        "threads": sorted({job.threads for job in jobs}),
        "kernels": _few({job.kernels for job in jobs if job.kernels}),
        "pythons": _few({job.python for job in jobs}),
        "packages": _few(packages),
        "commits": [_commit_text(*commit) for commit in commits_of(jobs)],
        "first": min((job.started for job in jobs), default="–"),
        "last": max((job.started for job in jobs), default="–"),
        "cpu_hours": sum(job.cpu_seconds for job in jobs) / 3600,
        "wall_hours": sum(job.wall_seconds for job in jobs) / 3600,
        "kinds": _kinds(jobs),
    }


def _few(texts: set[str]) -> list[str]:
    """Return texts in order, of many only how many more there are."""
    found = sorted(texts)
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], f"and {more} more"]


def _device_text(job: JobProvenance) -> str:
    return job.device_name + (f" ({job.instructions})" if job.instructions else "")


def _commit_text(commit: str | None, dirty: bool) -> str:
    return (commit or "an installed package") + (" with local changes" if dirty else "")


def _kinds(jobs: Sequence[JobProvenance]) -> list[list[str]]:
    lines = [["job", "number", "CPU hours", "hours"]]
    for kind in sorted({job.kind for job in jobs}):
        some = [job for job in jobs if job.kind == kind]
        cpu, wall = (sum(getattr(j, f"{c}_seconds") for j in some) / 3600 for c in ("cpu", "wall"))
        lines.append([kind, str(len(some)), f"{cpu:.3f}", f"{wall:.3f}"])
    return lines
