"""Plots of the report, as plotly figures."""

import math
from collections import defaultdict
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tlbench.metrics.statistics import geometric_mean
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.summary import target_errors

# Okabe & Ito's colours, told apart by most colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")
INK = "#334155"
GRID = "#e2e8f0"


def style_of(strategies: list[str]) -> dict[str, tuple[str, str]]:
    """Return strategy → (colour, symbol), the baseline first."""
    return {s: (COLOURS[n % 7], SYMBOLS[n % 7]) for n, s in enumerate(strategies)}


def learning_curves(records: list[Record], metric: str, unit: str, strategies: list[str]) -> Any:
    """Return error against training-set size, one panel per backbone, one line per arm.

    Lines join geometric means over pairs; every pair is a point. An arm that uses no target
    data is a level.
    """
    found = target_errors(records, metric)
    backbones = sorted({backbone for backbone, _, _ in found})
    sizes = sorted({size for _, _, size in found if size})
    styles = style_of(strategies)
    figure = _panels([backbones], shared_y=True)
    for column, backbone in enumerate(backbones, start=1):
        for strategy in strategies:
            colour, symbol = styles[strategy]
            curve = {
                size: list(found[backbone, strategy, size].values())
                for size in sizes
                if (backbone, strategy, size) in found
            }
            level = found.get((backbone, strategy, 0))
            shared = {"legendgroup": strategy, "showlegend": column == 1}
            if level:
                value = geometric_mean(list(level.values()))
                trace = go.Scatter(
                    x=[sizes[0] / 2, sizes[-1] * 2],
                    y=[value, value],
                    mode="lines",
                    name=f"{strategy} (no target data)",
                    line={"color": colour, "width": 2, "dash": "dash"},
                    hovertemplate=f"{strategy}: %{{y:.1f}} {unit}<extra></extra>",
                    **shared,
                )
                figure.add_trace(trace, row=1, col=column)
            if not curve:
                continue
            figure.add_trace(
                go.Scatter(
                    x=list(curve),
                    y=[geometric_mean(values) for values in curve.values()],
                    mode="lines+markers",
                    name=strategy,
                    line={"color": colour, "width": 2.5},
                    marker={"symbol": symbol, "size": 9},
                    hovertemplate=f"{strategy}, N = %{{x}}: %{{y:.1f}} {unit}<extra></extra>",
                    **shared,
                ),
                row=1,
                col=column,
            )
            points = [(size, value) for size, values in curve.items() for value in values]
            figure.add_trace(
                go.Scatter(
                    x=[size for size, _ in points],
                    y=[value for _, value in points],
                    mode="markers",
                    marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.35},
                    hovertemplate=f"{strategy}, one pair: %{{y:.1f}} {unit}<extra></extra>",
                    legendgroup=strategy,
                    showlegend=False,
                ),
                row=1,
                col=column,
            )
    figure.update_xaxes(
        type="log",
        tickvals=sizes,
        ticktext=[str(size) for size in sizes],
        title_text="target training structures N",
    )
    figure.update_xaxes(range=[math.log10(sizes[0] / 1.5), math.log10(sizes[-1] * 1.5)])
    _log_y(figure)
    figure.update_yaxes(title_text=f"{metric} ({unit})", col=1)
    return figure


def by_temperature(records: list[Record], metric: str, unit: str, strategies: list[str]) -> Any:
    """Return error against temperature: a row per backbone, a column per size."""
    found: dict[tuple[str, str, int], dict[float, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for r in records:
        if r.metric == metric and list(r.condition) == ["temperature_k"] and r.strategy != PRETRAIN:
            place = (r.backbone, r.strategy, r.size)
            found[place][r.condition["temperature_k"]].append(r.value)
    backbones = sorted({backbone for backbone, _, _ in found})
    sizes = sorted({size for _, _, size in found if size}) or [0]
    styles = style_of(strategies)
    titles = [[f"{backbone}, N = {size}" for size in sizes] for backbone in backbones]
    figure = _panels(titles, shared_y=True)
    for row, backbone in enumerate(backbones, start=1):
        for column, size in enumerate(sizes, start=1):
            for strategy in strategies:
                values = found.get((backbone, strategy, size))
                level = values is None
                values = values or found.get((backbone, strategy, 0))
                if not values:
                    continue
                colour, symbol = styles[strategy]
                temperatures = sorted(values)
                figure.add_trace(
                    go.Scatter(
                        x=temperatures,
                        y=[geometric_mean(values[t]) for t in temperatures],
                        mode="lines+markers",
                        name=strategy,
                        line={"color": colour, "width": 2, "dash": "dash" if level else "solid"},
                        marker={"symbol": symbol, "size": 7},
                        legendgroup=strategy,
                        showlegend=row == 1 and column == 1,
                        hovertemplate=f"{strategy}, %{{x}} K: %{{y:.1f}} {unit}<extra></extra>",
                    ),
                    row=row,
                    col=column,
                )
    _log_y(figure)
    figure.update_yaxes(title_text=f"{metric} ({unit})", col=1)
    figure.update_xaxes(title_text="temperature (K)", row=len(backbones))
    return figure


def _panels(titles: list[list[str]], shared_y: bool) -> Any:
    rows, columns = len(titles), max(len(row) for row in titles)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[title for row in titles for title in row],
        shared_yaxes=shared_y,
        shared_xaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.12 / max(rows - 1, 1) if rows > 1 else 0,
    )
    figure.update_layout(
        # How wide a page must make it to be legible; read by the page, ignored by plotly.
        meta={"min_width": 90 + 200 * columns},
        template="plotly_white",
        height=120 + 300 * rows,
        margin={"l": 70, "r": 20, "t": 84, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"},
        hovermode="closest",
    )
    figure.update_xaxes(showline=True, linecolor=INK, gridcolor=GRID, ticks="outside")
    figure.update_yaxes(showline=True, linecolor=INK, gridcolor=GRID, ticks="outside")
    return figure


def _log_y(figure: Any) -> None:
    values = [v for trace in figure.data for v in trace.y if v > 0]
    low, high = math.log10(min(values)), math.log10(max(values))
    decades = range(math.floor(low) - 1, math.ceil(high) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    margin = 0.05 + 0.04 * (high - low)
    figure.update_yaxes(
        type="log",
        range=[low - margin, high + margin],
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
