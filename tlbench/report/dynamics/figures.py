"""Figures of simulations: survival, structure and displacement."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from tlbench.jobs.reference_run import Structure
from tlbench.metrics.statistics import kaplan_meier
from tlbench.report.dynamics.models import Arm, Model
from tlbench.report.dynamics.thresholds import Scale, share_curve
from tlbench.report.figures import name_once, panels, scatter, style_of
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.study.model_key import Place

SEEN = 0.01
"""Share of its highest value up to which a spectrum is seen in a figure."""

XY = tuple[list[float], list[float]]
Line = Callable[[list[Model]], XY | None]
"""Models → the line of all of them, or None if they have none."""


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

    titles = "time (ps)", "share of replicas stable", "%{x:.3g} ps: %{y:.2f}"
    figure = _lines(arms, strategies, line, *titles)
    figure.update_traces(line_shape="hv")
    # Lines that coincide, at 1 above all, are seen beside each other.
    for number, strategy in enumerate(reversed(strategies)):
        whole = {"name": strategy, "opacity": 1}
        figure.update_traces(line_width=2 + 1.5 * number, selector=whole)
    figure.update_xaxes(range=[0, length])
    figure.update_yaxes(range=[-0.04, 1.04])
    return figure


def threshold_curves(arms: Mapping[Place, Arm], strategies: list[str], scale: Scale) -> Any:
    """Return the share of replicas within a threshold against the threshold."""
    unit = f" ({scale.unit})" if scale.unit else ""
    titles = f"{scale.title}{unit}", "share of replicas within", "%{x:.3g}: %{y:.2f}"
    figure = _lines(arms, strategies, lambda models: share_curve(models, scale), *titles)
    figure.update_traces(line_shape="hv")
    ends = scale.thresholds[0], scale.thresholds[-1]
    figure.update_xaxes(range=ends)
    figure.update_yaxes(range=[-0.04, 1.04])
    return figure


def rdf_curves(
    dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str], pair: str = ""
) -> Any:
    """Return radial distributions over the reference's, of a pair of elements or of all atoms."""
    reference = dynamics.reference
    line = _mean(reference.distances, lambda run: _curve(run.structure, "rdf", pair))
    wanted = reference.distances, _curve(reference.structure, "rdf", pair)
    titles = "distance (Å)", f"g(r), {pair}" if pair else "g(r)", "%{x:.2f} Å: %{y:.2f}"
    return _lines(arms, strategies, line, *titles, wanted)


def adf_curves(
    dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str], centre: str = ""
) -> Any:
    """Return angular distributions over the reference's, at one element or at all atoms."""
    reference = dynamics.reference
    line = _mean(reference.angles, lambda run: _curve(run.structure, "adf", centre))
    wanted = reference.angles, _curve(reference.structure, "adf", centre)
    at = f" at {centre}" if centre else ""
    titles = f"bond angle{at} (°)", "density (1/rad)", "%{x:.0f}°: %{y:.2f}"
    figure = _lines(arms, strategies, line, *titles, wanted)
    figure.update_xaxes(range=[0, 180], tickvals=list(range(0, 181, 30)))
    figure.update_yaxes(rangemode="tozero")
    return figure


def msd_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any:
    """Return mean-square displacements over the reference's."""
    reference = dynamics.reference
    wanted = (reference.times_ps, reference.msd) if reference.msd else None
    line = _mean(reference.times_ps, lambda run: run.msd)
    titles = "time (ps)", "MSD (Å²)", "%{x:.3g} ps: %{y:.3g}"
    figure = _lines(arms, strategies, line, *titles, wanted)
    figure.update_yaxes(rangemode="tozero")
    return figure


def spectrum_curves(dynamics: Dynamics, arms: Mapping[Place, Arm], strategies: list[str]) -> Any:
    """Return spectra of velocities over the reference's, up to where they have ended."""
    reference = dynamics.reference
    at = reference.frequencies or []
    wanted = (at, reference.spectrum) if reference.spectrum else None
    line = _mean(at, lambda run: run.spectrum)
    titles = "frequency (THz)", "g(ν) (1/THz)", "%{x:.3g} THz: %{y:.3g}"
    figure = _lines(arms, strategies, line, *titles, wanted)
    spectra = [
        each for each in (*(m.spectrum for m in dynamics.models), reference.spectrum) if each
    ]
    highest = max(max(each) for each in spectra)
    last = max(n for each in spectra for n, value in enumerate(each) if value > SEEN * highest)
    figure.update_xaxes(range=[0, at[last]])
    figure.update_yaxes(rangemode="tozero")
    return figure


def _curve(structure: Structure | None, name: str, part: str) -> list[float]:
    """Return a distribution of all atoms, or of a pair or an element; [] if there is none."""
    if structure is None:
        return []
    found: list[float] = getattr(structure, name)
    if part:
        found = getattr(structure, f"partial_{name}")[part]
    return found


def _mean(x: list[float], values_of: Callable[[ModelRun], list[float] | None]) -> Line:
    def line(models: list[Model]) -> XY | None:
        known = [values for m in models if (values := values_of(m.run))]
        return (x, np.mean(known, axis=0).tolist()) if known else None

    return line


def _lines(
    arms: Mapping[Place, Arm],
    strategies: list[str],
    line: Line,
    x: str,
    y: str,
    hover: str,
    reference: XY | None = None,
) -> Any:
    """Return a panel per backbone and size: each arm as a line, its models as faint ones.

    Lines of arms without target data are dashed, and are in every panel.

    Parameters
    ----------
    x, y
        Titles of the axes.
    hover
        Text of a point, in plotly's format.
    reference
        A line that all are compared with.
    """
    backbones = sorted({place.backbone for place in arms})
    # Size 0 only if no arm has target data.
    sets = {p.column for p in arms if p.size} or {Place("", "", 0)}
    columns = sorted(sets, key=lambda each: each.position)
    titles = [[f"{b}, {each.training_set()}" for each in columns] for b in backbones]
    figure = panels(titles, x_title=x)
    styles = style_of(strategies)
    for (row, backbone), (column, each) in product(
        enumerate(backbones, start=1), enumerate(columns, start=1)
    ):
        for strategy in strategies:
            arm = arms.get(each.replace(backbone=backbone, strategy=strategy))
            arm = arm or arms.get(Place(backbone, strategy, 0), {})
            models, colour = list(arm.values()), styles[strategy][0]
            dash = "solid" if any(p.size for p, a in arms.items() if a is arm) else "dash"
            for some in [[model] for model in models if len(models) > 1] + [models]:
                xy = line(some) if some else None
                if xy:
                    width, opacity = (2.5, 1.0) if some == models else (1, 0.5)
                    style = {"color": colour, "width": width, "dash": dash}
                    trace = scatter(*xy, strategy, f"{strategy}, {hover}", "lines", line=style)
                    figure.add_trace(trace.update(opacity=opacity), row=row, col=column)
        if reference:
            style = {"color": "black", "width": 1.5, "dash": "dot"}
            trace = scatter(*reference, "reference", f"reference, {hover}", "lines", line=style)
            figure.add_trace(trace.update(opacity=1), row=row, col=column)
    name_once(figure, lambda trace: trace.opacity == 1)
    figure.update_yaxes(title_text=y, col=1)
    return figure
