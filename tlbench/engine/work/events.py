"""Logs: what happened, as sentences for people and as one JSON object a line for programs.

::

    log.txt         2026-11-24T00:14:13+00:00 finished: pretrain schnet on Si, seed 0, 3.2 s
    events.jsonl    {"time": "2026-11-24T00:14:13+00:00", "elapsed": 4.1, "event": "finished", …}
    progress.json   how far a running job is, in its folder alone

A run writes the first two into its folder, a job into its own. ``elapsed`` counts seconds since
the log was opened and does not jump with the clock.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tlbench.base.files import replacing
from tlbench.engine.store.store import Store
from tlbench.jobs.context import Progress

LOG, EVENTS = "log.txt", "events.jsonl"


class EventLog:
    """Appends to the two logs of a folder.

    A log is not a result: on a full disk it stays behind silently, and the code that writes
    results raises the error.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = folder / LOG, folder / EVENTS
        self._started = time.monotonic()
        for path in self._paths:
            _end_line(path)

    def write(self, event: str, text: str, **fields: Any) -> None:
        """Note an event.

        Parameters
        ----------
        text
            What it was, for people; it may have several lines.
        fields
            What it was, for programs: JSON values.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"time": now, "elapsed": round(time.monotonic() - self._started, 3)}
        line = json.dumps({**entry, "event": event, **fields}, ensure_ascii=False)
        for path, written in zip(self._paths, (f"{now} {event}: {text}", line), strict=True):
            with suppress(OSError), path.open("ab") as file:
                # A file name may not be valid text.
                file.write(f"{written}\n".encode(errors="backslashreplace"))


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a file, leaving out lines that a crash has torn; none without a file."""
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    yield event


def _end_line(path: Path) -> None:
    """End the line that a crash may have left unfinished."""
    with suppress(OSError), path.open("rb+") as file:
        if file.seek(0, 2) and file.seek(-1, 2) is not None and file.read(1) != b"\n":
            file.write(b"\n")


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
            # What was done before this attempt, or before the first report, says nothing of speed.
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
