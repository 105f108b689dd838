"""Figures of reports, as plotly figures."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, product
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.statistics import Ratio
from tlbench.report.analysis import MOST_BESIDE
from tlbench.report.rows import Row
from tlbench.report.sections.gains import Point, pareto
from tlbench.report.wording import BASELINE

# Okabe & Ito's colours, which most colour-blind readers can distinguish.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross", "star")
INK = "#334155"
GRID = "#e2e8f0"

CHARACTER = 8
"""Width of a character in the title of an axis, in pixels."""


def style_of(strategies: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return strategy → (colour, symbol), the baseline first; no two of 49 have the same."""
    return {s: (COLOURS[n % 7], SYMBOLS[(n + n // 7) % 7]) for n, s in enumerate(strategies)}


def width_of(*titles: str) -> int:
    """Return how wide a panel must be for the longest of its titles, in pixels."""
    return max(CHARACTER * len(title) + 20 for title in titles)


def panels(titles: list[list[str]], shared_y: bool = True, x_title: str = "") -> Any:
    """Return an empty figure with one panel per title, in the look of the report.

    Panels are wide enough for their titles and for ``x_title``, which stands below each of the last
    row. The figure has no template: pages have theirs, and plotly copies one at every step.
    """
    rows, columns = len(titles), max(len(row) for row in titles)
    figure = make_subplots(
        figure=go.Figure(layout={"template": "none"}),
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
        meta={"min_width": 90 + columns * max(200, width_of(x_title, *chain(*titles)))},
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


def scatter(
    x: Sequence[Any],
    y: Sequence[Any],
    name: str,
    hover: str,
    mode: str = "lines+markers",
    **options: Any,
) -> Any:
    """Return the line, or points, of what is called ``name``; ``hover`` is the text of a point."""
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode=mode,
        name=name,
        legendgroup=name,
        hovertemplate=f"{hover}<extra></extra>",
        **options,
    )


def name_once(figure: Any, strong: Callable[[Any], bool] = lambda trace: True) -> None:
    """Show each name in the legend once, by the first of its traces that is ``strong``."""
    named = set()
    for trace in figure.data:
        trace.showlegend = bool(trace.name) and trace.name not in named and strong(trace)
        if trace.showlegend:
            named.add(trace.name)


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """Return the settings of a logarithmic axis on which ``values`` can be read."""
    known = [value for value in values if value is not None and value > 0]
    low, high = math.log10(min(known)), math.log10(max(known))
    decades = range(math.floor(low) - 1, math.ceil(high) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    if sum(low <= math.log10(tick) <= high for tick in ticks) < 3:
        # A short range: as on a linear axis. Values that rounding alone sets apart are one.
        spread = 10**high - 10**low
        length = (spread if spread > 1e-3 * 10**low else 10**low) / 3
        decade = 10 ** math.floor(math.log10(length))
        step = max(digit * decade for digit in (1, 2, 5) if digit * decade <= length)
        first = max(1, math.floor(10**low / step))
        ticks = [n * step for n in range(first, math.ceil(10**high / step) + 2)]
    margin = 0.05 + 0.04 * (high - low)
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def error_axis(figure: Any, title: str) -> None:
    """Make the vertical axes logarithmic, and name them."""
    figure.update_yaxes(**log_axis(v for trace in figure.data for v in _reach(trace)))
    figure.update_yaxes(title_text=title, col=1)


def _reach(trace: Any) -> Iterator[float]:
    """Yield the heights of a trace, and the ends of its bars."""
    yield from trace.y
    if trace.error_y is not None and trace.error_y.array is not None:
        for y, up, down in zip(trace.y, trace.error_y.array, trace.error_y.arrayminus, strict=True):
            yield y + up
            yield y - down


def ratio_axis(figure: Any, title: str = f"arm / {BASELINE}") -> None:
    """Make the vertical axes logarithmic, with a line at 1."""
    error_axis(figure, title)
    figure.add_hline(y=1, line={"color": INK, "width": 1, "dash": "dot"})


def ratio_bars(ratios: Sequence[Ratio]) -> dict[str, Any] | None:
    """Return error bars of ratios that all have an interval."""
    known = [(r, r.interval) for r in ratios if r.interval is not None]
    if len(known) < len(ratios):
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval.high - r.value for r, interval in known],
        "arrayminus": [r.value - interval.low for r, interval in known],
    }


def metric_label(row: Row) -> tuple[str, str]:
    """Return the title of the axis of a metric, and its unit."""
    unit = METRICS.get(row.metric).unit
    return f"{row.metric} ({unit})", unit


def learning_curves(rows: Sequence[Row], strategies: list[str]) -> Any:
    """Return error against training-set size, one panel per backbone, one line per arm.

    Lines join geometric means over pairs, with bands of their 95 % intervals where there are
    pairs enough and at most `MOST_BESIDE` arms; every pair is a point. An arm that uses no target
    data is a level.
    """
    label, unit = metric_label(rows[0])
    backbones = sorted({row.place.backbone for row in rows})
    sizes = sorted({row.place.size for row in rows if row.trained})
    styles = style_of(strategies)
    figure = panels([backbones], x_title="target structures N")
    for (column, backbone), strategy in product(enumerate(backbones, start=1), strategies):
        some = [r for r in rows if (r.place.backbone, r.place.strategy) == (backbone, strategy)]
        if not some:
            continue
        colour, symbol = styles[strategy]
        # Bands of many arms cover each other.
        traces = _curve(some, unit, sizes, colour, symbol, len(strategies) <= MOST_BESIDE)
        for trace in traces:
            figure.add_trace(trace, row=1, col=column)
    name_once(figure, lambda trace: trace.hoverinfo != "skip" and trace.opacity is None)
    figure.update_xaxes(
        type="log",
        tickvals=sizes,
        ticktext=[str(size) for size in sizes],
        range=[math.log10(sizes[0] / 1.5), math.log10(sizes[-1] * 1.5)],
    )
    error_axis(figure, label)
    return figure


def start_curves(rows: Sequence[Row], names: list[str]) -> Any:
    """Return `learning_curves` of all starts in one panel, their long names below it."""
    figure = learning_curves(rows, names)
    below = 24 * len(names)
    figure.update_layout(
        height=470 + below,
        margin={"t": 40, "b": 90 + below},
        legend={"orientation": "v", "y": -70 / 340, "yref": "paper"},
    )
    return figure


def _curve(
    rows: list[Row], unit: str, sizes: list[int], colour: str, symbol: str, banded: bool
) -> list[Any]:
    """Return band, line and points of one arm in one panel."""
    strategy = rows[0].place.strategy
    if not rows[0].trained:
        return [level(rows[0], sizes, unit, colour)]
    spread = [(row.place.size, row.mean.interval) for row in rows if row.mean.interval]
    x = [row.place.size for row in rows]
    line, marker = {"color": colour, "width": 2.5}, {"symbol": symbol, "size": 9}
    hover = f"{strategy}, N = %{{x}}: %{{y:.4~g}} {unit}"
    means = scatter(x, [row.mean.value for row in rows], strategy, hover, line=line, marker=marker)
    pairs = scatter(
        [row.place.size for row in rows for _ in row.values],
        [value for row in rows for value in row.values.values()],
        strategy,
        f"{strategy}, one pair: %{{y:.4~g}} {unit}",
        "markers",
        marker={"color": colour, "symbol": symbol, "size": 6},
        opacity=0.35,
    )
    if not spread or not banded:
        return [means, pairs]
    band = go.Scatter(
        x=[*(n for n, _ in spread), *(n for n, _ in reversed(spread))],
        y=[*(i.low for _, i in spread), *(i.high for _, i in reversed(spread))],
        fill="toself",
        fillcolor=colour,
        opacity=0.18,
        line={"width": 0},
        mode="lines",
        name=strategy,
        hoverinfo="skip",
        legendgroup=strategy,
    )
    return [band, means, pairs]


def level(row: Row, x: Sequence[int], unit: str, colour: str) -> Any:
    """Return the line of an arm without target data across a panel of ascending ``x``."""
    name = row.place.strategy
    line = {"color": colour, "width": 2, "dash": "dash"}
    hover = f"{name}: %{{y:.4~g}} {unit}"
    ends, values = [x[0] / 2, x[-1] * 2], [row.mean.value] * 2
    return scatter(ends, values, f"{name} (no target data)", hover, "lines", line=line)


def by_condition(rows: Sequence[Row], strategies: list[str], name: str) -> Any:
    """Return error against one property of test structures: a row per backbone, a column per size.

    Temperatures are joined by lines; kinds of structure, or phases, are not.
    """
    label, unit = metric_label(rows[0])
    backbones = sorted({row.place.backbone for row in rows})
    sizes = sorted({row.place.size for row in rows})
    styles = style_of(strategies)
    figure = panels([[f"{backbone}, N = {size}" for size in sizes] for backbone in backbones])
    numbers = name == "temperature_k"
    for (row, backbone), (column, size), strategy in product(
        enumerate(backbones, start=1), enumerate(sizes, start=1), strategies
    ):
        some = [
            r
            for r in rows
            if (r.place.backbone, r.place.strategy, r.place.size) == (backbone, strategy, size)
        ]
        if some:
            colour, symbol = styles[strategy]
            trace = scatter(
                [r.tested[0][1] for r in some],
                [r.mean.value for r in some],
                strategy,
                f"{strategy}, %{{x}}: %{{y:.4~g}} {unit}",
                "lines+markers" if numbers else "markers",
                line={"color": colour, "width": 2, "dash": "solid" if some[0].trained else "dash"},
                marker={"symbol": symbol, "size": 7 if numbers else 11, "color": colour},
            )
            figure.add_trace(trace, row=row, col=column)
    name_once(figure)
    if has_logarithm(rows[0].metric):
        error_axis(figure, label)
    else:
        figure.update_yaxes(title_text=label, col=1)
        figure.add_hline(y=0, line={"color": INK, "width": 1, "dash": "dot"})
    if numbers:
        figure.update_xaxes(title_text="temperature (K)", row=len(backbones))
        figure.update_xaxes(nticks=4)
    else:
        # Names at an angle, and room beside the outer ones: panels are narrow.
        n_values = len({r.tested for r in rows})
        figure.update_xaxes(tickangle=-40, range=[-0.6, n_values - 0.4])
    return figure


def cost_fronts(
    points: dict[int, list[Point]], axis: str, label: str, unit: str, starts: list[str]
) -> Any:
    """Return error against cost, a panel per size, with the Pareto front as a line.

    Colours are starts, symbols backbones.
    """
    styles = style_of(starts)
    backbones = sorted({p.place.backbone for some in points.values() for p in some})
    figure = panels([[f"N = {size}" for size in points]], x_title=axis)
    for column, (size, some) in enumerate(points.items(), start=1):
        front = pareto(some)
        line = go.Scatter(
            x=[p.cost for p in front],
            y=[p.error for p in front],
            mode="lines",
            line={"color": GRID, "width": 6, "shape": "hv"},
            hoverinfo="skip",
        )
        figure.add_trace(line, row=1, col=column)
        for point in some:
            name = f"{point.place.backbone}, {point.start}"
            symbol = SYMBOLS[backbones.index(point.place.backbone) % len(SYMBOLS)]
            marker = {"color": styles[point.start][0], "symbol": symbol, "size": 12}
            hover = f"{name}, N = {size}: %{{x:.3g}}, %{{y:.4~g}} {unit}"
            trace = scatter([point.cost], [point.error], name, hover, "markers", marker=marker)
            figure.add_trace(trace, row=1, col=column)
    name_once(figure)
    error_axis(figure, label)
    figure.update_xaxes(**log_axis(p.cost for some in points.values() for p in some))
    rows = -(-len({trace.name for trace in figure.data if trace.showlegend}) // 4)
    figure.update_layout(height=420 + 24 * rows, margin_t=60 + 24 * rows)
    return figure


def gains_by_part(rows: Sequence[Row]) -> Any:
    """Return the ratio to scratch by part of the source."""
    parts = list(dict.fromkeys(row.transfer.part or "" for row in rows))
    places = list(dict.fromkeys((row.place.backbone, row.place.size) for row in rows))
    temperatures = sorted({row.place.train_temperature_k or 0 for row in rows})
    titles = [
        [f"{b}, N = {n}" + (f", trained at {t:g} K" if t else "") for t in temperatures]
        for b, n in places
    ]
    figure = panels(titles)
    arms = list(dict.fromkeys(row.place.strategy for row in rows))
    styles = style_of([BASELINE, *arms])
    for (row, place), (column, at), arm in product(
        enumerate(places, start=1), enumerate(temperatures, start=1), arms
    ):
        some = [
            r
            for r in rows
            if (r.place.backbone, r.place.size, r.place.strategy) == (*place, arm)
            and (r.place.train_temperature_k or 0) == at
        ]
        ratios = [r.ratio for r in some if r.ratio is not None]
        trace = scatter(
            [r.transfer.part for r in some],
            [ratio.value for ratio in ratios],
            arm,
            f"{arm}, %{{x}}: %{{y:.2f}}",
            "markers",
            error_y=ratio_bars(ratios),
            marker={"color": styles[arm][0], "symbol": styles[arm][1], "size": 10},
        )
        figure.add_trace(trace, row=row, col=column)
    name_once(figure)
    ratio_axis(figure)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=parts)
    figure.update_xaxes(title_text="pretrained on", row=len(places))
    figure.update_layout(height=180 + 340 * len(places), margin_b=110)
    return figure
