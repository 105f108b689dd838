"""Figures of properties: curves of one potential, and of all models over the reference."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from tlbench.properties.spec import Curve
from tlbench.report.figures import (
    COLOURS,
    log_axis,
    name_once,
    panels,
    scatter,
    style_of,
)
from tlbench.report.properties.curves import CurvesOfArms, label
from tlbench.report.properties.following import Following
from tlbench.study.model_key import Place

STEEP = 2.0
"""How far above the lowest point of a pair curve the figure goes, over its depth."""

BEYOND = 0.5
"""How far the figure goes beyond the curves of the reference, over the range of these."""

LAST = 2000
"""Rank in the legend of what is named after all arms."""

LONG = 25
"""Characters of the name of an axis from which on it takes two lines."""

HOVER = "%{x:.4~g}: %{y:.4~g}"


def property_curves(curves: Iterable[Curve], title: str) -> Any:
    """Return the figure of one potential's curves of one kind.

    Curves of different conditions have different colours, which the legend explains, but for the
    branches of a band structure, which have one. Marks of the x axis are lines of its grid.
    """
    curves = list(curves)
    figure = panels([[title]], x_title=curves[0].x_label)
    names = list(dict.fromkeys(map(label, curves)))
    for curve in curves:
        name = label(curve)
        colour = COLOURS[names.index(name) % len(COLOURS)]
        line = scatter(curve.x, curve.y, name, HOVER, "lines", line={"color": colour})
        figure.add_trace(line, row=1, col=1)
    name_once(figure, lambda trace: len(names) > 1)
    figure.update_yaxes(title_text=curves[0].y_label)
    if curves[0].name == "dimer":
        # The wall at short distance is a thousand times as high as the well is deep.
        low = min(min(curve.y) for curve in curves)
        figure.update_yaxes(range=[1.1 * low, -STEEP * low] if low < 0 else None)
    _mark(figure, curves[0])
    return figure


def _mark(figure: Any, curve: Curve) -> None:
    """Draw the marks of the x axis as lines of the grid."""
    if curve.marks:
        places, names = zip(*curve.marks, strict=True)
        figure.update_xaxes(tickvals=places, ticktext=names, tickangle=0, tickfont_size=11)
        figure.update_xaxes(gridcolor="#94a3b8")


def curves_of_arms(found: CurvesOfArms, strategies: Sequence[str]) -> Any:
    """Return every model's curve over the reference's, a row of panels per backbone.

    There is a panel per number of structures with all arms, or, where models have several branches,
    one per arm. Arms without target data are in each.
    """
    backbones = sorted({place.backbone for place in found.arms})
    arms = [s for s in strategies if any(place.strategy == s for place in found.arms)]
    columns: list[tuple[str, list[Place]]]
    if found.has_branches:
        columns = [(s, [p for p in found.arms if p.strategy == s]) for s in arms]
    else:
        sets = {p.column for p in found.arms if p.size} or {Place("", "", 0)}
        columns = [
            (
                each.replace(updates=None).training_set(),
                [p for p in found.arms if p.column == each or not p.size],
            )
            for each in sorted(sets, key=lambda each: each.position)
        ]
    titles = [
        [_panel_title(found, backbone, name, places) for name, places in columns]
        for backbone in backbones
    ]
    every = [*found.reference, *(c for some in found.arms.values() for each in some for c in each)]
    figure = panels(titles, x_title=every[0].x_label)
    styles = style_of(strategies)
    for (row, backbone), (column, (_, places)) in product(
        enumerate(backbones, start=1), enumerate(columns, start=1)
    ):
        for place in sorted(places, key=lambda p: arms.index(p.strategy)):
            if place.backbone != backbone:
                continue
            style = {
                "color": styles[place.strategy][0],
                "width": 1.2,
                "dash": "solid" if place.size else "dash",
            }
            for model in found.arms[place]:
                hover = f"{place.strategy}, {HOVER}"
                trace = scatter(*_joined(model), place.strategy, hover, "lines", line=style)
                figure.add_trace(trace, row=row, col=column)
        if found.reference:
            style = {"color": "black", "width": 1.5}
            trace = scatter(
                *_joined(found.reference), "reference", f"reference, {HOVER}", "lines", line=style
            )
            figure.add_trace(trace.update(legendrank=LAST), row=row, col=column)
    name_once(figure)
    _mark(figure, every[0])
    figure.update_xaxes(matches="x")
    label = every[0].y_label
    # On two lines if it is longer than a panel is high.
    figure.update_yaxes(
        title_text=label.replace(" (", "<br>(") if len(label) > LONG else label, col=1
    )
    figure.update_yaxes(range=_range(found.reference or every, every, found.name == "dimer"))
    return figure


def _panel_title(found: CurvesOfArms, backbone: str, name: str, places: Sequence[Place]) -> str:
    """Return what a panel shows, with how many models have curves where some have not."""
    own = [place for place in places if place.backbone == backbone]
    lacking = [
        f"{place.strategy} {len(found.arms[place])}/{found.n_models[place]}".removeprefix(
            f"{name} "
        )
        for place in own
        if len(found.arms[place]) < found.n_models[place]
    ]
    small = f'<br><span style="font-size:11px">{", ".join(lacking)}</span>' if lacking else ""
    return f"{backbone}, {name}{small}"


def _joined(branches: Sequence[Curve]) -> tuple[list[float | None], list[float | None]]:
    """Return branches as one line with gaps, with the digits that can be seen."""
    x: list[float | None] = []
    y: list[float | None] = []
    for branch in branches:
        if x:
            x.append(None)
            y.append(None)
        x += [float(f"{value:.4g}") for value in branch.x]
        y += [float(f"{value:.4g}") for value in branch.y]
    return x, y


def _range(wanted: Sequence[Curve], every: Sequence[Curve], is_pair: bool) -> list[float]:
    """Return the part of the y axis that is shown: about ``wanted``, as far as curves reach.

    Of pair curves, which end in a wall a thousand times as high as their well is deep, it is a
    multiple of the depth.
    """
    lowest = min(min(curve.y) for curve in every)
    highest = max(max(curve.y) for curve in every)
    low, high = min(min(curve.y) for curve in wanted), max(max(curve.y) for curve in wanted)
    if is_pair and low < 0:
        return [1.1 * max(lowest, (1 + BEYOND) * low), -STEEP * low]
    margin = BEYOND * (high - low)
    shown = max(lowest, low - margin), min(highest, high + margin)
    room = 0.03 * (shown[1] - shown[0])
    return [shown[0] - room, shown[1] + room]


def points(found: Sequence[Following], strategies: Sequence[str]) -> Any:
    """Return the error of each value against the force error, a row of panels per backbone."""
    backbones = sorted({arm.backbone for each in found for arm, _ in each.points})
    sizes = sorted({arm.size for each in found for arm, _ in each.points})
    styles = style_of(strategies)
    titles = [[f"{backbone}, {each.shown.title}" for each in found] for backbone in backbones]
    figure = panels(titles, shared_y=False, x_title="force MAE (meV/Å)")
    for (row, backbone), (column, each), strategy in product(
        enumerate(backbones, start=1), enumerate(found, start=1), strategies
    ):
        some = [
            (arm, values)
            for (arm, _), values in each.points.items()
            if min(values) > 0 and (arm.backbone, arm.strategy) == (backbone, strategy)
        ]
        if some:
            colour, symbol = styles[strategy]
            trace = scatter(
                [x for _, (x, _) in some],
                [y for _, (_, y) in some],
                strategy,
                f"{strategy}, %{{text}}: %{{x:.4~g}}, %{{y:.4~g}}",
                "markers",
                text=[f"N = {arm.size}" for arm, _ in some],
                marker={
                    "color": colour,
                    "symbol": symbol,
                    "size": [6 + 3 * sizes.index(arm.size) for arm, _ in some],
                    "opacity": 0.75,
                },
            )
            figure.add_trace(trace, row=row, col=column)
    name_once(figure)
    figure.update_xaxes(**log_axis(x for each in found for x, _ in each.points.values()), nticks=4)
    for column, each in enumerate(found, start=1):
        figure.update_yaxes(col=column, **log_axis(y for _, y in each.points.values()))
    figure.update_yaxes(title_text="error", col=1)
    figure.update_layout(meta={"min_width": 90 + 280 * len(found)})
    return figure
