"""Which start is best: all arms of all sources side by side, and what potentials have seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ase.data import atomic_numbers

from tlbench.base.errors import InputError
from tlbench.base.phrases import listed
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import Ratio, holm, paired_ratio
from tlbench.report.analysis import Analysis
from tlbench.report.claims import CLAIM_PAIRS, difference, has_pairs_for_claim
from tlbench.report.content import (
    Block,
    Figure,
    Lines,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
)
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import (
    BASELINE,
    UNFITTED,
    UNFITTED_NOTE,
    at_budget,
    interval_text,
    is_untrained,
    ratio_text,
)
from tlbench.study.ends import elements_in
from tlbench.study.sources import SourcePotential, potential_of
from tlbench.study.transfers import DataChoice
from tlbench.transfer import arm

TABLE_NOTE = (
    "Starts by their error, the best first: geometric means over pairs, and the paired ratio to "
    "the best start of the same N, each with its 95 % interval where there are five pairs. A start "
    "without target data is the same at every N. A published potential as it is, without training, "
    "is one model, which every pair is compared with: all spread is that of the other start. “seen "
    "before”: which elements of the test structures the source was trained on."
)
CURVES_NOTE = (
    "A line for each start, through geometric means over pairs; every pair is a faint point. A "
    "start without target data is a level. Both axes are logarithmic."
)
SAME_WEIGHTS = (
    "Models that start from one potential have its weights in every pair, so their pairs differ in "
    "training structures and batches alone"
)


CORRECTION = (
    "Worse is an error higher by more than 3 % at the 5 % level, after Holm's correction for all "
    "starts at all N; comparisons:"
)
SELECTED = (
    "The best start was selected on the same data, so its lead over the others is overestimated."
)

MOST_NAMED = 4
"""Starts that are named as not shown to be worse; the table has all."""


def starts(analysis: Analysis) -> Iterator[Section]:
    """Yield the comparison of all starts of a suite that names its sources."""
    suite = analysis.suite
    if suite.sources is None:
        return
    blocks: list[Block] = []
    cases = {}
    seen = seen_before(analysis)
    for metric in analysis.metrics:
        rows = starts_of(analysis.of_metric(metric))
        if len({start_of(row) for row in rows}) < 2:
            continue
        unit = METRICS.get(metric).unit
        note = TABLE_NOTE
        note += "" if all(row.is_comparable for row in rows) else f" {UNFITTED_NOTE}"
        lines = start_table(rows, seen)
        blocks.append(Table(f"{metric} ({unit}) of all starts", lines, note))
        if metric == analysis.metrics[0]:
            when = "untrained" if is_untrained(suite) else at_budget(suite)
            blocks.append(Sentences(list(overlaps(analysis)), "What the sources have seen"))
            blocks.append(Sentences(findings(rows, when), "Best starts"))
        if any(row.trained for row in rows):
            compared = [row for row in rows if row.is_comparable]
            cases[metric] = drawing("figures:start_curves", *_named(compared))
    # One size is not a curve.
    if len({row.place.size for row in analysis.rows if row.trained}) != 1:
        blocks.append(Figure("starts", "Learning curves of all starts", CURVES_NOTE, cases))
    yield Section("starts", "Starts", blocks)


def starts_of(rows: Iterable[Row]) -> list[Row]:
    """Return rows, those of arms that need no source once however many they are compared with."""
    found: dict[object, Row] = {}
    for row in rows:
        needs_source = arm(row.place.strategy).needs_source
        found.setdefault((row.place, row.transfer if needs_source else None), row)
    return list(found.values())


def start_of(row: Row) -> tuple[str, str]:
    """Return from what and how a model starts, and its backbone.

    A model from scratch does not name a source, another one what is transferred from and to.
    """
    name = row.place.strategy
    start = f"{row.transfer.label()}, {name}" if arm(name).needs_source else name
    return start, row.place.backbone


def start_table(rows: Sequence[Row], seen: Mapping[str, str]) -> Lines:
    """Return a line per start at each N, the best first, with its ratio to the best.

    Parameters
    ----------
    seen
        Source → elements of test structures that it has seen before.
    """
    lines = []
    for some in _by_training_set(rows):
        best = some[0]
        for row in some:
            start, backbone = start_of(row)
            is_started = arm(row.place.strategy).needs_source
            is_compared = row is not best and row.is_comparable and best.is_comparable
            ratio = _ratio(row, best) if is_compared else None
            lines.append(
                {
                    "structures": row.place.training_set(),
                    "start": start,
                    "backbone": backbone,
                    "seen before": seen.get(row.transfer.source, "–") if is_started else "–",
                    row.metric: mean_text(row),
                    "/ best": ratio_text(ratio, flagged=False) if ratio else "–",
                    "pairs": str(len(row.values)),
                }
            )
    return lines_of(lines)


def mean_text(row: Row) -> str:
    """Return the mean of a row, with its interval where there are pairs enough."""
    metric, interval = METRICS.get(row.metric), row.mean.interval
    text = metric.text(row.mean.value) + ("" if row.is_comparable else UNFITTED)
    if interval is None or not has_pairs_for_claim(row.mean):
        return text
    return f"{text} [{metric.text(interval.low)}, {metric.text(interval.high)}]"


def findings(rows: Sequence[Row], when: str) -> list[str]:
    """Return which start is the best at each N (`best_starts`), and how that was tested."""
    found, n_tests = best_starts(rows, when)
    return [*found, f"{CORRECTION} {n_tests}. {SELECTED}"] if n_tests else found


def best_starts(rows: Sequence[Row], when: str) -> tuple[list[str], int]:
    """Return which start is the best at each N, and which others are not shown to be worse.

    Worse is a start whose error is higher by more than 3 % (`difference`), after Holm's correction
    for all starts at all N, whose number is returned beside.
    """
    compared = [
        (best, [(row, ratio) for row in others if (ratio := _ratio(row, best)) and ratio.interval])
        for best, *others in _by_training_set(row for row in rows if row.is_comparable)
    ]
    tests = {(row.place, row.transfer): ratio.p for _, some in compared for row, ratio in some}
    p = holm({name: value for name, value in tests.items() if value is not None})
    found = []
    for best, some in compared:
        alike = [
            f"{_words(row)} ({ratio.value:.2f} {interval_text(ratio.interval)})"
            for row, ratio in some
            if difference(ratio, p.get((row.place, row.transfer))) != "higher"
        ]
        where = best.place.replace(updates=None).training_set()
        said = f"{where}: {when}, the lowest error is that of {_words(best)}"
        if not some:
            said += "; there are too few pairs for a claim"
        elif alike:
            more = len(alike) - MOST_NAMED
            shown = alike if more <= 1 else [*alike[:MOST_NAMED], f"{more} others"]
            said += f"; not shown to be worse, by ratio to it: {listed(shown)}"
        else:
            said += f"; all others of at least {CLAIM_PAIRS} pairs are worse"
        found.append(f"{said}.")
    return found, len(p)


def _ratio(row: Row, best: Row) -> Ratio | None:
    """Return the ratio of the errors of two starts, its interval where there are pairs enough."""
    ratio = ratio_between(row, best)
    if ratio is None or has_pairs_for_claim(ratio):
        return ratio
    return replace(ratio, interval=None)


def overlaps(analysis: Analysis) -> Iterator[str]:
    """Yield what the potentials that models start from have seen before, and how they are limited.

    Potentials of the same training data share a sentence.
    """
    potentials = _potentials(analysis)
    tested = _tested_elements(analysis)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for source in potentials:
        seen = tuple(each for each in tested if each in source.elements)
        alike.setdefault((source.trained_on, seen), []).append(source.name)
    for (trained_on, seen), names in alike.items():
        one = len(names) == 1
        if trained_on:
            said = f"{listed(names)} {'was' if one else 'were'} trained on {trained_on}"
        else:
            said = f"What {listed(names)} {'was' if one else 'were'} trained on is not known"
        if seen:
            said += f". {listed(seen)} {'is' if len(seen) == 1 else 'are'} among "
            said += f"{'its' if one else 'their'} elements, so test structures are not wholly new, "
            said += "not even without target data"
        yield f"{said}."
    for source in potentials:
        for clause, how in source.config.violations().items():
            yield f"{source.name} breaks “{clause}” of the contract of backbones: {how}."
    if potentials and any(row.trained for row in analysis.rows):
        whole = _whole_size(analysis)
        all_ = f"; with {whole} structures, which are all there are to train on, in batches alone"
        yield f"{SAME_WEIGHTS}{all_ if whole else ''}."


def _whole_size(analysis: Analysis) -> int | None:
    """Return the N at which models see all training structures of the target; None without one."""
    target = analysis.suite.target
    # Its card may be gone, too.
    with suppress(InputError):
        number = target.load().n_frames("train") if target else None
        return number if number in {row.place.size for row in analysis.rows} else None
    return None


def seen_before(analysis: Analysis) -> dict[str, str]:
    """Return source → the elements of the test structures that models from it have seen before.

    They are those of the target and of further data sets.
    """
    tested = _tested_elements(analysis)
    elements = {each.source: elements_in(each.source) for each in analysis.transfers}
    elements |= {each.name: [*each.elements] for each in _potentials(analysis)}
    return {
        name: ", ".join(each for each in tested if each in known) or "none"
        # Of a potential whose file is gone nothing is left but its name.
        if any(each in atomic_numbers for each in known)
        else "unknown"
        for name, known in elements.items()
    }


def _tested_elements(analysis: Analysis) -> list[str]:
    """Return the elements of targets and of further data sets, each once."""
    found = [symbol for each in analysis.transfers for symbol in elements_in(each.target)]
    for choice in analysis.suite.tested_on or ():
        # The card of a data set may be gone when results are looked at.
        with suppress(InputError):
            found += choice.load().elements if isinstance(choice, DataChoice) else []
    return list(dict.fromkeys(found))


def _potentials(analysis: Analysis) -> list[SourcePotential]:
    found = []
    for choice in analysis.suite.sources or ():
        # So may be the file of a potential.
        with suppress(InputError):
            found += [potential_of(choice)] if choice.data is None else []
    return found


def _by_training_set(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each training set, the lowest error first, what is not compared last.

    Two of them are compared over the pairs that both have, as means over other pairs depend on
    which are missing.
    """
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(row.place.position[1:], []).append(row)
    for where in sorted(found):
        some = found[where]
        order = {
            id(row): (not row.is_comparable, sum(_is_lower(each, row) for each in some))
            for row in some
        }
        yield sorted(some, key=lambda row: (*order[id(row)], row.mean.value))


def _is_lower(row: Row, other: Row) -> bool:
    """Return whether a row has the lower error, over the pairs of both."""
    ratio = paired_ratio(row.values, other.values)
    means = row.mean.value / other.mean.value
    return row.is_comparable and (means if ratio is None else ratio.value) < 1


def _words(row: Row) -> str:
    start, backbone = start_of(row)
    return f"{start} ({backbone})" if start == BASELINE else start


def _named(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return rows of one panel, their arms called as their starts, and the names of these."""
    found = []
    for row in rows:
        place = row.place.replace(backbone=row.transfer.target, strategy=_words(row))
        found.append(replace(row, place=place))
    return found, list(dict.fromkeys(row.place.strategy for row in found))
