"""Plots of distances, of ratios against them, of coverage, and of errors beside structure."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tlbench.distances import DataDistance
from tlbench.metrics.statistics import Ratio
from tlbench.records import Record
from tlbench.report.heatmaps import RATIO_COLOURS
from tlbench.report.plots import COLOURS, INK, SYMBOLS, panels, style_of
from tlbench.report.relations.coverage import Covered
from tlbench.report.relations.gains import GainMatrix, gain_matrices, gains
from tlbench.report.relations.questions import HEADLINE, Point, Question
from tlbench.report.relations.structure import Axis, Deviations
from tlbench.report.summary import BASELINE

MOST_LABELS = 8
"""With more points in a panel their names would cover each other; they show on hovering."""

COLUMNS = 4


def gain_maps(records: list[Record], metric: str) -> Any | None:
    """Return heat maps of the ratio of trained arms to scratch, sources by targets.

    None without a matrix.
    """
    found = gain_matrices(records, metric)
    if not found:
        return None
    rows: dict[tuple[str, str], list[GainMatrix]] = {}
    for matrix in found:
        rows.setdefault((matrix.place.backbone, matrix.place.strategy), []).append(matrix)
    columns = max(len(row) for row in rows.values())
    titles = [[m.title() for m in row] + [""] * (columns - len(row)) for row in rows.values()]
    figure = panels(titles, shared_y=True)
    reach = max(abs(math.log2(r.value)) for m in found for r in m.ratios.values()) or 1.0
    for number, row in enumerate(rows.values(), start=1):
        for column, matrix in enumerate(row, start=1):
            figure.add_trace(_gain_map(matrix, reach), row=number, col=column)
    sources, targets = found[0].sources, found[0].targets
    figure.update_xaxes(showgrid=False, type="category", showticklabels=True)
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    figure.update_yaxes(title_text="source", col=1)
    figure.update_xaxes(title_text="target", row=len(rows))
    figure.update_layout(
        height=90 + (70 + 42 * len(sources)) * len(rows),
        margin_t=50,
        meta={"min_width": 90 + 70 * len(targets) * columns},
    )
    return figure


def _gain_map(matrix: GainMatrix, reach: float) -> Any:
    """Return a heat map whose colours reach from 2^-reach to 2^reach."""
    grid = [[matrix.ratios.get((s, t)) for t in matrix.targets] for s in matrix.sources]
    return go.Heatmap(
        x=matrix.targets,
        y=matrix.sources,
        z=[[None if r is None else math.log2(r.value) for r in line] for line in grid],
        text=[["" if r is None else f"{r.value:.2f}" for r in line] for line in grid],
        texttemplate="%{text}",
        colorscale=RATIO_COLOURS,
        zmin=-reach,
        zmax=reach,
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{y} → %{x}: %{text} of the error from scratch<extra></extra>",
    )


def gains_by_part(records: list[Record], metric: str) -> Any | None:
    """Return the ratio to scratch by part of the source; None where there are no parts."""
    found = [g for g in gains(records, metric) if g.transfer.part is not None]
    if not found:
        return None
    parts = list(dict.fromkeys(g.transfer.part or "" for g in found))
    places = list(dict.fromkeys((g.place.backbone, g.place.size) for g in found))
    at = sorted({g.place.train_temperature_k or 0 for g in found})
    titles = [
        [f"{b}, N = {n}" + (f", trained at {t:g} K" if t else "") for t in at] for b, n in places
    ]
    figure = panels(titles, shared_y=True)
    arms = list(dict.fromkeys(g.place.strategy for g in found))
    styles = style_of([BASELINE, *arms])
    for row, (backbone, size) in enumerate(places, start=1):
        for column, temperature in enumerate(at, start=1):
            for arm in arms:
                some = [
                    g
                    for g in found
                    if (g.place.backbone, g.place.size, g.place.strategy) == (backbone, size, arm)
                    and (g.place.train_temperature_k or 0) == temperature
                ]
                trace = go.Scatter(
                    x=[g.transfer.part for g in some],
                    y=[g.ratio.value for g in some],
                    error_y=_bars([g.ratio for g in some]),
                    mode="markers",
                    name=arm,
                    legendgroup=arm,
                    showlegend=row == column == 1,
                    marker={"color": styles[arm][0], "symbol": styles[arm][1], "size": 10},
                    hovertemplate=f"{arm}, %{{x}}: %{{y:.2f}}<extra></extra>",
                )
                figure.add_trace(trace, row=row, col=column)
    figure.add_hline(y=1, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=parts)
    figure.update_xaxes(title_text="pretrained on", row=len(places))
    values = [g.ratio.value for g in found]
    ticks = _ticks(min(values), max(values))
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    figure.update_yaxes(title_text=f"arm / {BASELINE}", col=1)
    figure.update_layout(height=180 + 340 * len(places), margin_b=110)
    return figure


def _bars(ratios: list[Ratio]) -> dict[str, Any] | None:
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


def distance_maps(distances: Sequence[DataDistance]) -> Any | None:
    """Return heat maps of the distance of environments, raw and scaled; None without any."""
    shown = [
        d
        for d in distances
        if d.get("exact", "raw") and d.a.temperature_k is None and d.b.temperature_k is None
    ]
    if not shown:
        return None
    names = list(dict.fromkeys(_name(each) for d in shown for each in (d.a, d.b)))
    rows, columns = names, names
    shared = [n for n in names if all(n in (_name(d.a), _name(d.b)) for d in shown)]
    if len(shown) > 1 and shared:
        # Many sets are compared with one.
        rows, columns = [n for n in names if n != shared[0]], shared
    figure = panels([["raw", "scaled to one nearest-neighbour distance"]], shared_y=True)
    found = [(form, d, d.get("exact", form)) for form in ("raw", "scaled") for d in shown]
    highest = max(value.value for _, _, value in found if value is not None)
    for column, form in enumerate(("raw", "scaled"), start=1):
        known = {
            pair: value.value
            for this, d, value in found
            if this == form and value is not None
            for pair in ((_name(d.a), _name(d.b)), (_name(d.b), _name(d.a)))
        }
        grid = [[known.get((one, other)) for other in columns] for one in rows]
        trace = go.Heatmap(
            x=columns,
            y=rows,
            z=grid,
            text=[["" if v is None else f"{v:.2f}" for v in line] for line in grid],
            texttemplate="%{text}",
            colorscale="Blues",
            zmin=0,
            zmax=highest,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
        figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    widest = max(len(name) for name in names)
    figure.update_layout(
        height=150 + 36 * len(rows) + 4 * max(len(name) for name in columns),
        margin={"t": 40, "l": 40 + 7 * widest},
        meta={"min_width": 200 + 8 * widest + 120 * len(columns)},
    )
    return figure


def _name(of: Any) -> str:
    part = "" if of.part is None else f" ({of.part})"
    return f"{of.element}{part}" + ("" if of.split == "train" else f", {of.split}")


def predictor_clouds(question: Question) -> Any | None:
    """Return the value against the headline predictor, a panel per series."""
    points = [p for p in question.points if HEADLINE in p.predictors]
    series = list(dict.fromkeys(p.series for p in points))
    if not points:
        return None
    columns = min(COLUMNS, len(series))
    titles = [series[n : n + columns] for n in range(0, len(series), columns)]
    titles[-1] += [""] * (columns - len(titles[-1]))
    figure = panels([[_broken(t) for t in row] for row in titles], shared_y=True)
    for number, name in enumerate(series):
        some = [p for p in points if p.series == name]
        for trace in _clouds(some, number == 0):
            figure.add_trace(trace, row=number // columns + 1, col=number % columns + 1)
    values = [math.exp(p.value) for p in points]
    figure.add_hline(y=1, line={"color": INK, "width": 1, "dash": "dot"})
    ticks = _ticks(min(values), max(values))
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = 0.02 + 0.08 * (high - low)
    figure.update_yaxes(range=[low - margin, high + margin])
    figure.update_yaxes(title_text=question.value.replace(", relative", ",<br>relative"), col=1)
    figure.update_xaxes(title_text="environment distance", row=len(titles))
    xs = [p.predictors[HEADLINE] for p in points]
    spread = (max(xs) - min(xs)) or 1.0
    figure.update_xaxes(range=[min(xs) - 0.12 * spread, max(xs) + 0.12 * spread])
    rows_of_names = -(-len({trace.legendgroup for trace in figure.data if trace.showlegend}) // 8)
    figure.update_layout(
        height=figure.layout.height + 24 * rows_of_names,
        margin_t=66 + 24 * rows_of_names,
        meta={"min_width": 110 + 230 * columns},
    )
    return figure


def _clouds(points: list[Point], named: bool) -> Iterator[Any]:
    """Yield the points of a panel: a colour per target, and a symbol per source, of elements."""
    pairs = sorted({p.elements for p in points if p.elements is not None})
    sources, targets = (list(dict.fromkeys(pair[end] for pair in pairs)) for end in (0, 1))
    every: list[tuple[str, str] | None] = [*pairs] if pairs else [None]
    for pair in every:
        some = [p for p in points if p.elements == pair]
        colour = COLOURS[targets.index(pair[1]) % len(COLOURS)] if pair else COLOURS[0]
        symbol = SYMBOLS[sources.index(pair[0]) % len(SYMBOLS)] if pair else SYMBOLS[0]
        yield go.Scatter(
            x=[p.predictors[HEADLINE] for p in some],
            y=[math.exp(p.value) for p in some],
            text=[p.label for p in some],
            mode="markers+text" if not pair and len(some) <= MOST_LABELS else "markers",
            textposition="top center",
            textfont={"size": 10},
            name=" → ".join(pair) if pair else "",
            legendgroup=str(pair),
            showlegend=named and pair is not None,
            marker={"size": 9, "color": colour, "symbol": symbol, "opacity": 0.8},
            hovertemplate="%{text}: %{y:.2f} at distance %{x:.3g}<extra></extra>",
        )


def _broken(title: str) -> str:
    """Return a title on two lines, for narrow panels."""
    return title.replace(", N =", "<br>N =")


def _ticks(low: float, high: float) -> list[float]:
    candidates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 4, 5, 7, 10, 20]
    inside = [t for t in candidates if 0.9 * low <= t <= 1.1 * high]
    return inside or [low, high]


def coverage_curves(covered: list[Covered]) -> Any:
    """Return the ratio to scratch against coverage: a panel per backbone and training set.

    Arms without target data are left out: they are the same everywhere.
    """
    backbones = sorted({each.place.backbone for each in covered})
    sets = sorted(
        {(each.place.size, each.place.train_temperature_k) for each in covered},
        key=lambda each: (each[0], each[1] or 0),
    )
    arms = list(dict.fromkeys(each.place.strategy for each in covered))
    styles = style_of([BASELINE, *arms])
    titles = [
        [f"{b}, N = {n}" + ("" if at is None else f", {at:g} K") for n, at in sets]
        for b in backbones
    ]
    figure = panels(titles, True, "distance to the target training set")
    named = set()
    for each in covered:
        place = each.place
        row = backbones.index(place.backbone) + 1
        column = sets.index((place.size, place.train_temperature_k)) + 1
        colour, symbol = styles[place.strategy]
        trace = go.Scatter(
            x=each.target,
            y=[r.value for r in each.ratios],
            error_y=_bars(each.ratios),
            mode="lines+markers",
            name=place.strategy,
            legendgroup=place.strategy,
            showlegend=place.strategy not in named,
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 8},
            hovertemplate=f"{place.strategy}, distance %{{x:.3g}}: %{{y:.2f}}<extra></extra>",
        )
        named.add(place.strategy)
        figure.add_trace(trace, row=row, col=column)
    figure.add_hline(y=1, line={"color": INK, "width": 1, "dash": "dot"})
    values = [r.value for each in covered for r in each.ratios]
    ticks = _ticks(min(values), max(values))
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])
    figure.update_yaxes(title_text=f"arm / {BASELINE}", col=1)
    return figure


def structure_profiles(found: list[Deviations], axis: Axis) -> Any:
    """Return deviation of structure above force error, by bin; a column per backbone and size."""
    columns = list(dict.fromkeys((d.place.backbone, d.place.size) for d in found if d.place.size))
    columns = columns or list(dict.fromkeys((d.place.backbone, d.place.size) for d in found))
    # As in the other plots: scratch first, arms without target data last.
    trained_first = sorted(found, key=lambda d: (d.place.strategy != BASELINE, not d.place.size))
    arms = list(dict.fromkeys(d.place.strategy for d in trained_first))
    styles = style_of(arms)
    titles = [[f"{b}, N = {n}" for b, n in columns], [""] * len(columns)]
    figure = panels(titles, shared_y=False)
    middles = (np.arange(axis.bins) + 0.5) * axis.width
    named = set()
    for column, (backbone, size) in enumerate(columns, start=1):
        for arm in arms:
            some = [
                d
                for d in found
                if d.place.backbone == backbone
                and d.place.strategy == arm
                and d.place.size in (size, 0)
            ]
            if not some:
                continue
            for row, values in (
                (1, np.mean([d.structure for d in some], axis=0)),
                (2, np.mean([d.force for d in some], axis=0)),
            ):
                trace = go.Scatter(
                    x=middles.tolist(),
                    y=[None if not math.isfinite(v) else v for v in values.tolist()],
                    mode="lines+markers",
                    name=arm,
                    legendgroup=arm,
                    showlegend=arm not in named,
                    line={"color": styles[arm][0], "width": 2},
                    marker={"symbol": SYMBOLS[arms.index(arm) % 7], "size": 5},
                    hovertemplate=f"{arm}, %{{x:.3g}} {axis.unit}: %{{y:.3g}}<extra></extra>",
                )
                named.add(arm)
                figure.add_trace(trace, row=row, col=column)
    name = "g(r)" if axis.unit == "Å" else "density (1/rad)"
    figure.update_yaxes(title_text=f"deviation of {name}", row=1, col=1, rangemode="tozero")
    figure.update_yaxes(title_text="force error (meV/Å)", row=2, col=1, rangemode="tozero")
    figure.update_xaxes(title_text="distance (Å)" if axis.unit == "Å" else "angle (°)", row=2)
    figure.update_layout(height=520)
    return figure
