"""Temperature matrices as heat maps."""

import math
from typing import Any

import plotly.graph_objects as go

from tlbench.report.plots import INK, panels
from tlbench.report.summary import BASELINE
from tlbench.report.temperature import Matrix, label

RATIO_COLOURS = [(0.0, "#2166ac"), (0.5, "#f7f7f7"), (1.0, "#b2182b")]
"""Blue where the arm beats scratch, red where it is worse, white where they are equal."""


def error_maps(matrix: Matrix, unit: str) -> Any:
    """Return one heat map of errors per arm, on one colour scale."""
    arms = [strategy for strategy, errors in matrix.errors.items() if errors]
    values = [value for arm in arms for value in matrix.errors[arm].values()]
    titles = [f"{arm} ({unit})" for arm in arms]
    figure = panels([titles], shared_y=True)
    levels = any(train is None for arm in arms for train, _ in matrix.errors[arm])
    rows = [*([None] if levels else []), *matrix.train_k]
    names = ["no data" if train is None else f"{train:g}" for train in rows]
    for column, arm in enumerate(arms, start=1):
        errors = matrix.errors[arm]
        grid = [[errors.get((train, test)) for test in matrix.tests] for train in rows]
        text = [["" if v is None else f"{v:.0f}" for v in line] for line in grid]
        figure.add_trace(
            _map(
                matrix,
                names,
                [[None if v is None else math.log10(v) for v in line] for line in grid],
                text,
                colorscale="Viridis_r",
                zmin=math.log10(min(values)),
                zmax=math.log10(max(values)),
            ),
            row=1,
            col=column,
        )
    return _finished(figure, matrix)


def ratio_maps(matrix: Matrix) -> Any:
    """Return one heat map per arm of its errors relative to scratch."""
    figure = panels([[f"{arm} / {BASELINE}" for arm in matrix.ratios]], shared_y=True)
    values = [ratio.value for ratios in matrix.ratios.values() for ratio in ratios.values()]
    reach = max(abs(math.log2(value)) for value in values) or 1.0
    for column, ratios in enumerate(matrix.ratios.values(), start=1):
        grid = [[ratios.get((train, test)) for test in matrix.tests] for train in matrix.train_k]
        figure.add_trace(
            _map(
                matrix,
                [f"{train:g}" for train in matrix.train_k],
                [[None if r is None else math.log2(r.value) for r in line] for line in grid],
                [["" if r is None else f"{r.value:.2f}" for r in line] for line in grid],
                colorscale=RATIO_COLOURS,
                zmin=-reach,
                zmax=reach,
            ),
            row=1,
            col=column,
        )
    return _finished(figure, matrix)


def _map(matrix: Matrix, rows: list[str], z: Any, text: Any, **colours: Any) -> Any:
    return go.Heatmap(
        x=[label(test).replace(" ", "<br>") for test in matrix.tests],
        y=rows,
        z=z,
        text=text,
        texttemplate="%{text}",
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="trained at %{y} K, tested at %{x}: %{text}<extra></extra>",
        **colours,
    )


def _finished(figure: Any, matrix: Matrix) -> Any:
    columns = len(figure.data)
    figure.update_xaxes(
        type="category", tickangle=0, title_text="test temperature (K), phase", showgrid=False
    )
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_yaxes(title_text="trained at (K)", col=1)
    figure.update_layout(
        height=190 + 34 * (len(matrix.train_k) + 1),
        margin={"l": 80, "r": 20, "t": 40, "b": 90},
        meta={"min_width": 100 + columns * max(220, 52 * len(matrix.tests))},
        font={"color": INK},
    )
    return figure
