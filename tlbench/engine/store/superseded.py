"""Plans of the same work with other code: what an edit of the source leaves behind."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlbench.base.errors import StoreError
from tlbench.base.phrases import counted, listed
from tlbench.engine.store.plans import plan_files, plan_lines, plan_name, plan_path, suite_of
from tlbench.engine.store.store import Store
from tlbench.jobs.base import KINDS, Job

_SHOWN = 6
"""Names of sources that are listed one by one."""

_EITHER = ("a", "b")
"""Settings for the two sets of which a distance is taken, either of which may be the first."""


@dataclass(frozen=True)
class CodeChange:
    """Names of the sources that have changed since a suite was planned last, and of the others.

    ``jobs`` have to be done because of that.
    """

    names: list[str]
    same: list[str]
    jobs: int

    def sentence(self) -> str:
        """Return it in words."""
        kinds = [name for name in KINDS if name in self.names]
        if len(kinds) > 1 and not KINDS.keys() & self.same:
            kinds = ["every kind of job"]
        rest = [f"the {name}" for name in sorted(self.names) if name not in KINDS]
        shown = [*kinds, *rest][:_SHOWN]
        if more := len(kinds) + len(rest) - len(shown):
            shown.append(f"{more} more")
        parts = listed(f"of {name}" for name in shown)
        code = f"The code {parts}" if self.same or len(self.names) == 1 else "All code"
        jobs = f"{counted(self.jobs, 'job')} {'is' if self.jobs == 1 else 'are'}"
        return (
            f"{code} has changed since this suite was last planned with this store: "
            f"{jobs} done again."
        )


def code_change(store: Store, suite: str, jobs: Mapping[str, Job]) -> CodeChange | None:
    """Return how the code has changed since the newest plan of the same work, None if it has not.

    To be asked before the new plan is written.
    """
    files = [path for path in _newest_first(store) if suite_of(plan_name(path)) == suite]
    work: Counter[str] | None = None
    for path in files:
        if path == plan_path(store, suite, jobs):
            return None
        try:
            before = list(plan_lines(path))
        except StoreError:
            # It will be said where the plan is needed.
            continue
        work = work or _work(job.written() for job in jobs.values())
        if _work(before) == work:
            known = {n: d for line in before for n, d in line.get("sources", {}).items()}
            names = {n: d for job in jobs.values() for n, d in job.sources.items()}
            same = [name for name, digest in names.items() if known.get(name) == digest]
            changed = [name for name in names if name not in same]
            again = jobs.keys() - {line["key"] for line in before} - store.finished()
            return CodeChange(changed, same, len(again)) if again and changed else None
    return None


def superseded(store: Store) -> set[Path]:
    """Return the plans for whose work there is a newer plan of the same suite, with other code.

    Raises
    ------
    StoreError
        If one of several plans of a suite is damaged.
    """
    suites = Counter(suite_of(plan_name(path)) for path in plan_files(store))
    seen: list[tuple[str, Counter[str]]] = []
    found = set()
    for path in _newest_first(store):
        suite = suite_of(plan_name(path))
        if suites[suite] == 1:
            continue
        work = (suite, _work(plan_lines(path)))
        if work in seen:
            found.add(path)
        seen.append(work)
    return found


def _newest_first(store: Store) -> list[Path]:
    found = []
    for path in plan_files(store):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            # Another process has just dropped it.
            continue
    return [path for _, path in sorted(found, reverse=True)]


def _work(jobs: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return what is to be done, whatever the code: kinds and settings of all jobs.

    Nor does the version of a plugin count, or which of two sets that are compared is the first:
    they change places with their keys.
    """
    found: Counter[str] = Counter()
    for job in jobs:
        config, kind = job.get("config") or {}, KINDS.get(str(job.get("kind")))
        left_out = kind.config.of_code if kind is not None else ()
        settings = sorted(
            json.dumps([None if n in _EITHER else n, value], sort_keys=True)
            for n, value in config.items()
            if n not in left_out
        )
        found[" ".join([str(job.get("kind")), *settings])] += 1
    return found
