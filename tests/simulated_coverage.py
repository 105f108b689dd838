"""Tables of simulated coverage in docstrings, read so that tests can simulate them again."""

import math
import re

SAMPLES = 20_000
"""Of each cell of the tables."""


def table_in(docstring: str, title: str) -> dict[str, list[float]]:
    """Return the table whose header begins with ``title``: first cell → the numbers after it."""
    lines = docstring.split(title, 1)[1].splitlines()
    start, end, *_ = (n for n, line in enumerate(lines) if line.startswith("==="))
    cells = (re.split(r"\s{2,}", line.strip()) for line in lines[start + 1 : end])
    return {name: [float(number) for number in numbers] for name, *numbers in cells}


def agree(found: float, documented: float, samples: int = SAMPLES) -> bool:
    """Return whether a share differs from a documented one, in per cent, by no more than chance.

    Both were simulated: four standard errors of their difference, and the digit that is printed.
    """
    error = 100 * math.sqrt(found * (1 - found) * (1 / samples + 1 / SAMPLES))
    return abs(100 * found - documented) <= 4 * error + 0.05
