"""Heat maps: errors and ratios between temperatures, ratios between elements, distances."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tlbench.metrics.statistics import Ratio
from tlbench.report.figures import panels
from tlbench.report.sections.temperature import Matrix, label
from tlbench.report.sections.transfers import GainMatrix
from tlbench.report.wording import BASELINE

Scale = list[tuple[float, str]]

ERROR_COLOURS: Scale = [(0.0, "#fdf6e3"), (0.5, "#f3d79b"), (1.0, "#e39a3b")]
RATIO_COLOURS: Scale = [(0.0, "#5aa2d0"), (0.5, "#f7f7f7"), (1.0, "#e08070")]
"""Blue where the arm has the lower error, red where it is larger, white where they are equal."""

TEXT_COLOUR = "#111111"
"""Colour of the numbers on a map, which can be read on all of its colours."""


def heat_map(
    rows: Sequence[Any],
    columns: Sequence[Any],
    values: Mapping[tuple[Any, Any], float],
    texts: Mapping[tuple[Any, Any], str],
    names: tuple[list[str], list[str]],
    hover: str,
    **colours: Any,
) -> Any:
    """Return a map of ``values`` at (row, column), with a text in each cell."""
    return go.Heatmap(
        x=names[1],
        y=names[0],
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
    rows: Sequence[Any],
    columns: Sequence[Any],
    ratios: Mapping[Any, Ratio],
    names: tuple[list[str], list[str]],
    hover: str,
    reach: float,
) -> Any:
    """Return a map of ratios whose colours reach from 2^-reach to 2^reach."""
    logs = {key: math.log2(ratio.value) for key, ratio in ratios.items()}
    texts = {key: f"{ratio.value:.2f}" for key, ratio in ratios.items()}
    colours = {"colorscale": RATIO_COLOURS, "zmin": -reach, "zmax": reach}
    return heat_map(rows, columns, logs, texts, names, hover, **colours)


def reach_of(ratios: Iterable[Mapping[Any, Ratio]]) -> float:
    """Return the largest logarithm of some ratios to base 2, or of their inverses."""
    return max(abs(math.log2(r.value)) for some in ratios for r in some.values()) or 1.0


def error_maps(matrix: Matrix, unit: str) -> Any:
    """Return one heat map of errors per arm, on one colour scale."""
    arms = {strategy: errors for strategy, errors in matrix.errors.items() if errors}
    logs = [math.log10(error) for errors in arms.values() for error in errors.values()]
    figure = panels([[f"{arm} ({unit})" for arm in arms]])
    levels = any(train is None for errors in arms.values() for train, _ in errors)
    rows = [*([None] if levels else []), *matrix.train_k]
    names = ["no data" if train is None else f"{train:g}" for train in rows]
    for column, errors in enumerate(arms.values(), start=1):
        trace = heat_map(
            rows,
            matrix.tests,
            {key: math.log10(error) for key, error in errors.items()},
            {key: f"{error:.0f}" for key, error in errors.items()},
            (names, _test_names(matrix)),
            "trained at %{y} K, tested at %{x}: %{text}",
            colorscale=ERROR_COLOURS,
            zmin=min(logs),
            zmax=max(logs),
        )
        figure.add_trace(trace, row=1, col=column)
    return _with_temperatures(figure, matrix)


def ratio_maps(matrix: Matrix) -> Any:
    """Return one heat map per arm of its errors relative to scratch."""
    figure = panels([[f"{arm} / {BASELINE}" for arm in matrix.ratios]])
    reach = reach_of(matrix.ratios.values())
    names = [f"{train:g}" for train in matrix.train_k], _test_names(matrix)
    hover = "trained at %{y} K, tested at %{x}: %{text}"
    for column, ratios in enumerate(matrix.ratios.values(), start=1):
        trace = ratio_map(matrix.train_k, matrix.tests, ratios, names, hover, reach)
        figure.add_trace(trace, row=1, col=column)
    return _with_temperatures(figure, matrix)


def _test_names(matrix: Matrix) -> list[str]:
    return [label(test).replace(" ", "<br>") for test in matrix.tests]


def _with_temperatures(figure: Any, matrix: Matrix) -> Any:
    figure.update_xaxes(
        type="category", tickangle=0, title_text="test temperature (K), phase", showgrid=False
    )
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_yaxes(title_text="trained at (K)", col=1)
    figure.update_layout(
        height=190 + 34 * (len(matrix.train_k) + 1),
        margin={"l": 80, "r": 20, "t": 40, "b": 90},
        meta={"min_width": 100 + len(figure.data) * max(220, 52 * len(matrix.tests))},
    )
    return figure


def gain_maps(matrices: Sequence[GainMatrix]) -> Any:
    """Return heat maps of the ratio of trained arms to scratch, sources by targets."""
    rows: dict[tuple[str, str], list[GainMatrix]] = {}
    for matrix in matrices:
        rows.setdefault((matrix.place.backbone, matrix.place.strategy), []).append(matrix)
    n_columns = max(len(row) for row in rows.values())
    figure = panels(
        [[m.place.label() for m in row] + [""] * (n_columns - len(row)) for row in rows.values()]
    )
    reach = reach_of([matrix.ratios for matrix in matrices])
    sources, targets = matrices[0].sources, matrices[0].targets
    hover = "%{y} → %{x}: %{text} of the error from scratch"
    for number, row in enumerate(rows.values(), start=1):
        for column, matrix in enumerate(row, start=1):
            trace = ratio_map(sources, targets, matrix.ratios, (sources, targets), hover, reach)
            figure.add_trace(trace, row=number, col=column)
    figure.update_xaxes(showgrid=False, type="category", showticklabels=True)
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    figure.update_yaxes(title_text="source", col=1)
    figure.update_xaxes(title_text="target", row=len(rows))
    figure.update_layout(
        height=90 + (70 + 42 * len(sources)) * len(rows),
        margin_t=50,
        meta={"min_width": 90 + 70 * len(targets) * n_columns},
    )
    return figure
