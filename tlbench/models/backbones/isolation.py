"""Imports of packages that change more of a process than they should."""

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO


@contextmanager
def isolated_import() -> Iterator[None]:
    """Let what is imported within print nothing, and leave the process as it was.

    Some packages add filters of warnings, draw random numbers, and set variables of the
    environment.
    """
    state, environment = random.getstate(), dict(os.environ)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        yield
    random.setstate(state)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
