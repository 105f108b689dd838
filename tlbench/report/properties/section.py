"""The section on physical properties."""

from collections.abc import Iterator, Sequence

from tlbench.report.analysis import Analysis
from tlbench.report.content import Block, Figure, Paragraph, Section, Sentences, Table, drawing
from tlbench.report.properties.contradictions import comparisons, contradiction_findings
from tlbench.report.properties.curves import curves_of_arms, title_of
from tlbench.report.properties.following import (
    Following,
    following,
    following_findings,
    following_table,
)
from tlbench.report.properties.tables import (
    VALUES_NOTE,
    failures_table,
    ratios_table,
    unstable_findings,
    values_table,
)
from tlbench.report.properties.values import FILE, shown_values
from tlbench.results.properties import ModelProperty

FOLLOWING = "Force error against errors of properties"
FOLLOWING_NOTE = (
    "Spearman's rank correlation of the force error and the error of a value, with its 95 % "
    "interval from resampled arms and pairs; *: beyond chance, allowing for the number of values "
    "(Holm). “Within arm and N” is that of models that differ in their seeds alone: both errors "
    "relative to the mean over their arm. A correlation over all models may be one between arms "
    "that differ in both for other reasons."
)
POINTS_NOTE = (
    "A point is a model, larger the more structures it was trained on; arms without target data "
    "are the smallest. Models of which the value failed, or whose error is exactly 0, are missing."
)
CURVES_NOTE = (
    "Thin lines are models, one for each pair of seeds; black is the reference. “4/5”: of that "
    "many models; the others failed."
)
DIMER_NOTE = " The axis ends above the well: at short distance the wall is far higher."


def properties(analysis: Analysis) -> Iterator[Section]:
    """Yield values and errors of each property, its curves, and whether they follow the forces."""
    # Suites may compute them at several budgets; as all else, this is of the largest.
    arms = {row.arm for row in analysis.rows}
    found = [each for each in analysis.results.properties if each.model.place in arms]
    if not found:
        return
    names = list(dict.fromkeys(each.property for each in found))
    shown = {name: shown_values(name, (p for p in found if p.property == name)) for name in names}
    every = [each for some in shown.values() for each in some]
    compared = comparisons(analysis, every)
    followed = following(analysis, every)
    several = analysis.has_several
    blocks: list[Block] = [
        Paragraph(_what(found), FILE),
        Paragraph(VALUES_NOTE),
        Sentences(
            [
                *following_findings(followed, several),
                *contradiction_findings(compared, several),
                *unstable_findings(found),
            ]
        ),
    ]
    for name in names:
        mine = [each for each in found if each.property == name]
        for transfer in dict.fromkeys(each.model.transfer for each in mine):
            of_transfer = [each for each in mine if each.model.transfer == transfer]
            blocks.append(values_table(analysis, shown[name], of_transfer, compared, transfer))
        blocks += _curve_figures(analysis, mine)
    blocks += [
        *_points_figure(analysis, followed),
        Table(FOLLOWING, following_table(followed, several), FOLLOWING_NOTE, folded=True),
        ratios_table(analysis, every),
        failures_table(analysis, found),
    ]
    yield Section("properties", "Physical properties", blocks)


def _what(found: Sequence[ModelProperty]) -> str:
    crystals = dict.fromkeys(f"{p.prototype} {'–'.join(p.elements)}" for p in found)
    origins = dict.fromkeys(p.origin for p in found if p.origin is not None)
    compared = (
        f"errors are absolute differences from the reference ({', '.join(origins)})"
        if origins
        else "there is no reference, so nothing is ranked"
    )
    return (
        f"Properties of {', '.join(crystals)}; {compared}. Tables show some values of each "
        "property; all values of all models are in"
    )


def _points_figure(analysis: Analysis, followed: Sequence[Following]) -> Iterator[Figure]:
    cases = {}
    for transfer in dict.fromkeys(each.transfer for each in followed):
        own = [each for each in followed if each.transfer == transfer]
        for name in dict.fromkeys(each.shown.of_property for each in own):
            some = [each for each in own if each.shown.of_property == name]
            case = f"{transfer.label()}, {name}" if analysis.has_several else name
            cases[case] = drawing("properties.figures:points", some, analysis.strategies)
    if cases:
        yield Figure("property-points", FOLLOWING, POINTS_NOTE, cases)


def _curve_figures(analysis: Analysis, found: Sequence[ModelProperty]) -> Iterator[Figure]:
    """Yield a figure of each kind of curve of a property: all models over the reference."""
    models = [(each.model.transfer, each.model.place) for each in found]
    places = {place for _, place in models}
    curves = [
        each
        for each in analysis.results.curves
        if each.property == found[0].property and (each.model is None or each.model.place in places)
    ]
    for kind in dict.fromkeys(curve.name for each in curves for curve in each.curves):
        cases = {
            case: drawing("properties.figures:curves_of_arms", some, analysis.strategies)
            for case, some in curves_of_arms(curves, kind, models).items()
        }
        note = CURVES_NOTE + (DIMER_NOTE if kind == "dimer" else "")
        yield Figure(f"curves-{kind.replace('_', '-')}", title_of(kind), note, cases)
