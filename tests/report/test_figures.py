"""Figures are as wide as what is written on them."""

import pytest

from tlbench.report.figures import cost_fronts
from tlbench.report.sections.costs import Point
from tlbench.study.model_key import Place

WIDTH = 7.7
"""Of a character in the title of an axis, in pixels, as a browser draws it."""


@pytest.mark.parametrize("axis", ["s", "pretraining and training (s)", "a" * 60])
def test_titles_of_neighbouring_axes_do_not_touch(axis):
    points = {size: [Point(Place("schnet", "scratch", size), 2.0, 100.0)] for size in (1, 10, 40)}
    figure = cost_fronts(points, axis, "force_mae (meV/Å)", "meV/Å", ["scratch"])
    layout = figure.layout
    assert [layout[f"xaxis{n}"].title.text for n in ("", 2, 3)] == [axis] * 3
    assert layout.meta["min_width"] - layout.margin.l - layout.margin.r >= 3 * WIDTH * len(axis)
