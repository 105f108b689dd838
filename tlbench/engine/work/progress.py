"""How far a running job is, in a file beside its work."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tlbench.base.files import replacing
from tlbench.engine.store.store import Store
from tlbench.jobs.context import Progress

PROGRESS = "progress.json"
_SECONDS = 0.4


class Reporter:
    """Writes a job's progress to a file, now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = time.time()
        self._first: int | None = None
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write it down, unless the last time was a moment ago."""
        if progress.total and self._first is None:
            # What was done before this attempt, or before the first report, tells no speed.
            self._first, self._started = progress.done, time.time()
        now = time.monotonic()
        if now < self._next and progress.done != progress.total:
            return
        self._next = now + _SECONDS
        since = {"first": self._first or 0, "started": self._started}
        with replacing(self._path) as part:
            part.write_text(json.dumps({**asdict(progress), **since}))


def read_progress(store: Store, key: str) -> Mapping[str, Any] | None:
    """Return what a running job last reported, None if it has reported nothing."""
    try:
        value = json.loads((store.working_folder(key) / PROGRESS).read_text())
    except (OSError, ValueError):
        return None
    known = isinstance(value, dict) and value.keys() >= {"done", "total", "first", "started"}
    return value if known else None
