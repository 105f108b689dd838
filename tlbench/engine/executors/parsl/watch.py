"""Whether blocks of workers may still come: what Parsl knows, but keeps to its logs."""

import re
from typing import TYPE_CHECKING, Any

from tlbench.base.errors import printable

if TYPE_CHECKING:
    from parsl import Config
    from parsl.jobs.states import JobStatus

MOST_BLOCKS = 5
"""As many blocks may fail, one after another, without a job coming back from any."""

_LONGEST = 300


class Watch:
    """Looks after the blocks of a configuration, in place of Parsl.

    Parsl would give an executor of one block up as soon as that is lost.
    """

    def __init__(self, config: "Config") -> None:
        from parsl.jobs.error_handlers import simple_error_handler

        self._config = config
        self._scales = config.strategy not in (None, "none")
        self._forgiven: set[tuple[str, str]] = set()
        self._found: str | None = None
        for executor in config.executors:
            if getattr(executor, "block_error_handler", None) is simple_error_handler:
                executor.block_error_handler = self._look

    def worked(self) -> None:
        """Note that a job came back: what failed before does not count any more."""
        for executor in self._config.executors:
            self._forgiven |= {(executor.label, block) for block in _failed(_blocks(executor))}

    def stuck(self, waiting: bool) -> str | None:
        """Return why no job will ever come back, None if jobs may.

        Parameters
        ----------
        waiting
            Whether there are jobs to be done.
        """
        found = self._found or self.bad_state()
        for executor in self._config.executors:
            found = found or self._ended(executor, waiting)
        return found

    def bad_state(self) -> str | None:
        """Return why Parsl itself has given an executor up; None if it has not."""
        for executor in self._config.executors:
            if getattr(executor, "bad_state_is_set", False):
                return _short(str(executor.executor_exception))
        return None

    def _look(self, executor: Any, blocks: "dict[str, JobStatus]") -> None:
        """Take note of blocks that fail, before Parsl asks for others."""
        first = max(1, getattr(executor.provider, "init_blocks", 1))
        if len(blocks) >= first and all(map(_never_came, blocks.values())):
            self._found = f"no block of workers comes up ({_why(blocks)})"
        failed = _failed(blocks)
        counted = [block for block in failed if (executor.label, block) not in self._forgiven]
        if len(counted) >= MOST_BLOCKS:
            last = {block: blocks[block] for block in counted}
            self._found = (
                f"{len(counted)} blocks of workers have failed since the last job ({_why(last)})"
            )

    def _ended(self, executor: Any, waiting: bool) -> str | None:
        if (code := interchange_code(executor)) is not None:
            return (
                f"its interchange has ended with exit code {code}; its logs are in "
                f"{self._config.run_dir}"
            )
        blocks = _blocks(executor)
        ended = bool(blocks) and all(status.terminal for status in blocks.values())
        if waiting and ended and not self._scales:
            return "all its blocks of workers have ended, and its strategy 'none' brings no others"
        return None


def interchange_code(executor: Any) -> int | None:
    """Return the exit code of an executor's interchange, None while it lives or if it has none."""
    interchange = getattr(executor, "interchange_proc", None)
    return None if interchange is None else interchange.poll()


def _blocks(executor: Any) -> "dict[str, JobStatus]":
    return dict(getattr(executor, "status_facade", {}))


def _failed(blocks: "dict[str, JobStatus]") -> list[str]:
    return [block for block, status in blocks.items() if status.state.name in ("FAILED", "MISSING")]


def _never_came(status: "JobStatus") -> bool:
    """Return whether a block was refused, or ended before it called; not if it broke later."""
    refused = (status.message or "").startswith("Failed to start block")
    return status.state.name == "MISSING" or refused


def _why(blocks: "dict[str, JobStatus]") -> str:
    """Return what the last of some blocks left as a reason."""
    status = list(blocks.values())[-1]
    said = [line for line in (status.stderr_summary or "").splitlines() if line.strip()]
    code = "" if status.exit_code is None else f"exit code {status.exit_code}"
    if said or code:
        return ": ".join(filter(None, [code, *map(_short, said[-1:])]))
    return _short(status.message or f"its state is {status.state.name}")


def _short(text: str) -> str:
    """Return a message as one line; of a scheduler's answer, what it says is wrong."""
    answer = re.search(r"; recode=(\S+), stdout=(.*), stderr=(.*)", text, re.DOTALL)
    if answer:
        said = answer[3].strip() or answer[2].strip() or text[: answer.start()]
        text = f"the scheduler refuses it, exit code {answer[1]}: {said}"
    return one_line(text)


def one_line(said: object) -> str:
    """Return a message or what an error says as one line that may be printed, not too long."""
    text = printable(" ".join(str(said).split())) or type(said).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
