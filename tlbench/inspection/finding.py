"""What a check says about a frame."""

from dataclasses import dataclass
from typing import Literal

EVERYWHERE = "all"
"""Stands for the frame in a finding about the data as a whole."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong.

    Attributes
    ----------
    severity
        "error": no model should be trained or tested on it. "warning": look at it.
    check
        Name of the check.
    frame
        File and index in the file, or part and index in the part; ``EVERYWHERE`` if it is about
        no single frame.
    message
        What was found, in a sentence.
    """

    severity: Literal["error", "warning"]
    check: str
    frame: str
    message: str
