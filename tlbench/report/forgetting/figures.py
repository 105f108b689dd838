"""Error on the target against what was lost on the source."""

from collections.abc import Sequence
from typing import Any

from tlbench.metrics.statistics import Ratio
from tlbench.report.figures import (
    INK,
    log_axis,
    name_once,
    panels,
    ratio_axis,
    ratio_bars,
    scatter,
    style_of,
)
from tlbench.report.forgetting.retention import Retained

ROOM = 1.15
"""Factor beyond the outermost bars, so that the numbers beside markers have room."""


def error_against_forgetting(found: Sequence[Retained], label: str, arms: list[str]) -> Any:
    """Return the growth of the error on the source's data against the error on the target.

    A panel for each backbone; the markers of an arm are joined in the order of N, which stands
    beside each.
    """
    backbones = sorted({each.target.place.backbone for each in found})
    styles = style_of(arms)
    figure = panels([backbones], x_title=label)
    for column, backbone in enumerate(backbones, start=1):
        for name in arms:
            some = [
                each
                for each in sorted(found, key=lambda each: each.target.place.size)
                if (each.target.place.backbone, each.target.place.strategy) == (backbone, name)
            ]
            if some:
                figure.add_trace(_arm(some, name, *styles[name]), row=1, col=column)
    name_once(figure)
    ratio_axis(figure, "error on the source's data / source model")
    errors = [end for each in found for end in _ends(each.target.mean)]
    figure.update_xaxes(**log_axis([min(errors) / ROOM, max(errors) * ROOM]))
    growth = [end for each in found for end in _ends(each.ratio)]
    figure.update_yaxes(**log_axis([min([1.0, *growth]) / ROOM, max([1.0, *growth]) * ROOM]))
    figure.update_layout(height=480)
    return figure


def _arm(some: Sequence[Retained], name: str, colour: str, symbol: str) -> Any:
    sizes = [each.target.arm.size for each in some]
    return scatter(
        [each.target.mean.value for each in some],
        [each.ratio.value for each in some],
        name,
        f"{name}, N = %{{text}}: %{{x:.4~g}}, %{{y:.3~g}} times the source model's error",
        "lines+markers+text",
        text=[str(size) for size in sizes],
        textposition="top right",
        textfont={"color": colour, "size": 12},
        line={"color": colour, "width": 1, "dash": "dot"},
        marker={"color": colour, "symbol": symbol, "size": 11, "line": {"color": INK, "width": 1}},
        error_x=_bars([each.target.mean for each in some]),
        error_y=_bars([each.ratio for each in some]),
    )


def _bars(ratios: Sequence[Ratio]) -> dict[str, Any] | None:
    bars = ratio_bars(ratios)
    return None if bars is None else {**bars, "thickness": 1.5, "width": 3}


def _ends(ratio: Ratio) -> tuple[float, ...]:
    """Return what of a mean or ratio a figure has to show."""
    interval = ratio.interval
    return (ratio.value,) if interval is None else (interval.low, ratio.value, interval.high)
