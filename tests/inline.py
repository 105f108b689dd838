"""Jobs done in the process of a test, without the seconds that other processes take to start."""

from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tlbench.engine.work.attempts import Outcome, Task
from tlbench.engine.work.worker import attempt


class Inline(Executor):
    """Does each job at once."""

    def submit(self, function: Any, task: Task) -> Future[Outcome]:  # type: ignore[override]
        future: Future[Outcome] = Future()
        future.set_result(attempt(task))
        return future


def inline() -> AbstractContextManager[Executor]:
    """Return an executor, as the local one is made."""
    return nullcontext(Inline())
