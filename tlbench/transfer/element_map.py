"""As which source element each target element starts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlbench.base.errors import InputError
from tlbench.metrics.chemistry import differences


@dataclass(frozen=True)
class ElementStart:
    """A target element, the source element that it starts as, and why that one."""

    target: str
    source: str
    reason: str

    def label(self) -> str:
        """Return it in words, as ``"Ge starts as Si (the only element)"``."""
        return f"{self.target} starts as {self.source} ({self.reason})"


def element_starts(
    source: Sequence[str], target: Sequence[str], given: Mapping[str, str] | None = None
) -> tuple[ElementStart, ...]:
    """Return as what each target element starts.

    What is given comes first; then every element that the source has starts as itself; then pairs
    of a target and a source element are made, those nearest to each other first: by difference in
    group, among equal ones in electronegativity, then in covalent radius
    (`tlbench.metrics.chemistry`). No two target elements start as the same source element as
    long as the source has enough of them; with fewer, those that are left over start as the
    nearest.

    Parameters
    ----------
    source, target
        Symbols of the elements of both ends.
    given
        Target element → source element, of some or all.

    Raises
    ------
    InputError
        If what is given names an element that its end does not have, or two target elements
        would start as one, by what is given or because one of them is that element, although the
        source has as many.
    """
    given = given or {}
    _check_given(source, target, given)
    found = {t: ElementStart(t, s, "as the suite says") for t, s in given.items()}
    for symbol in target:
        if symbol in source and symbol not in found:
            found[symbol] = ElementStart(symbol, symbol, "the same element")
    _check_distinct(source, target, found)
    missing = [symbol for symbol in target if symbol not in found]
    while missing:
        taken = {start.source for start in found.values()}
        free = [symbol for symbol in source if symbol not in taken] or [*source]
        if len(source) == 1:
            best, reason = (missing[0], source[0]), "the source's only element"
        else:
            pairs = [(t, s) for t in missing for s in free]
            best = min(pairs, key=lambda pair: _distance(*pair))
            reason = _reason(*best, source, free)
        found[best[0]] = ElementStart(*best, reason)
        missing.remove(best[0])
    return tuple(found[symbol] for symbol in target)


def mean_differences(starts: Sequence[ElementStart]) -> dict[str, float]:
    """Return each difference of `tlbench.metrics.chemistry`, averaged over the target elements.

    It is that of a target element and the source element that it starts as. One that is not known
    of every pair is left out.
    """
    found = [differences(each.target, each.source) for each in starts]
    return {
        name: sum(each[name] for each in found) / len(found)
        for name in found[0]
        if all(name in each for each in found)
    }


def _check_given(source: Sequence[str], target: Sequence[str], given: Mapping[str, str]) -> None:
    for named, symbols, end in (
        ([*given], target, "target"),
        ([*given.values()], source, "source"),
    ):
        for symbol in named:
            if symbol not in symbols:
                raise InputError(
                    f"elements: the {end} has no {symbol}; its elements are "
                    f"{', '.join(symbols)}. Each line is TARGET: SOURCE."
                )


def _check_distinct(
    source: Sequence[str], target: Sequence[str], found: Mapping[str, ElementStart]
) -> None:
    for symbol in source:
        shared = [
            f"{each.target} ({each.reason})" for each in found.values() if each.source == symbol
        ]
        if len(shared) > 1 and len(source) >= len(target):
            raise InputError(
                f"elements: {' and '.join(shared)} both start as {symbol}, so that the model "
                f"could not distinguish them, although the source has {len(source)} elements for "
                f"{len(target)}; let each start as another one. With fewer source elements than "
                "target elements several may start as one."
            )


_ORDER = ("group", "electronegativity", "covalent radius")
_WORDS = {
    "group": "group, {:g} away",
    "electronegativity": "electronegativity, which differs by {:.2f}",
    "covalent radius": "covalent radius, which differs by {:.0f} pm",
}


def _distance(target: str, source: str) -> tuple[float, ...]:
    known = differences(target, source)
    return tuple(known.get(name, math.inf) for name in _ORDER)


def _reason(target: str, source: str, sources: Sequence[str], free: Sequence[str]) -> str:
    """Return why ``source`` of those that are ``free``: by which quantity it is the nearest.

    That is the first in which it differs from the next nearest. Where an element that is nearer
    still is the start of another one, it is named, however far the one that is left may be.
    """
    nearer = [
        s for s in sources if s not in free and _distance(target, s) < _distance(target, source)
    ]
    others = [s for s in (free if nearer else sources) if s != source]
    if not others:
        words = "the only one left"
    else:
        next_nearest = min(others, key=lambda s: _distance(target, s))
        words = "the nearest of those left" if nearer else "the nearest"
        words += _deciding(target, source, next_nearest)
    if nearer:
        words += f"; {' and '.join(nearer)}, nearer, {'is' if len(nearer) == 1 else 'are'} taken"
    return words


def _deciding(target: str, source: str, other: str) -> str:
    """Return ``" by group, 1 away"``: the first quantity in which two source elements differ."""
    pairs = zip(_ORDER, _distance(target, source), _distance(target, other), strict=True)
    return next((f" by {_WORDS[name].format(d)}" for name, d, e in pairs if d != e), "")
