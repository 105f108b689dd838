"""Figures of distances, of ratios against them, of coverage, and of errors beside structure."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from tlbench.report.figures import (
    COLOURS,
    SYMBOLS,
    name_once,
    panels,
    ratio_axis,
    ratio_bars,
    scatter,
    style_of,
)
from tlbench.report.heatmaps import Scale, heat_map
from tlbench.report.relations.coverage import Covered
from tlbench.report.relations.questions import HEADLINE, Point, Question
from tlbench.report.relations.structure import Axis, Deviations
from tlbench.report.wording import BASELINE
from tlbench.results.distances import DataDistance

MOST_LABELS = 8
"""With more points in a panel their names would cover each other; they show on hovering."""

DISTANCE_COLOURS: Scale = [(0, "#f7fbff"), (1, "#7ab6d9")]

COLUMNS = 4
"""Panels beside each other."""


def distance_maps(distances: Sequence[DataDistance]) -> Any:
    """Return heat maps of the distance of environments between whole sets, raw and scaled."""
    names = {n: n for d in distances for n in (_name(d.a), _name(d.b))}
    rows, columns = names, names
    shared = [n for n in names if all(n in (_name(d.a), _name(d.b)) for d in distances)]
    if len(distances) > 1 and shared:
        # Many sets are compared with one.
        columns = {n: n for n in shared}
        rows = {n: n for n in names if n != shared[0]}
    figure = panels([["raw", "scaled to one nearest-neighbour distance"]])
    found: dict[str, dict[tuple[str, str], float]] = {"raw": {}, "scaled": {}}
    for d, (form, values) in product(distances, found.items()):
        if value := d.get("exact", form):
            values[_name(d.a), _name(d.b)] = values[_name(d.b), _name(d.a)] = value.value
    highest = max(value for values in found.values() for value in values.values())
    for column, values in enumerate(found.values(), start=1):
        texts = {pair: f"{value:.2f}" for pair, value in values.items()}
        colours = {"colorscale": DISTANCE_COLOURS, "zmin": 0, "zmax": highest}
        trace = heat_map(rows, columns, values, texts, "%{y}, %{x}: %{text}", **colours)
        figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_yaxes(showgrid=False, type="category", autorange="reversed")
    widest = max(map(len, names))
    figure.update_layout(
        height=150 + 36 * len(rows) + 4 * max(map(len, columns)),
        margin={"t": 40, "l": 40 + 7 * widest},
        meta={"min_width": 200 + 8 * widest + 120 * len(columns)},
    )
    return figure


def _name(of: Any) -> str:
    part = "" if of.part is None else f" ({of.part})"
    return f"{of.element}{part}" + ("" if of.split == "train" else f", {of.split}")


def predictor_clouds(question: Question) -> Any:
    """Return the value against the headline predictor, a panel per series."""
    points = [p for p in question.points if HEADLINE in p.predictors]
    series = list(dict.fromkeys(p.series for p in points))
    columns = min(COLUMNS, len(series))
    titles = [series[n : n + columns] for n in range(0, len(series), columns)]
    titles[-1] += [""] * (columns - len(titles[-1]))
    # On two lines, for narrow panels.
    figure = panels([[title.replace(", N =", "<br>N =") for title in row] for row in titles])
    for number, name in enumerate(series):
        for trace in _clouds([p for p in points if p.series == name]):
            figure.add_trace(trace, row=number // columns + 1, col=number % columns + 1)
    name_once(figure)
    ratio_axis(figure, question.value.replace(", relative", ",<br>relative"))
    figure.update_xaxes(title_text="environment distance", row=len(titles))
    xs = [p.predictors[HEADLINE] for p in points]
    spread = (max(xs) - min(xs)) or 1.0
    figure.update_xaxes(range=[min(xs) - 0.12 * spread, max(xs) + 0.12 * spread])
    rows_of_names = -(-sum(bool(trace.showlegend) for trace in figure.data) // 8)
    figure.update_layout(
        height=figure.layout.height + 24 * rows_of_names,
        margin_t=66 + 24 * rows_of_names,
        meta={"min_width": 110 + 230 * columns},
    )
    return figure


def _clouds(points: list[Point]) -> Iterator[Any]:
    """Yield the points of a panel: a colour per target, and a symbol per source, of elements."""
    pairs = sorted({p.elements for p in points if p.elements is not None})
    sources, targets = (list(dict.fromkeys(pair[end] for pair in pairs)) for end in (0, 1))
    every: list[tuple[str, str] | None] = [*pairs] or [None]
    for pair in every:
        some = [p for p in points if p.elements == pair]
        yield scatter(
            [p.predictors[HEADLINE] for p in some],
            [math.exp(p.value) for p in some],
            " → ".join(pair) if pair else "",
            "%{text}: %{y:.2f} at distance %{x:.3g}",
            "markers+text" if not pair and len(some) <= MOST_LABELS else "markers",
            text=[p.label for p in some],
            textposition="top center",
            textfont={"size": 10},
            marker={
                "size": 9,
                "color": COLOURS[targets.index(pair[1]) % len(COLOURS) if pair else 0],
                "symbol": SYMBOLS[sources.index(pair[0]) % len(SYMBOLS) if pair else 0],
                "opacity": 0.8,
            },
        )


def coverage_curves(covered: list[Covered]) -> Any:
    """Return the ratio to scratch against coverage: a panel per backbone and training set."""
    backbones = sorted({each.place.backbone for each in covered})
    sets = sorted({each.place.column for each in covered}, key=lambda place: place.position)
    arms = list(dict.fromkeys(each.place.strategy for each in covered))
    styles = style_of([BASELINE, *arms])
    titles = [[f"{backbone}, {each.training_set()}" for each in sets] for backbone in backbones]
    figure = panels(titles, x_title="distance to the target training set")
    for each in covered:
        strategy = each.place.strategy
        colour, symbol = styles[strategy]
        trace = scatter(
            each.target,
            [ratio.value for ratio in each.ratios],
            name := strategy + (f" from {each.of_source}" if each.of_source else ""),
            f"{name}, distance %{{x:.3g}}: %{{y:.2f}}",
            error_y=ratio_bars(each.ratios),
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 8},
        )
        row = backbones.index(each.place.backbone) + 1
        figure.add_trace(trace, row=row, col=sets.index(each.place.column) + 1)
    name_once(figure)
    ratio_axis(figure)
    return figure


def structure_profiles(found: list[Deviations], axis: Axis) -> Any:
    """Return deviation of structure above force error, by bin; a column per backbone and size."""
    of_data = [d for d in found if d.place.size] or found
    columns = list(dict.fromkeys((d.place.backbone, d.place.size) for d in of_data))
    # As in the other plots: scratch first, arms without target data last.
    trained_first = sorted(found, key=lambda d: (d.place.strategy != BASELINE, not d.place.size))
    arms = list(dict.fromkeys(d.place.strategy for d in trained_first))
    styles = style_of(arms)
    figure = panels([[f"{b}, N = {n}" for b, n in columns], [""] * len(columns)], shared_y=False)
    middles = ((np.arange(axis.bins) + 0.5) * axis.width).tolist()
    for (column, (backbone, size)), arm in product(enumerate(columns, start=1), arms):
        some = [
            d
            for d in found
            if (d.place.backbone, d.place.strategy) == (backbone, arm) and d.place.size in (size, 0)
        ]
        for row, quantity in enumerate(("structure", "force"), start=1):
            if some:
                mean = np.mean([getattr(d, quantity) for d in some], axis=0)
                trace = scatter(
                    middles,
                    [value if math.isfinite(value) else None for value in mean.tolist()],
                    arm,
                    f"{arm}, %{{x:.3g}} {axis.unit}: %{{y:.3g}}",
                    line={"color": styles[arm][0], "width": 2},
                    marker={"symbol": styles[arm][1], "size": 5},
                )
                figure.add_trace(trace, row=row, col=column)
    name_once(figure)
    name = "g(r)" if axis.unit == "Å" else "density (1/rad)"
    figure.update_yaxes(title_text=f"deviation of {name}", row=1, col=1, rangemode="tozero")
    figure.update_yaxes(title_text="force error (meV/Å)", row=2, col=1, rangemode="tozero")
    figure.update_xaxes(title_text="distance (Å)" if axis.unit == "Å" else "angle (°)", row=2)
    figure.update_layout(height=520)
    return figure
