"""Plots of simulations: survival and structure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tlbench.dynamics import Dynamics, ModelRun
from tlbench.metrics.statistics import kaplan_meier
from tlbench.plan import Place
from tlbench.report.dynamics.models import Arm, Model
from tlbench.report.plots import panels, style_of

XY = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Plot:
    """What is drawn of arms.

    Attributes
    ----------
    line
        Models → the line of all of them, or None if they have none.
    x, y
        Titles of the axes.
    hover
        Text of a point, in plotly's format.
    reference
        A line that all are compared with.
    """

    line: Callable[[list[Model]], XY | None]
    x: str
    y: str
    hover: str
    reference: XY | None = None


def survival_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any:
    """Return the share of replicas that are stable against time, by the Kaplan–Meier estimate."""
    length = max(
        dynamics.reference.time_ps, *(time for m in dynamics.models for time in m.survival_ps)
    )

    def line(models: list[Model]) -> XY:
        times = [time for model in models for time in model.run.survival_ps]
        failed = [bool(name) for model in models for name in model.run.criterion]
        curve = kaplan_meier(times, failed)
        return [*curve.times, length], [*curve.surviving, curve.surviving[-1]]

    plot = Plot(line, "time (ps)", "share of replicas stable", "%{x:.3g} ps: %{y:.2f}")
    figure = _figure(arms, strategies, plot)
    figure.update_traces(line_shape="hv")
    # Lines that coincide, at 1 above all, are seen beside each other.
    for number, strategy in enumerate(reversed(strategies)):
        whole = {"name": strategy, "opacity": 1}
        figure.update_traces(line_width=2 + 1.5 * number, selector=whole)
    figure.update_xaxes(range=[0, length])
    figure.update_yaxes(range=[-0.04, 1.04])
    return figure


def rdf_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any | None:
    """Return radial distributions over the reference's; None if none is known."""
    reference = dynamics.reference
    line = _mean_of(reference.distances, lambda run: run.structure.rdf if run.structure else None)
    wanted = reference.distances, reference.structure.rdf
    plot = Plot(line, "distance (Å)", "g(r)", "%{x:.2f} Å: %{y:.2f}", wanted)
    return _figure(arms, strategies, plot) if _is_known(arms) else None


def adf_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any | None:
    """Return angular distributions over the reference's; None if none is known."""
    reference = dynamics.reference
    line = _mean_of(reference.angles, lambda run: run.structure.adf if run.structure else None)
    wanted = reference.angles, reference.structure.adf
    plot = Plot(line, "bond angle (°)", "density (1/rad)", "%{x:.0f}°: %{y:.2f}", wanted)
    if not _is_known(arms):
        return None
    figure = _figure(arms, strategies, plot)
    figure.update_xaxes(range=[0, 180], tickvals=list(range(0, 181, 30)))
    figure.update_yaxes(rangemode="tozero")
    return figure


def msd_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any | None:
    """Return mean-square displacements over the reference's; None if none is known."""
    reference = dynamics.reference
    wanted = (reference.times_ps, reference.msd) if reference.msd else None
    line = _mean_of(reference.times_ps, lambda run: run.msd)
    plot = Plot(line, "time (ps)", "MSD (Å²)", "%{x:.3g} ps: %{y:.3g}", wanted)
    if not any(model.run.msd for arm in arms.values() for model in arm.values()):
        return None
    figure = _figure(arms, strategies, plot)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _mean_of(
    x: list[float], function: Callable[[ModelRun], list[float] | None]
) -> Callable[[list[Model]], XY | None]:
    def line(models: list[Model]) -> XY | None:
        known = [values for m in models if (values := function(m.run))]
        return (x, np.mean(known, axis=0).tolist()) if known else None

    return line


def _is_known(arms: Mapping[Place, Arm]) -> bool:
    return any(model.run.structure for arm in arms.values() for model in arm.values())


def _figure(arms: Mapping[Place, Arm], strategies: list[str], plot: Plot) -> Any:
    """Return a panel per backbone and size: each arm as a line, its models as faint ones.

    Lines of arms without target data are dashed, and stand in every panel.
    """
    backbones = sorted({place.backbone for place in arms})
    columns = _columns(arms)
    figure = panels([[_title(b, *c) for c in columns] for b in backbones], True, plot.x)
    styles = style_of(strategies)
    for (row, backbone), (column, (size, at)) in product(
        enumerate(backbones, start=1), enumerate(columns, start=1)
    ):
        for strategy in strategies:
            arm = arms.get(Place(backbone, strategy, size, at))
            arm = arm or arms.get(Place(backbone, strategy, 0), {})
            models, colour = list(arm.values()), styles[strategy][0]
            for some in [[model] for model in models if len(models) > 1] + [models]:
                xy = plot.line(some) if some else None
                if xy:
                    width, opacity = (2.5, 1.0) if some == models else (1, 0.5)
                    dash = "solid" if models[0].run.model.size else "dash"
                    trace = _trace(xy, strategy, plot.hover, color=colour, width=width, dash=dash)
                    figure.add_trace(trace.update(opacity=opacity), row=row, col=column)
        if plot.reference:
            trace = _trace(
                plot.reference, "reference", plot.hover, color="black", width=1.5, dash="dot"
            )
            figure.add_trace(trace.update(opacity=1), row=row, col=column)
    _name_once(figure)
    figure.update_yaxes(title_text=plot.y, col=1)
    return figure


def _trace(xy: XY, name: str, hover: str, **line: Any) -> Any:
    return go.Scatter(
        x=xy[0],
        y=xy[1],
        mode="lines",
        name=name,
        line=line,
        legendgroup=name,
        hovertemplate=f"{name}, {hover}<extra></extra>",
    )


def _name_once(figure: Any) -> None:
    """Let each name stand in the legend once, by its strong line."""
    named = set()
    for trace in figure.data:
        trace.showlegend = trace.opacity == 1 and trace.name not in named
        if trace.showlegend:
            named.add(trace.name)


def _columns(arms: Iterable[Place]) -> list[tuple[int, float | None]]:
    """Return sizes and training temperatures; size 0 only if no arm has target data."""
    found = {(place.size, place.train_temperature_k) for place in arms}
    trained = [(size, at) for size, at in found if size] or list(found)
    return sorted(trained, key=lambda column: (column[0], column[1] or 0))


def _title(backbone: str, size: int, at: float | None) -> str:
    return f"{backbone}, N = {size}" + ("" if at is None else f", trained at {at:g} K")
