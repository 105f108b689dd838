"""Heat maps: errors and ratios between temperatures, ratios between elements, distances."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import plotly.graph_objects as go

from tlbench.metrics.statistics import Ratio
from tlbench.report.figures import panels, width_of
from tlbench.report.sections.temperature import Matrix, Test, label
from tlbench.report.sections.transfers import GainMatrix
from tlbench.report.wording import BASELINE

Scale = list[tuple[float, str]]

ERROR_COLOURS: Scale = [(0.0, "#fdf6e3"), (0.5, "#f3d79b"), (1.0, "#e39a3b")]
RATIO_COLOURS: Scale = [(0.0, "#5aa2d0"), (0.5, "#f7f7f7"), (1.0, "#e08070")]
"""Blue where the arm has the lower error, red where it is larger, white where they are equal."""

BETWEEN_TEMPERATURES = "trained at %{y} K, tested at %{x}: %{text}"

TEXT_COLOUR = "#111111"
"""Colour of the numbers on a map, which can be read on all of its colours."""


def heat_map(
    rows: Mapping[Any, str],
    columns: Mapping[Any, str],
    values: Mapping[tuple[Any, Any], float],
    texts: Mapping[tuple[Any, Any], str],
    hover: str,
    **colours: Any,
) -> Any:
    """Return a map of ``values`` at (row, column), with a text in each cell.

    Parameters
    ----------
    rows, columns
        Each with its name.
    """
    return go.Heatmap(
        x=list(columns.values()),
        y=list(rows.values()),
        z=[[values.get((row, column)) for column in columns] for row in rows],
        text=[[texts.get((row, column), "") for column in columns] for row in rows],
        texttemplate="%{text}",
        textfont={"color": TEXT_COLOUR},
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate=f"{hover}<extra></extra>",
        **colours,
    )


def ratio_map(
    rows: Mapping[Any, str],
    columns: Mapping[Any, str],
    ratios: Mapping[Any, Ratio],
    hover: str,
    reach: float,
) -> Any:
    """Return a map of ratios whose colours reach from 2^-reach to 2^reach."""
    logs = {key: math.log2(ratio.value) for key, ratio in ratios.items()}
    texts = {key: f"{ratio.value:.2f}" for key, ratio in ratios.items()}
    colours = {"colorscale": RATIO_COLOURS, "zmin": -reach, "zmax": reach}
    return heat_map(rows, columns, logs, texts, hover, **colours)


def reach_of(ratios: Iterable[Mapping[Any, Ratio]]) -> float:
    """Return the largest logarithm of some ratios to base 2, or of their inverses."""
    return max(abs(math.log2(r.value)) for some in ratios for r in some.values()) or 1.0


def error_maps(matrix: Matrix, unit: str) -> Any:
    """Return one heat map of errors per arm, on one colour scale."""
    arms = {f"{arm} ({unit})": errors for arm, errors in matrix.errors.items() if errors}
    logs = [math.log10(error) for errors in arms.values() for error in errors.values()]
    has_levels = any(train is None for errors in arms.values() for train, _ in errors)
    rows: dict[float | None, str] = {None: "no data"} if has_levels else {}
    rows |= {train: f"{train:g}" for train in matrix.train_k}
    tests = _tests(matrix)
    maps = {
        title: heat_map(
            rows,
            tests,
            {key: math.log10(error) for key, error in errors.items()},
            {key: f"{error:.3g}" for key, error in errors.items()},
            BETWEEN_TEMPERATURES,
            colorscale=ERROR_COLOURS,
            zmin=min(logs),
            zmax=max(logs),
        )
        for title, errors in arms.items()
    }
    return _beside(maps, matrix)


def ratio_maps(matrix: Matrix) -> Any:
    """Return one heat map per arm of its errors relative to scratch."""
    reach = reach_of(matrix.ratios.values())
    rows, tests = {train: f"{train:g}" for train in matrix.train_k}, _tests(matrix)
    maps = {
        f"{arm} / {BASELINE}": ratio_map(rows, tests, ratios, BETWEEN_TEMPERATURES, reach)
        for arm, ratios in matrix.ratios.items()
    }
    return _beside(maps, matrix)


def _tests(matrix: Matrix) -> dict[Test, str]:
    return {test: label(test).replace(" ", "<br>") for test in matrix.tests}


def _beside(maps: Mapping[str, Any], matrix: Matrix) -> Any:
    """Return a figure of maps between temperatures, by their titles."""
    figure = panels([list(maps)])
    for column, trace in enumerate(maps.values(), start=1):
        figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(
        type="category", tickangle=0, title_text="test temperature (K), phase", showgrid=False
    )
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_yaxes(title_text="trained at (K)", col=1)
    figure.update_layout(
        height=190 + 34 * (len(matrix.train_k) + 1),
        margin={"l": 80, "r": 20, "t": 40, "b": 90},
        meta={"min_width": 100 + len(maps) * max(220, 52 * len(matrix.tests))},
    )
    return figure


def gain_maps(matrices: Sequence[GainMatrix]) -> Any:
    """Return heat maps of the ratio of trained arms to scratch, sources by targets."""
    rows: dict[tuple[str, str], list[GainMatrix]] = {}
    for matrix in matrices:
        rows.setdefault((matrix.place.backbone, matrix.place.strategy), []).append(matrix)
    n_columns = max(len(row) for row in rows.values())
    titles = [
        [m.place.label() for m in row] + [""] * (n_columns - len(row)) for row in rows.values()
    ]
    figure = panels(titles)
    reach = reach_of([matrix.ratios for matrix in matrices])
    sources, targets = ({n: n for n in each} for each in (matrices[0].sources, matrices[0].targets))
    hover = "%{y} → %{x}: %{text} of the error from scratch"
    for number, row in enumerate(rows.values(), start=1):
        for column, matrix in enumerate(row, start=1):
            trace = ratio_map(sources, targets, matrix.ratios, hover, reach)
            figure.add_trace(trace, row=number, col=column)
    figure.update_xaxes(showgrid=False, type="category", showticklabels=True)
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    figure.update_yaxes(title_text="source", col=1)
    figure.update_xaxes(title_text="target", row=len(rows))
    figure.update_layout(
        height=90 + (70 + 42 * len(sources)) * len(rows),
        margin_t=50,
        meta={"min_width": 90 + n_columns * max(70 * len(targets), width_of(*chain(*titles)))},
    )
    return figure
