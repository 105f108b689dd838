"""Options of ``tlbench run`` that say how jobs are done."""

import math
import re
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.engine.run.runner import MakeExecutor
from tlbench.engine.work.attempts import Limits

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def executor_of(name: str, config: Path | None, out: Path) -> tuple[MakeExecutor, int] | None:
    """Return where jobs are done and how many at a time; None for this machine.

    Parameters
    ----------
    out
        The run's folder; the logs of an engine go there.

    Raises
    ------
    InputError
        If there is no such executor, or its configuration is missing or not wanted.
    """
    if name == "local":
        if config is not None:
            raise InputError("--parsl-config is for --executor parsl only.")
        return None
    if name != "parsl":
        raise InputError(f"Unknown executor {name!r}; {near_names(name, ['local', 'parsl'])}")
    if config is None:
        raise InputError(
            "--executor parsl needs --parsl-config FILE; examples are in examples/clusters."
        )
    from tlbench.engine.executors.parsl.executor import parsl_executor

    return parsl_executor(config, out / "parsl")


def limits_of(time: str | None, memory_gib: float | None) -> Limits:
    """Return what a try of a job may use.

    Raises
    ------
    InputError
        If a limit is not one.
    """
    seconds = None if time is None else seconds_of(time, "--time-limit")
    if memory_gib is not None and not (math.isfinite(memory_gib) and memory_gib > 0):
        raise InputError(f"--memory-limit should be more than 0 GiB, but is {memory_gib:g}.")
    return Limits(seconds, None if memory_gib is None else max(1, round(1024 * memory_gib)))


def seconds_of(time: str, option: str) -> float:
    """Return a time, s, that an option gives as ``600``, ``90m`` or ``4h``.

    Raises
    ------
    InputError
        If it is not one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", time.strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if not seconds:
        raise InputError(f"{option} should be like 600, 90m or 4h, but is {time}.")
    return seconds


def pythons_of(given: list[str] | None) -> dict[str, str]:
    """Return name of an environment → its interpreter, of options NAME=PATH.

    Raises
    ------
    InputError
        If one is not of this form, or a name stands twice.
    """
    found: dict[str, str] = {}
    for each in given or []:
        name, equals, path = each.partition("=")
        if not (name and equals and path):
            raise InputError(
                f"--python should be NAME=PATH, e.g. mace=/opt/mace/bin/python, but is {each}."
            )
        if name in found:
            raise InputError(f"--python {name}: is given twice.")
        found[name] = path
    return found


def shard_of(given: str | None) -> tuple[int, int] | None:
    """Return which part of how many, of I/N.

    Raises
    ------
    InputError
        If it is not of this form, or there is no such part.
    """
    if given is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", given.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            f"--shard should be I/N, with I from 1 to N (the third of four parts is 3/4), but is "
            f"{given}."
        )
    return int(found[1]), int(found[2])
