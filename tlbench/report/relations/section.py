"""The section on what gains go with, for the page and for Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tlbench.distances import DataDistance, NamedSet
from tlbench.metrics.chemistry import differences
from tlbench.metrics.distances.quantities import SetDistance
from tlbench.metrics.statistics import Association
from tlbench.records import Record
from tlbench.report.budget import AT_THIS_BUDGET
from tlbench.report.dynamics.section import Titled
from tlbench.report.relations.coverage import (
    by_coverage,
    coverage_findings,
    coverage_table,
    grid_table,
)
from tlbench.report.relations.gains import parts_findings, parts_table
from tlbench.report.relations.predictors import Answer, answer
from tlbench.report.relations.questions import TITLES, Question, questions
from tlbench.report.relations.structure import (
    AXES,
    CONTRADICTIONS,
    association_text,
    bins_table,
    contradictions,
    coordination_table,
    deviations,
    structure_findings,
)
from tlbench.report.transfers import by_transfer
from tlbench.results import Results

DISTANCES_NOTE = (
    "In brackets the 95 % interval from resampled structures, then the floor: what halves of one "
    "set differ by. A star marks distances whose interval lies above their floor. Raw lengths are "
    "in Å; scaled ones in nearest-neighbour distances d of each set, with energies from each set's "
    "mean. Environments are normalised SOAP vectors, blind to elements; their distances are those "
    "of samples, too large by about the floor, and so are the intervals."
)
ELEMENTS_NOTE = (
    "Differences between the elements: group and period of the periodic table, covalent radius "
    "(Pyykkö & Atsumi 2009, pm), electronegativity (Pauling), and valence electrons, which count "
    "the d shell, as the library mendeleev has them."
)
COORDINATION_NOTE = (
    "Mean force error (meV/Å) of the test atoms with so many neighbours in their first shell, "
    "geometric means over models; numbers that fewer than one atom in a hundred has are left out."
)
TOO_LIKELY = 0.05
"""Share of exchanges of names from which on a correlation is put down to chance."""

PREDICTORS_NOTE = (
    "Spearman's rank correlation; in brackets its 95 % interval, which counts pairs of elements, "
    "or parts of the source, not points, and is left out where there are fewer than six; after × "
    "the error of predicting each from this number, fitted to the others, relative to predicting "
    "the mean of the others: below 1 it is of use; p is the share of exchanges of names (of "
    "elements, parts, or training temperatures) that correlate as strongly. p is "
    "not corrected for the number of correlations: of many, some are strong by chance."
)
PARTS_NOTE = (
    "Error after pretraining on a part of the source over that after pretraining on all of it, "
    "with the same updates and the same seeds: above 1, pretraining on all of it gives the lower "
    "error at this budget."
)
COVERAGE_NOTE = (
    "Error of the arm relative to scratch, for the test atoms nearest to the environments of the "
    "target training structures, and so on to the farthest; each fifth has as many atoms. "
    "Distances are those of environments as they are, in Å, as a network sees them. Where there "
    "are several targets each counts as one, whatever the source: transfers to one target share "
    "its models from scratch."
)
GRID_NOTE = (
    "The same by thirds of the test atoms by distance to the target's training structures, once "
    "for atoms to which a structure of the source is nearer than any of these, once for the "
    "others; in brackets the share of atoms. If the model falls back on the source where the "
    "target has no examples, the first should be the smaller in the last line of an arm. Cells of "
    "fewer than 20 atoms are left out."
)
BINS_NOTE = (
    "Whether, across models, a larger force error of the test atoms that see a distance or angle "
    "goes with a larger deviation of the distribution there. Models of all backbones are taken "
    "together, so a correlation may be one between backbones. Intervals count arms, because models "
    "of one are alike."
)
CONTRADICTIONS_NOTE = (
    "Models with a lower force error than from scratch with the same seeds, but a larger error of "
    "structure, above what runs of the reference differ by. Of the bins that add most to it, the "
    "force error there relative to scratch: above ×1 the two go together."
)


@dataclass(frozen=True)
class RelationsSection:
    """What gains go with: distances, coverage, structure."""

    findings: list[str]
    blocks: list[Titled]


def relations_section(results: Results, metric: str) -> RelationsSection | None:
    """Return tables and findings; None for a run without distances and profiles."""
    records, distances = results.records, results.distances
    profiles, dynamics = results.profiles, results.dynamics
    if not distances and not profiles:
        return None
    asked = [(q, answer(q)) for q in questions(records, distances, metric)]
    covered = by_coverage(profiles)
    trained = {p.model.strategy for p in profiles if p.model.size}
    blocks = [Titled("Distances between data sets", distances_table(distances), DISTANCES_NOTE)]
    blocks.append(Titled("Elements", elements_table(records), ELEMENTS_NOTE))
    blocks.append(Titled("Parts of the source", parts_table(records, metric), PARTS_NOTE))
    for number, (question, found) in enumerate(asked):
        note = PREDICTORS_NOTE if number == 0 else ""
        blocks.append(Titled(question.title, predictors_table(question, found), note))
    blocks += [
        Titled("Ratio to scratch by coverage", coverage_table(covered), COVERAGE_NOTE),
        Titled("Ratio to scratch by coverage of target and source", grid_table(covered), GRID_NOTE),
        Titled("Force error by coordination", coordination_table(profiles), COORDINATION_NOTE),
    ]
    findings = parts_findings(records, metric)
    findings += [said for q, found in asked for said in predictors_findings(q, found)]
    findings += coverage_findings(each for each in covered if each.place.strategy in trained)
    if dynamics is not None:
        findings += structure_findings(dynamics, records)
        for axis in AXES:
            deviating = deviations(dynamics, profiles, records, axis)
            blocks.append(
                Titled(f"{axis.error} and force error", bins_table(deviating, axis), BINS_NOTE)
            )
        lines = [CONTRADICTIONS, *contradictions(dynamics, profiles, records)]
        blocks.append(
            Titled("Lower force error, larger structure error", lines, CONTRADICTIONS_NOTE)
        )
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


def elements_table(records: list[Record]) -> list[list[str]]:
    """Return a line per pair of elements between which there are transfers."""
    pairs = {frozenset({t.source, t.target}): t for t in by_transfer(records)}
    if len(pairs) < 2:
        return []
    lines: list[list[str]] = []
    for t in pairs.values():
        found = differences(t.source, t.target)
        lines = lines or [["elements", *found]]
        cells = [f"{found[n]:.3g}" if n in found else "–" for n in lines[0][1:]]
        lines.append([f"{t.source}, {t.target}", *cells])
    return lines


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


def predictors_table(question: Question, found: Answer) -> list[list[str]]:
    """Return a line per predictor, a column per series."""
    series = list(dict.fromkeys(p.series for p in question.points))
    lines = [["distance or difference", *series]]
    for name, told in found.told.items():
        lines.append([name, *(_association_cell(told[s]) if s in told else "–" for s in series)])
    return lines


def _association_cell(found: Association) -> str:
    skill = "" if found.skill is None else f" × {found.skill:.2f}"
    chance = "" if found.chance is None else f", {p_text(found.chance)}"
    return association_text(found) + skill + chance


def p_text(chance: float) -> str:
    """Return a share of exchanges; never as 0, for the names as they are count among them."""
    return f"p = {chance:.2f}" if chance >= 0.01 else "p < 0.01"


def predictors_findings(question: Question, found: Answer) -> Iterator[str]:
    """Say what the values correlate with most, and how often chance does as well."""
    strongest = found.strongest()
    if strongest is None:
        return
    name, series, best = strongest
    n_names = len({name for p in question.points for name in p.names})
    n_correlations = sum(len(told) for told in found.told.values())
    yield (
        f"{question.title} {AT_THIS_BUDGET.capitalize()}, the strongest of {n_correlations} "
        f"correlations is with {name}, for {series}: {association_text(best)}. "
        f"{_sure(question, found, n_names)}"
    )


def _sure(question: Question, found: Answer, n_names: int) -> str:
    """Say what may be concluded from the strongest of many correlations."""
    of_what = f"{n_names} {question.named}"
    if found.chance is None or 1 / found.n_exchanges > TOO_LIKELY:
        return f"With {of_what} nothing is concluded."
    share = (
        f"If the {of_what} exchanged their names, one as strong would be found in "
        f"{found.chance:.1%} of all ways to do so (the least there can be is "
        f"{1 / found.n_exchanges:.1%})"
    )
    if found.chance > TOO_LIKELY:
        return f"{share}, so it may be chance, and nothing is concluded."
    return f"{share}. It is the strongest of many, and should be expected to be weaker elsewhere."


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
    trained = {p.model.strategy for p in profiles if p.model.size}
    covered = [each for each in by_coverage(profiles) if each.place.strategy in trained]
    if covered:
        yield (
            "Ratio to scratch by coverage",
            "Error relative to scratch at this budget; a line that falls to the right has its "
            "smallest ratio for the test atoms least like the target's training structures.",
            coverage_curves(covered),
        )
    if dynamics is not None:
        for axis in AXES:
            found = deviations(dynamics, profiles, records, axis)
            if found:
                yield (
                    f"{axis.error} and force error, bin by bin",
                    "Above, how far the distribution is from the reference's; below, the force "
                    "error of the test atoms that see this distance or angle.",
                    structure_profiles(found, axis),
                )
