"""Plots of the report, as plotly figures."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tlbench.metrics.statistics import Curve, geometric_mean
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.plan import Place
from tlbench.records import Record
from tlbench.report.breakdowns import vanishes
from tlbench.report.costs import Point, pareto
from tlbench.report.summary import MOST_BESIDE, arm_at, curve_of, seed_of, target_errors

# Okabe & Ito's colours, which most colour-blind readers can distinguish.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")
INK = "#334155"
GRID = "#e2e8f0"


def style_of(strategies: list[str]) -> dict[str, tuple[str, str]]:
    """Return strategy → (colour, symbol), the baseline first; no two of 49 have the same."""
    return {s: (COLOURS[n % 7], SYMBOLS[(n + n // 7) % 7]) for n, s in enumerate(strategies)}


def learning_curves(records: list[Record], metric: str, unit: str, strategies: list[str]) -> Any:
    """Return error against training-set size, one panel per backbone, one line per arm.

    Lines join geometric means over pairs, with bands of their 95 % intervals where there are
    pairs enough and at most `MOST_BESIDE` arms; every pair is a point. An arm that uses no target
    data is a level.
    """
    errors = target_errors(records, metric)
    seed = seed_of(records, metric)
    backbones = sorted({place.backbone for place in errors})
    sizes = sorted({place.size for place in errors if place.size})
    styles = style_of(strategies)
    figure = panels([backbones], shared_y=True, x_title="target training structures N")
    for column, backbone in enumerate(backbones, start=1):
        for strategy in strategies:
            colour, symbol = styles[strategy]
            curve = curve_of(errors, backbone, strategy)
            shared = {"legendgroup": strategy, "showlegend": column == 1}
            for trace in _curve_traces(curve, strategy, unit, sizes, colour, symbol, seed, shared):
                # Bands of many arms cover each other.
                if trace.fill is None or len(strategies) <= MOST_BESIDE:
                    figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(
        type="log",
        tickvals=sizes,
        ticktext=[str(size) for size in sizes],
    )
    figure.update_xaxes(range=[math.log10(sizes[0] / 1.5), math.log10(sizes[-1] * 1.5)])
    _log_y(figure)
    figure.update_yaxes(title_text=f"{metric} ({unit})", col=1)
    return figure


def _curve_traces(
    curve: Curve,
    strategy: str,
    unit: str,
    sizes: list[int],
    colour: str,
    symbol: str,
    seed: int,
    shared: dict[str, Any],
) -> Iterator[Any]:
    """Yield band, line and points of one arm in one panel."""
    if set(curve) == {0}:
        value = geometric_mean(list(curve[0].values()))
        yield go.Scatter(
            x=[sizes[0] / 2, sizes[-1] * 2],
            y=[value, value],
            mode="lines",
            name=f"{strategy} (no target data)",
            line={"color": colour, "width": 2, "dash": "dash"},
            hovertemplate=f"{strategy}: %{{y:.1f}} {unit}<extra></extra>",
            **shared,
        )
        return
    means = {size: ratio_of(np.log(list(pairs.values())), seed) for size, pairs in curve.items()}
    spread = {size: mean.interval for size, mean in means.items() if mean.interval}
    if spread:
        low, high = ([getattr(i, end) for i in spread.values()] for end in ("low", "high"))
        yield go.Scatter(
            x=[*spread, *reversed(spread)],
            y=[*low, *reversed(high)],
            fill="toself",
            fillcolor=colour,
            opacity=0.18,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            legendgroup=strategy,
            showlegend=False,
        )
    if not curve:
        return
    yield go.Scatter(
        x=list(means),
        y=[mean.value for mean in means.values()],
        mode="lines+markers",
        name=strategy,
        line={"color": colour, "width": 2.5},
        marker={"symbol": symbol, "size": 9},
        hovertemplate=f"{strategy}, N = %{{x}}: %{{y:.1f}} {unit}<extra></extra>",
        **shared,
    )
    points = [(size, value) for size, pairs in curve.items() for value in pairs.values()]
    yield go.Scatter(
        x=[size for size, _ in points],
        y=[value for _, value in points],
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.35},
        hovertemplate=f"{strategy}, one pair: %{{y:.1f}} {unit}<extra></extra>",
        legendgroup=strategy,
        showlegend=False,
    )


def by_condition(
    records: list[Record], metric: str, unit: str, strategies: list[str], name: str
) -> Any | None:
    """Return error against one frame property: a row per backbone, a column per size.

    Temperatures are joined by lines; kinds of structure, or phases, are not. Structures all of
    whose forces vanish are left out: errors of rounding would stretch the axis over decades. None
    if the metric was not broken down by the property.
    """
    values = {
        r.condition[name] for r in records if r.metric == metric and set(r.condition) == {name}
    }
    by_value = {
        v: target_errors(records, metric, {name: v})
        for v in sorted(values)
        if not vanishes(records, metric, {name: v})
    }
    places = {p for errors in by_value.values() for p in errors if p.train_temperature_k is None}
    if not places:
        return None
    backbones = sorted({place.backbone for place in places})
    sizes = sorted({place.size for place in places if place.size}) or [0]
    styles = style_of(strategies)
    figure = panels(
        [[f"{backbone}, N = {size}" for size in sizes] for backbone in backbones], shared_y=True
    )
    numbers = all(isinstance(value, float) for value in by_value)
    for (row, backbone), (column, size), strategy in product(
        enumerate(backbones, start=1), enumerate(sizes, start=1), strategies
    ):
        place = Place(backbone, strategy, size)
        found = {v: arm_at(errors, place) for v, errors in by_value.items()}
        found = {v: pairs for v, pairs in found.items() if pairs}
        if not found:
            continue
        colour, symbol = styles[strategy]
        level = place not in places
        trace = go.Scatter(
            x=list(found),
            y=[geometric_mean(list(pairs.values())) for pairs in found.values()],
            mode="lines+markers" if numbers else "markers",
            name=strategy,
            line={"color": colour, "width": 2, "dash": "dash" if level else "solid"},
            marker={"symbol": symbol, "size": 7 if numbers else 11, "color": colour},
            legendgroup=strategy,
            showlegend=row == 1 and column == 1,
            hovertemplate=f"{strategy}, %{{x}}: %{{y:.1f}} {unit}<extra></extra>",
        )
        figure.add_trace(trace, row=row, col=column)
    _log_y(figure)
    figure.update_yaxes(title_text=f"{metric} ({unit})", col=1)
    title = "temperature (K)" if name == "temperature_k" else None
    figure.update_xaxes(title_text=title, row=len(backbones))
    if numbers:
        figure.update_xaxes(nticks=4)
    else:
        # Names at an angle, and room beside the outer ones: panels are narrow.
        figure.update_xaxes(tickangle=-40, range=[-0.6, len(by_value) - 0.4])
    return figure


def cost_fronts(
    points: dict[int, list[Point]], axis: str, metric: str, unit: str, strategies: list[str]
) -> Any:
    """Return error against cost, a panel per size, with the Pareto front as a line.

    Colours are arms, symbols backbones.
    """
    styles = style_of(strategies)
    backbones = sorted({p.place.backbone for some in points.values() for p in some})
    figure = panels([[f"N = {size}" for size in points]], shared_y=True, x_title=axis)
    named = set()
    for column, (size, some) in enumerate(points.items(), start=1):
        front = pareto(some)
        line = go.Scatter(
            x=[p.cost for p in front],
            y=[p.error for p in front],
            mode="lines",
            line={"color": GRID, "width": 6, "shape": "hv"},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_trace(line, row=1, col=column)
        for point in some:
            backbone, strategy = point.place.backbone, point.place.strategy
            name = f"{backbone}, {strategy}"
            symbol = SYMBOLS[backbones.index(backbone) % len(SYMBOLS)]
            trace = go.Scatter(
                x=[point.cost],
                y=[point.error],
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=name not in named,
                marker={"color": styles[strategy][0], "symbol": symbol, "size": 12},
                hovertemplate=f"{name}, N = {size}: %{{x:.3g}}, %{{y:.1f}} {unit}<extra></extra>",
            )
            named.add(name)
            figure.add_trace(trace, row=1, col=column)
    _log_y(figure)
    figure.update_xaxes(**_log_axis([p.cost for some in points.values() for p in some]))
    figure.update_yaxes(title_text=f"{metric} ({unit})", col=1)
    rows = -(-len(named) // 4)
    figure.update_layout(height=420 + 24 * rows, margin_t=60 + 24 * rows)
    return figure


_CHARACTER = 8
"""Width of a character in the title of an axis, in pixels."""


def panels(titles: list[list[str]], shared_y: bool, x_title: str = "") -> Any:
    """Return an empty figure with one panel per title, in the look of the report.

    Panels are wide enough for ``x_title``, which stands below each of the last row.
    """
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
        meta={"min_width": 90 + columns * max(200, _CHARACTER * len(x_title) + 20)},
        template="plotly_white",
        height=120 + 300 * rows,
        margin={"l": 70, "r": 20, "t": 84, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"},
        hovermode="closest",
    )
    figure.update_xaxes(showline=True, linecolor=INK, gridcolor=GRID, ticks="outside")
    figure.update_yaxes(showline=True, linecolor=INK, gridcolor=GRID, ticks="outside")
    if x_title:
        figure.update_xaxes(title_text=x_title, row=rows)
    return figure


def _log_y(figure: Any) -> None:
    figure.update_yaxes(**_log_axis([v for trace in figure.data for v in trace.y if v > 0]))


def _log_axis(values: list[float]) -> dict[str, Any]:
    """Return the settings of a logarithmic axis on which ``values`` can be read."""
    low, high = math.log10(min(values)), math.log10(max(values))
    decades = range(math.floor(low) - 1, math.ceil(high) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    if sum(low <= math.log10(tick) <= high for tick in ticks) < 3:
        # A short range: as on a linear axis.
        step = 10 ** math.floor(math.log10((10**high - 10**low) or 10**low))
        ticks = [n * step for n in range(1, math.ceil(10**high / step) + 2)]
    margin = 0.05 + 0.04 * (high - low)
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }
