"""The section on what gains go with: distances, coverage, structure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from tlbench.metrics.distances.quantities import FORMS, SetDistance
from tlbench.report.analysis import Analysis
from tlbench.report.content import (
    Figure,
    Lines,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
    pivot,
)
from tlbench.report.relations.chemistry import chemistry
from tlbench.report.relations.coverage import (
    by_coverage,
    coverage_findings,
    coverage_table,
    grid_table,
)
from tlbench.report.relations.questions import (
    HEADLINE,
    TITLES,
    answer,
    predictors_findings,
    predictors_table,
    questions,
)
from tlbench.report.relations.structure import (
    AXES,
    bins_table,
    contradictions,
    coordination_table,
    deviations,
    structure_findings,
)
from tlbench.report.sections.transfers import against_whole, parts_findings, parts_table
from tlbench.results.distances import DataDistance, NamedSet

DISTANCES_NOTE = (
    "In brackets the 95 % interval from resampled structures, then the floor: what halves of one "
    "set differ by. A star marks distances whose interval lies above their floor. Raw lengths are "
    "in Å; scaled ones in nearest-neighbour distances d of each set, with energies from each set's "
    "mean. Environments are normalised SOAP vectors, {}; their distances are those "
    "of samples, too large by about the floor, and so are the intervals."
)
BLIND = "blind to elements"
AWARE = "aware of elements: every target element counts as the source element that it starts as"
ELEMENTS_NOTE = (
    "Differences between the elements: group and period of the periodic table, covalent radius "
    "(Pyykkö & Atsumi 2009, pm), electronegativity (Pauling), and valence electrons, which count "
    "the d shell, as the library mendeleev has them. Of data of several elements they are means "
    "over the target elements, each with the source element that it starts as."
)
COORDINATION_NOTE = (
    "Mean force error (meV/Å) of the test atoms with so many neighbours in their first shell, "
    "geometric means over models; numbers that fewer than one atom in a hundred has are left out."
)
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
DISTANCES = "Distances between data sets"
COVERAGE = "Ratio to scratch by coverage"
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
    "goes with a larger deviation of the distribution of all atoms there. Models of all backbones "
    "are taken together, so a correlation may be one between backbones. Intervals count arms, "
    "because models of one are alike."
)
CONTRADICTIONS_NOTE = (
    "Models with a lower force error than from scratch with the same seeds, but a larger error of "
    "structure, above what runs of the reference differ by. Of the bins that add most to it, the "
    "force error there relative to scratch: above ×1 the two go together."
)
MAPS_NOTE = (
    "Darker is farther; of whole environments by exact transport, on the right with atoms scaled "
    "to one size, so that what differs only in size is light there."
)
CURVES_NOTE = (
    "Error relative to scratch at this budget; a line that falls to the right has its smallest "
    "ratio for the test atoms least like the target's training structures."
)
PROFILES_NOTE = (
    "Above, how far the distribution is from the reference's; below, the force error of the test "
    "atoms that see this distance or angle."
)


def relations(analysis: Analysis) -> Iterator[Section]:
    """Yield the section of a run with distances or profiles."""
    results, metric = analysis.results, analysis.metrics[0]
    if not results.distances and not results.profiles:
        return
    asked = [(question, answer(question)) for question in questions(analysis, metric)]
    covered = by_coverage(results.profiles)
    has_data = {p.model.strategy for p in results.profiles if p.model.size}
    trained = [each for each in covered if each.place.strategy in has_data]
    parts = against_whole(analysis, metric)
    coordination = coordination_table(results.profiles)
    settings = analysis.suite.distances
    described = AWARE if settings is not None and settings.elements == "aware" else BLIND
    overall = [d for d in results.distances if d.is_overall]
    mapped = [d for d in overall if d.get("exact", "raw")]
    findings = parts_findings(parts)
    findings += [said for each in asked for said in predictors_findings(*each)]
    findings += coverage_findings(trained)
    figures = [
        _figure("distances", DISTANCES, MAPS_NOTE, "distance_maps", mapped),
        *(
            _figure(f"question-{number}", q.title, q.reads, "predictor_clouds", q)
            for number, (q, _) in enumerate(asked)
            if any(HEADLINE in point.predictors for point in q.points)
        ),
        _figure("coverage", COVERAGE, CURVES_NOTE, "coverage_curves", trained),
    ]
    tables = [
        Table(DISTANCES, distances_table(overall), DISTANCES_NOTE.format(described)),
        Table("Elements", elements_table(analysis), ELEMENTS_NOTE),
        Table("Parts of the source", parts_table(parts), PARTS_NOTE),
        *(
            Table(q.title, predictors_table(q, found), "" if number else PREDICTORS_NOTE)
            for number, (q, found) in enumerate(asked)
        ),
        Table(COVERAGE, coverage_table(covered), COVERAGE_NOTE),
        Table("Ratio to scratch by coverage of target and source", grid_table(covered), GRID_NOTE),
        Table("Force error by coordination", coordination, COORDINATION_NOTE),
    ]
    if results.dynamics is not None:
        dynamics, profiles, records = results.dynamics, results.profiles, results.records
        findings += structure_findings(dynamics, records)
        for axis in AXES:
            found = deviations(dynamics, profiles, records, axis)
            title = f"{axis.error} and force error"
            tables.append(Table(title, bins_table(found, axis), BINS_NOTE))
            name = f"profile-{axis.of_structure}"
            drawn = "structure_profiles", found, axis
            figures.append(_figure(name, f"{title}, bin by bin", PROFILES_NOTE, *drawn))
        lines = lines_of(contradictions(dynamics, profiles, records))
        title = "Lower force error, larger structure error"
        tables.append(Table(title, lines, CONTRADICTIONS_NOTE))
    folded = [replace(table, folded=True) for table in tables]
    title = "Ratio to scratch against distance and coverage"
    yield Section("relations", title, [Sentences(findings), *figures, *folded])


def _figure(name: str, title: str, note: str, draw: str, values: Any, *others: Any) -> Figure:
    """Return a figure that a function of this name draws; without a case if it has no values."""
    cases = {"": drawing(f"relations.figures:{draw}", values, *others)} if values else {}
    return Figure(name, title, note, cases)


def distances_table(distances: Sequence[DataDistance]) -> Lines:
    """Return a column per pair of training sets, a line per distance."""
    shown = [d for d in distances if d.distances]
    lines = [["distance", "form", *(f"{_name(d.a)}, {_name(d.b)}" for d in shown)]]
    for (name, title), form in product(TITLES.items(), FORMS):
        found = [d.get(name, form) for d in shown]
        if any(found):
            unit = next(f.unit for f in found if f)
            cells = [distance_text(f) if f else "–" for f in found]
            lines.append([f"{title} ({unit})" if unit else title, form, *cells])
    return lines


def elements_table(analysis: Analysis) -> Lines:
    """Return a line per pair of elements between which there are transfers."""
    pairs = {frozenset({t.source, t.target}): t for t in analysis.transfers}
    if len(pairs) < 2:
        return []
    given = analysis.suite.elements
    found = {(t.source, t.target): chemistry(t, given) for t in pairs.values()}
    cells = {(p, name): f"{value:.3g}" for p, some in found.items() for name, value in some.items()}
    columns = next(iter(found.values()))
    return pivot("elements", found, columns, cells, (", ".join, str))


def _name(of: NamedSet) -> str:
    return of.element if of.part is None else f"{of.element} ({of.part})"


def distance_text(distance: SetDistance) -> str:
    """Return a distance with its interval and floor."""
    star = "*" if distance.is_resolved else ""
    numbers = (distance.value, distance.low, distance.high, distance.floor)
    value, low, high, floor = (f"{number:.2g}" for number in numbers)
    return f"{value}{star} [{low}, {high}] ({floor})"
