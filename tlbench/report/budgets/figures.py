"""Errors against the number of updates, and ratios to scratch over N and updates."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain, product
from typing import Any

from tlbench.metrics.statistics import Ratio
from tlbench.report.analysis import MOST_BESIDE
from tlbench.report.budgets.outcomes import is_arm
from tlbench.report.figures import (
    error_axis,
    level,
    metric_label,
    name_once,
    panels,
    ratio_bars,
    scatter,
    style_of,
    width_of,
)
from tlbench.report.heatmaps import ratio_map, reach_of
from tlbench.report.rows import Row
from tlbench.report.wording import BASELINE
from tlbench.transfer import arm

BESIDE = 1.03
"""Factor between two arms on the axis of updates, so that their bars can be distinguished."""


def error_curves(rows: Sequence[Row], strategies: list[str], longer: int) -> Any:
    """Return error against updates: a row per backbone, a panel per N, a line per arm.

    Lines join geometric means over pairs; bars are their 95 % intervals. An arm without target data
    is a level.

    Parameters
    ----------
    longer
        Updates that compute-matched arms have beyond their budget.
    """
    label, unit = metric_label(rows[0])
    backbones = sorted({row.place.backbone for row in rows})
    sets = sorted({row.place.replace(updates=None).column for row in rows}, key=_position)
    ends = sorted({_updates(row, longer) for row in rows if row.trained})
    styles = style_of(strategies)
    titles = [[f"{backbone}, {each.training_set()}" for each in sets] for backbone in backbones]
    figure = panels(titles, x_title="updates")
    has_bars = sum(arm(strategy).trains for strategy in strategies) <= MOST_BESIDE
    for (row, backbone), (column, each), strategy in product(
        enumerate(backbones, start=1), enumerate(sets, start=1), strategies
    ):
        place = each.replace(backbone=backbone, strategy=strategy)
        some = [r for r in rows if r.place.replace(updates=None) == place]
        if not some:
            continue
        colour, symbol = styles[strategy]
        if some[0].trained:
            after = [_updates(r, longer) for r in some]
            aside = BESIDE ** (strategies.index(strategy) - len(strategies) / 2) if has_bars else 1
            trace = scatter(
                [updates * aside for updates in after],
                [r.mean.value for r in some],
                strategy,
                f"{strategy}, %{{text}} updates: %{{y:.4~g}} {unit}",
                text=[f"{updates:,}" for updates in after],
                error_y=ratio_bars([r.mean for r in some]) if has_bars else None,
                line={"color": colour, "width": 2.5},
                marker={"symbol": symbol, "size": 8},
            )
        else:
            trace = level(some[0], ends, unit, colour)
        figure.add_trace(trace, row=row, col=column)
    name_once(figure)
    figure.update_xaxes(
        type="log",
        tickvals=ends,
        ticktext=[f"{updates:,}" for updates in ends],
        range=[math.log10(ends[0] / 1.4), math.log10(ends[-1] * 1.4)],
    )
    error_axis(figure, label)
    return figure


def _updates(row: Row, longer: int) -> int:
    return (row.place.updates or 0) + longer * arm(row.place.strategy).compute_matched


def _position(place: Any) -> Any:
    return place.position


def ratio_maps(rows: Sequence[Row], strategies: Iterable[str]) -> Any:
    """Return the ratio to scratch over N and updates: a row per backbone, a map per arm."""
    compared = [r for r in rows if r.ratio is not None and is_arm(r.place)]
    arms = [s for s in strategies if any(r.place.strategy == s for r in compared)]
    backbones = sorted({row.place.backbone for row in compared})
    sets = sorted({r.place.replace(updates=None).column for r in compared}, key=_position)
    budgets = sorted({r.place.updates for r in compared if r.place.updates is not None})
    across = {each: each.training_set() for each in sets}
    down = {budget: f"{budget:,}" for budget in budgets}
    ratios: dict[tuple[str, str], dict[tuple[Any, Any], Ratio]] = {}
    for r in compared:
        key = r.place.updates, r.place.replace(updates=None).column
        ratios.setdefault((r.place.backbone, r.place.strategy), {})[key] = r.ratio  # type: ignore[assignment]
    titles = [[f"{b}, {s} / {BASELINE}" for s in arms] for b in backbones]
    figure = panels(titles)
    reach = reach_of(ratios.values())
    hover = "%{x}, %{y} updates: %{text} of the error from scratch"
    for (row, backbone), (column, strategy) in product(
        enumerate(backbones, start=1), enumerate(arms, start=1)
    ):
        found = ratios.get((backbone, strategy))
        if found:
            figure.add_trace(ratio_map(down, across, found, hover, reach), row=row, col=column)
    figure.update_xaxes(showgrid=False, type="category")
    figure.update_yaxes(showgrid=False, type="category")
    figure.update_yaxes(title_text="updates", col=1)
    figure.update_layout(
        height=110 + (70 + 44 * len(budgets)) * len(backbones),
        margin={"t": 50, "b": 40},
        meta={"min_width": 110 + len(arms) * max(78 * len(sets), width_of(*chain(*titles)))},
    )
    return figure
