"""What a check says about a frame, and alike findings about many frames merged into one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

EVERYWHERE = "all"
"""Stands for the frame in a finding about the data as a whole."""

FEW = 5
"""Runs of frames, or words, of a merged finding that are named."""


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
        no single frame. Of a merged finding the number of frames, and the first of them.
    message
        What was found, in a sentence.
    pattern, values
        The message with ``{0}``, ``{1:.3g}``, … in place of what differs between frames, and
        what is put there; see ``measured``. Without a pattern the whole message is one.
    several
        The pattern of the message about several frames, if it is another.
    """

    severity: Severity
    check: str
    frame: str
    message: str
    pattern: str = ""
    values: tuple[float | str, ...] = ()
    several: str = ""


def measured(
    severity: Severity,
    check: str,
    frame: str,
    pattern: str,
    *values: float | str,
    several: str = "",
) -> Finding:
    """Return a finding whose message is ``pattern.format(*values)``.

    Those of one pattern are merged: numbers to a range, words to the first few of them. So the
    pattern should read well with "0.2 to 0.7" in place of "0.2". Where a word belongs to its frame,
    as the original to a copy, ``several`` is a pattern without it.
    """
    return Finding(severity, check, frame, pattern.format(*values), pattern, values, several)


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding for all of the same severity, check and pattern, in order of the first.

    The frames of a file are in ascending order.

    >>> force = "Net force of {0:.1f} meV/Å per atom."
    >>> alike = [measured("warning", "net-force", f"a frame {n}", force, n) for n in (1, 2, 3, 8)]
    >>> (one,) = merge(alike)
    >>> one.frame, one.message
    ('4 frames: a frame 1–3, 8', 'Net force of 1.0 to 8.0 meV/Å per atom.')
    """
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        single = finding.frame if finding.frame == EVERYWHERE else ""
        kind = (finding.severity, finding.check, finding.pattern or finding.message, single)
        alike.setdefault(kind, []).append(finding)
    return [_merged(several) for several in alike.values()]


def _merged(findings: Sequence[Finding]) -> Finding:
    first = findings[0]
    if len(findings) == 1:
        return first
    message = first.message
    if first.pattern:
        together = zip(*(finding.values for finding in findings), strict=True)
        pattern = first.several or first.pattern
        message = pattern.format(*[_gathered(values) for values in together])
    frame = f"{len(findings)} frames: {listed(_ascending([each.frame for each in findings]))}"
    return Finding(first.severity, first.check, frame, message)


def _ascending(names: Sequence[str]) -> list[str]:
    """Return names of frames by file, in the order of the first, and by index in the file."""
    parts = [name.rpartition(" frame ") for name in names]
    files = {file: place for place, (file, _, _) in reversed(list(enumerate(parts)))}
    places = [(files[file], int(n) if n.isdecimal() else 0) for file, _, n in parts]
    return [name for _, name in sorted(zip(places, names, strict=True))]


def listed(names: Sequence[str]) -> str:
    """Return the first few of names of frames, those of one file and of consecutive frames joined.

    >>> listed(["a frame 0", "a frame 1", "a frame 2", "a frame 5", "b frame 7"])
    'a frame 0–2, 5; b frame 7'
    >>> listed(["a frame 0–2", "a frame 7"])
    'a frame 0–2; a frame 7'
    """
    runs: list[tuple[str, range]] = []
    for name in names:
        file, _, number = name.rpartition(" frame ")
        if not number.isdecimal():
            runs.append((name, range(0)))
        elif runs and runs[-1] == (file, range(runs[-1][1].start, int(number))):
            runs[-1] = file, range(runs[-1][1].start, int(number) + 1)
        else:
            runs.append((file, range(int(number), int(number) + 1)))
    text, before = "", None
    for file, run in runs[:FEW]:
        first = f"{run.start}–{run[-1]}" if len(run) > 1 else str(run.start)
        if run and file == before:
            text += f", {first}"
        else:
            text += f"{'; ' if text else ''}{file}{f' frame {first}' if run else ''}"
        before = file if run else None
    left = sum(max(len(run), 1) for _, run in runs[FEW:])
    return f"{text} and {left} more" if left else text


@dataclass(frozen=True)
class _Span:
    """Formats as one number, or as "low to high" if these differ as they are written."""

    low: float
    high: float

    def __format__(self, spec: str) -> str:
        low, high = format(self.low, spec), format(self.high, spec)
        return low if low == high else f"{low} to {high}"


def _gathered(values: Sequence[float | str]) -> _Span | str:
    """Return the range of numbers, or the first few words."""
    numbers = [value for value in values if not isinstance(value, str)]
    if numbers:
        return _Span(min(numbers), max(numbers))
    return listed(list(dict.fromkeys(map(str, values))))
