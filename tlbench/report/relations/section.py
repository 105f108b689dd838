"""The section on when transfer helps, for the page and for Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tlbench.distances import DataDistance, NamedSet
from tlbench.dynamics import Dynamics
from tlbench.metrics.distances.compare import SetDistance
from tlbench.metrics.statistics import MIN_POINTS, Association
from tlbench.records import Record
from tlbench.report.relations.coverage import (
    by_coverage,
    coverage_findings,
    coverage_table,
    grid_table,
)
from tlbench.report.relations.gains import parts_findings, parts_table
from tlbench.report.relations.predictors import (
    TITLES,
    Question,
    associations,
    questions,
)
from tlbench.report.relations.structure import (
    AXES,
    CONTRADICTIONS,
    association_text,
    bins_table,
    contradictions,
    deviations,
    overall,
)
from tlbench.results import Results

DISTANCES_NOTE = (
    "In brackets the 95 % interval from resampled structures, then the floor: what halves of one "
    "set differ by. A star marks distances whose interval lies above their floor. Raw lengths are "
    "in Å; scaled ones in nearest-neighbour distances d of each set, with energies from each set's "
    "mean. Environments are normalised SOAP vectors, blind to elements."
)
PREDICTORS_NOTE = (
    "Spearman's rank correlation with its 95 % interval; then, after ×, the error of predicting "
    "what was left out from this number, relative to predicting the mean of the others: below 1 it "
    "is of use. Points share elements or models, so intervals are rather too narrow; p, where it "
    "is given, allows for that: the share of exchanges of the elements' names that correlate as "
    "strongly."
)
PARTS_NOTE = (
    "Error after pretraining on a part of the source over that after pretraining on all of it, with "
    "the same updates and the same seeds: above 1, broader pretraining is better."
)
COVERAGE_NOTE = (
    "Error of the arm relative to scratch, for the test atoms nearest to the environments of the "
    "target training structures, and so on to the farthest; each fifth has as many atoms. Where "
    "there are several transfers each counts as one; they share elements, so intervals are too "
    "narrow."
)
GRID_NOTE = (
    "The same by thirds of the test atoms: rows by distance to the target's training structures, "
    "columns by distance to the source's. If the model falls back on the source where the target "
    "has no examples, the last row should be lowest on the left. Last, left over right in that row."
)
BINS_NOTE = (
    "Whether, across models, a larger force error of the test atoms that see a distance or angle "
    "goes with a larger deviation of the distribution there."
)
CONTRADICTIONS_NOTE = (
    "Models with a lower force error than from scratch with the same seeds, but a larger error of "
    "structure, above what runs of the reference differ by. Of the bins that add most to it, the "
    "force error there relative to scratch: above ×1 it explains the bin."
)


@dataclass(frozen=True)
class Block:
    """A table with its title and how it is read; the first line is the header."""

    title: str
    lines: list[list[str]]
    note: str = ""


@dataclass(frozen=True)
class RelationsSection:
    """What is said about when transfer helps."""

    findings: list[str]
    blocks: list[Block]


def relations_section(results: Results, metric: str) -> RelationsSection | None:
    """Return tables and findings; None for a run without distances and profiles."""
    records, distances = results.records, results.distances
    profiles, dynamics = results.profiles, results.dynamics
    if not distances and not profiles:
        return None
    asked = questions(records, distances, metric)
    covered = by_coverage(profiles)
    blocks = [Block("Distances between data sets", distances_table(distances), DISTANCES_NOTE)]
    blocks.append(Block("Parts of the source", parts_table(records, metric), PARTS_NOTE))
    for number, question in enumerate(asked):
        note = PREDICTORS_NOTE if number == 0 else ""
        blocks.append(Block(question.title, predictors_table(question), note))
    blocks += [
        Block("Gain by coverage", coverage_table(covered), COVERAGE_NOTE),
        Block("Gain by coverage of target and source", grid_table(covered), GRID_NOTE),
    ]
    findings = parts_findings(records, metric)
    findings += [said for question in asked for said in predictors_findings(question)]
    findings += coverage_findings(covered)
    if dynamics is not None:
        findings += _of_structure(dynamics, records)
        for axis in AXES:
            found = deviations(dynamics, profiles, records, axis)
            blocks.append(
                Block(f"{axis.error} and force error", bins_table(found, axis), BINS_NOTE)
            )
        lines = [CONTRADICTIONS, *contradictions(dynamics, profiles, records)]
        blocks.append(Block("Better forces, worse structure", lines, CONTRADICTIONS_NOTE))
    return RelationsSection(findings, [b for b in blocks if len(b.lines) > 1])


def distances_table(distances: Sequence[DataDistance]) -> list[list[str]]:
    """Return a column per pair of whole training sets, a line per distance.

    Those between single temperatures are too many for a table; plots have them.
    """
    shown = [d for d in distances if d.distances and _is_overall(d)]
    lines = [["distance", "form", *(f"{_name(d.a)} | {_name(d.b)}" for d in shown)]]
    for name, title in TITLES.items():
        for form in ("raw", "scaled"):
            found = [d.get(name, form) for d in shown]
            if any(found):
                unit = next(f.unit for f in found if f)
                cells = ["–" if f is None else distance_text(f) for f in found]
                lines.append([f"{title} ({unit})" if unit else title, form, *cells])
    return [line if n else [c.replace(" | ", ", ") for c in line] for n, line in enumerate(lines)]


def _is_overall(distance: DataDistance) -> bool:
    return distance.a.temperature_k is None and distance.b.temperature_k is None


def _name(of: NamedSet) -> str:
    return of.element if of.part is None else f"{of.element} ({of.part})"


def distance_text(distance: SetDistance) -> str:
    """Return a distance with its interval and floor."""
    star = "*" if distance.is_resolved else ""
    numbers = (distance.value, distance.low, distance.high, distance.floor)
    value, low, high, floor = (f"{number:.2g}" for number in numbers)
    return f"{value}{star} [{low}, {high}] ({floor})"


def predictors_table(question: Question) -> list[list[str]]:
    """Return a line per predictor, a column per series."""
    told = associations(question)
    series = list(dict.fromkeys(p.series for p in question.points))
    lines = [["told by", *series]]
    for name, found in told.items():
        cells = [_told(found[each]) if each in found else "–" for each in series]
        lines.append([name, *cells])
    return lines


def _told(told: Association) -> str:
    skill = "" if told.skill is None else f" × {told.skill:.2f}"
    chance = "" if told.chance is None else f", p = {told.chance:.2f}"
    return association_text(told) + skill + chance


def predictors_findings(question: Question) -> Iterator[str]:
    """Say what tells the value best, how many do, and how many would by chance."""
    told = [
        (name, series, each)
        for name, found in associations(question).items()
        for series, each in found.items()
    ]
    if not told:
        return
    n_points = max(each.n_points for _, _, each in told)
    start = f"{question.title}"
    if n_points < MIN_POINTS:
        yield f"{start} With {n_points} points nothing is concluded."
        return
    sure = [each for each in told if each[2].is_resolved]
    useful = [each for each in told if each[2].skill is not None and each[2].skill < 1]
    yield (
        f"{start} Of {len(told)} correlations, {len(sure)} have a 95 % interval without 0 (about "
        f"{len(told) / 20:.0f} would by chance if points were independent, but they share "
        f"{question.shared}), and {len(useful)} predict what was left out better than the mean does."
    )
    ranked = sorted(sure, key=lambda each: -abs(each[2].rho))
    if ranked:
        name, series, best = ranked[0]
        chance = (
            ""
            if best.chance is None
            else (f"; {best.chance:.0%} of exchanges of the elements' names correlate as strongly")
        )
        skill = (
            ""
            if best.skill is None
            else (
                f"; predicting from it has {best.skill:.2f} times the error of predicting the mean"
            )
        )
        yield (
            f"The closest is with {name}, for {series}: {association_text(best)}{skill}{chance}. "
            "It is the best of many, so it should be expected to be weaker in other data."
        )


def _of_structure(dynamics: Dynamics, records: list[Record]) -> Iterator[str]:
    for name, (everything, trained) in overall(dynamics, records).items():
        said = "" if trained is None else f", and {association_text(trained)} of trained ones alone"
        yield (
            f"Across models, the {name} goes with the force MAE with a rank correlation of "
            f"{association_text(everything)}{said}."
        )


def relations_figures(results: Results, metric: str) -> Iterator[tuple[str, str, Any]]:
    """Yield title, how to read it, and figure of every plot."""
    records, distances = results.records, results.distances
    profiles, dynamics = results.profiles, results.dynamics
    from tlbench.report.relations.plots import (
        coverage_curves,
        distance_maps,
        predictor_clouds,
        structure_profiles,
    )

    maps = distance_maps(distances)
    if maps is not None:
        yield (
            "Distances between data sets",
            "Darker is farther; of whole environments by exact transport, on the right with atoms "
            "scaled to one size, so that what differs only in size is light there.",
            maps,
        )
    for question in questions(records, distances, metric):
        cloud = predictor_clouds(question)
        if cloud is not None:
            yield question.title, question.reads, cloud
    trained = {p.strategy for p in profiles if p.size}
    covered = [each for each in by_coverage(profiles) if each.place.strategy in trained]
    if covered:
        yield (
            "Gain by coverage",
            "Lower is a larger gain; a line that falls to the right gains most for the test atoms "
            "that are least like the target's training structures.",
            coverage_curves(covered),
        )
    if dynamics is not None:
        for axis in AXES:
            found = deviations(dynamics, profiles, records, axis)
            if found:
                yield (
                    f"{axis.error} and force error, bin by bin",
                    "Above, how far the distribution is from the reference's; below, the force "
                    "error of the test atoms that see this distance or angle: where peaks stand "
                    "above each other, force errors may explain the structure.",
                    structure_profiles(found, axis),
                )
