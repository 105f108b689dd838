"""Processes that hold locks: who they are, and whether they still run."""

import os
import platform
import time
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tlbench.base.errors import printable

_MOST_BYTES = 4096
_END_OF_9999 = 253402214400


class Holder(BaseModel):
    """A process that holds a lock.

    Attributes
    ----------
    host
        Name of its machine. Machines that share a folder must have different names.
    boot
        Identifies the boot of that machine; empty where the system does not provide one.
    namespace
        Identifies the PID namespace, such as that of a container; 0 likewise.
    pid, started
        Its number, and when it was started, in clock ticks since the boot; 0 likewise.
    since
        When it took the lock, in seconds since 1970 by its own clock.
    token
        Drawn at random each time a lock is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    host: str
    boot: str
    namespace: int
    pid: int = Field(ge=1, lt=1 << 31)
    started: int
    since: float = Field(ge=0, lt=_END_OF_9999)
    token: str = Field(pattern="^[0-9a-f]{32}$")

    @property
    def here(self) -> bool:
        """Whether this process can find out if the holder still runs."""
        return (self.host, self.boot, self.namespace) == _place()

    @property
    def gone(self) -> bool:
        """Whether the holder has certainly ended."""
        host, boot, _ = _place()
        if self.host == host and self.boot and boot and self.boot != boot:
            return True
        if not self.here:
            return False
        state, started = _state(self.pid)
        return state in ("", "Z", "X") or 0 < started != self.started > 0

    @property
    def stopped(self) -> bool:
        """Whether the holder is known to be stopped, by SIGSTOP or Ctrl-Z."""
        return self.here and _state(self.pid)[0] in ("T", "t")

    def __str__(self) -> str:
        """Return who it is, since when it has held the lock, and whether it is stopped."""
        since = datetime.fromtimestamp(self.since).strftime("%Y-%m-%d %H:%M:%S")
        said = f"process {self.pid} on {printable(self.host)} since {since}"
        return (
            f"{said}, which is stopped (kill -CONT {self.pid} resumes it)" if self.stopped else said
        )


def this_process() -> Holder:
    """Return this process, as the holder of a lock that it takes now."""
    host, boot, namespace = _place()
    pid = os.getpid()
    return Holder(
        host=host,
        boot=boot,
        namespace=namespace,
        pid=pid,
        started=_state(pid)[1],
        since=time.time(),
        token=uuid.uuid4().hex,
    )


def written(holder: Holder) -> bytes:
    """Return the line by which a file names its holder."""
    return holder.model_dump_json().encode() + b"\n"


def read_holder(path: Path) -> Holder | None:
    """Return the holder that a file names; None if it names none or is not there."""
    try:
        with path.open("rb") as file:
            return Holder.model_validate_json(file.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None


@cache
def _place() -> tuple[str, str, int]:
    """Return the machine, its boot and the PID namespace of this process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    return platform.node(), boot, namespace


def _state(pid: int) -> tuple[str, int]:
    """Return the state letter of a process and when it was started; an empty letter if it ended.

    The letter is "?" and the start 0 where they cannot be read.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[19])
    except (OSError, ValueError, IndexError):
        pass
    # /proc may be missing, or hide the processes of other users.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "", 0
    except PermissionError:
        pass
    return "?", 0
