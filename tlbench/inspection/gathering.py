"""Kinds of frames gathered into no more than a table or a plot can show."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tlbench.data.frames import Floats, Frames

MAX_KINDS = 24
"""Temperatures, or groups, that are listed separately."""

OTHERS = "others"
"""Stands for the groups beyond those."""


def simplify(parts: Mapping[str, Frames]) -> dict[str, Frames]:
    """Return the parts with at most ``MAX_KINDS`` temperatures and groups.

    Temperatures are rounded to 10, 100, … K if need be; all but the most frequent groups become
    ``OTHERS``.
    """
    together = Frames.concatenate(list(parts.values()))
    known = together.temperature_k[np.isfinite(together.temperature_k)]
    step = 0.0
    while len(np.unique(_rounded(known, step))) > MAX_KINDS:
        step = 10 * (step or 1)
    names, counts = np.unique(together.group, return_counts=True)
    rare = names[np.argsort(-counts, kind="stable")][MAX_KINDS:]
    return {
        part: replace(
            frames,
            temperature_k=_rounded(frames.temperature_k, step),
            group=np.where(np.isin(frames.group, rare), OTHERS, frames.group),
        )
        for part, frames in parts.items()
    }


def _rounded(temperatures: Floats, step: float) -> Floats:
    return np.round(temperatures / step) * step if step else temperatures
