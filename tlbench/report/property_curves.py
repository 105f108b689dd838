"""Figures of the curves of properties: pair curves, band structures, equations of state."""

from collections.abc import Iterable
from typing import Any

from tlbench.properties.spec import Curve
from tlbench.report.figures import COLOURS, INK, name_once, panels, scatter

STEEP = 2.0
"""How far above the lowest point of a pair curve the figure goes, over its depth."""

TITLES = {
    "dimer": "Energy of two atoms",
    "eos": "Equation of state",
    "phonon_bands": "Phonon bands",
    "phonon_dos": "Phonon density of states",
}


def title_of(name: str) -> str:
    """Return what curves of a name show, in words."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def property_curves(curves: Iterable[Curve], title: str) -> Any:
    """Return the figure of one potential's curves of one kind.

    Curves of different conditions have different colours, which the legend explains, but for the
    branches of a band structure, which have one. Marks of the x axis are drawn as lines.
    """
    curves = list(curves)
    figure = panels([[title]], x_title=curves[0].x_label)
    names = list(dict.fromkeys(map(label, curves)))
    for curve in curves:
        name = label(curve)
        colour = COLOURS[names.index(name) % len(COLOURS)]
        line = scatter(
            curve.x, curve.y, name, "%{x:.4~g}: %{y:.4~g}", "lines", line={"color": colour}
        )
        figure.add_trace(line, row=1, col=1)
    name_once(figure, lambda trace: len(names) > 1)
    figure.update_yaxes(title_text=curves[0].y_label)
    if curves[0].name == "dimer":
        # The wall at short distance is a thousand times as high as the well is deep.
        low = min(min(curve.y) for curve in curves)
        figure.update_yaxes(range=[1.1 * low, -STEEP * low] if low < 0 else None)
    marks = dict(mark for curve in curves for mark in curve.marks)
    for place in marks:
        figure.add_vline(x=place, line={"color": INK, "width": 1})
    if marks:
        figure.update_xaxes(tickvals=list(marks), ticktext=list(marks.values()))
    return figure


def label(curve: Curve) -> str:
    """Return the condition of a curve in words, or its name if it has none or is one branch."""
    if "branch" in curve.condition:
        return curve.name
    return ", ".join(map(str, curve.condition.values())) or curve.name
