"""The command line, as tests call it."""

import resource
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

Finished = subprocess.CompletedProcess[str]


def in_a_process(*arguments: object, timeout: float = 300) -> Finished:
    """Run the command line in a process of its own, which imports everything anew."""
    command = [sys.executable, "-m", "tlbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def in_this_process(*arguments: object) -> Finished:
    """Run the command line in the process of the tests, which has imported everything."""
    from tlbench.cli import main

    called = ["tlbench", *map(str, arguments)]
    out, err, code = StringIO(), StringIO(), None
    with patch("sys.argv", called), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int | None)
    return subprocess.CompletedProcess(called, code or 0, out.getvalue(), err.getvalue())


def without_workers(*arguments: object) -> Finished:
    """Run the command line and its jobs in the process of the tests, where workers prove nothing.

    A worker takes three seconds to import torch and its networks.
    """
    from inline import inline

    with patch("tlbench.engine.run.runner.local", lambda workers: inline()):
        return in_this_process(*arguments)


def processor_seconds() -> float:
    """Return the time of processors that commands have taken, whatever ran beside them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
