"""On what, and with which code, the jobs of a run were done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tlbench.report.content import Lines

MOST = 50
"""Devices, packages and the like that are listed one by one."""

Jobs = Sequence[Mapping[str, Any]]
"""The provenance of jobs, one entry each."""


def facts_of(jobs: Jobs) -> dict[str, Any]:
    """Return hardware, versions and cost of some jobs, for people."""
    return {
        "devices": _few(_device_text(job) for job in jobs),
        "threads": sorted({job.get("threads", 1) for job in jobs}),
        "kernels": _few(job["kernels"] for job in jobs if job.get("kernels")),
        "pythons": _few(job["python"] for job in jobs),
        "packages": _few(f"{k} {v}" for job in jobs for k, v in job["packages"].items()),
        "commits": [_commit_text(*commit) for commit in commits_of(jobs)],
        "first": min((job["started"] for job in jobs), default="–"),
        "last": max((job["started"] for job in jobs), default="–"),
        "cpu_hours": sum(job["cpu_seconds"] for job in jobs) / 3600,
        "wall_hours": sum(job["wall_seconds"] for job in jobs) / 3600,
        "kinds": _kinds(jobs),
    }


def commits_of(jobs: Jobs) -> list[tuple[str | None, bool]]:
    """Return commit of the code, and whether it was changed, the most frequent first."""
    count = Counter((job["git_commit"], bool(job["git_dirty"])) for job in jobs)
    return sorted(count, key=lambda commit: (-count[commit], commit[0] or "", commit[1]))


def _few(texts: Iterable[str]) -> list[str]:
    """Return texts in order, of many only how many more there are."""
    found = sorted(set(texts))
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], f"and {more} more"]


def _device_text(job: Mapping[str, Any]) -> str:
    instructions = job.get("instructions")
    return f"{job['device_name']} ({instructions})" if instructions else str(job["device_name"])


def _commit_text(commit: str | None, dirty: bool) -> str:
    return (commit or "an installed package") + (" with local changes" if dirty else "")


def _kinds(jobs: Jobs) -> Lines:
    lines = [["job", "number", "CPU hours", "hours"]]
    for kind in sorted({job["kind"] for job in jobs}):
        some = [job for job in jobs if job["kind"] == kind]
        hours = (sum(job[f"{clock}_seconds"] for job in some) / 3600 for clock in ("cpu", "wall"))
        lines.append([kind, str(len(some)), *(f"{each:.3f}" for each in hours)])
    return lines
