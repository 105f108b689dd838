"""A strip of dots: all ratios of a headline on one logarithmic axis."""

import math
from dataclasses import dataclass

from tlbench.leaderboard.site.headline import Headline

WIDTH, HEIGHT, MARGIN = 320, 46, 12
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEP = 2
"""Dots nearer than this are one, in units of the drawing."""


@dataclass(frozen=True)
class Strip:
    """A drawing ``WIDTH`` wide: where its dots, ticks and the line of equality are."""

    dots: list[float]
    ticks: list[tuple[float, str]]
    one: float
    text: str
    width: int = WIDTH
    height: int = HEIGHT


def strip_of(headline: Headline) -> Strip | None:
    """Return the drawing of the ratios of a headline; None if there are none."""
    logs = [math.log(row.ratio.value) for row in headline.ratios if row.ratio]
    if not logs:
        return None
    reach = max(math.log(2.2), *(abs(value) * 1.08 for value in logs))

    def place(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value + reach) / (2 * reach), 1)

    dots = sorted({STEP * round(place(value) / STEP) for value in logs})
    ticks = [(place(math.log(t)), f"{t:g}") for t in TICKS if abs(math.log(t)) <= reach]
    text = f"{len(logs)} ratios to scratch, {headline.range_text()}, after {headline.budget}."
    return Strip([float(dot) for dot in dots], ticks, place(0.0), text)
