"""The figures of a board: those of the report, of the best models of all submissions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tlbench.costs import Cost
from tlbench.dynamics import Dynamics
from tlbench.leaderboard.site.columns import rounded
from tlbench.metrics import METRICS
from tlbench.plan import Transfer
from tlbench.records import Record
from tlbench.report.costs import FRONT_NOTE, fronts
from tlbench.report.dynamics.section import dynamics_figures
from tlbench.report.page import (
    CONDITION_NOTE,
    CURVES_NOTE,
    ERRORS_NOTE,
    GAINS_NOTE,
    PARTS_NOTE,
    PROPERTIES,
)
from tlbench.report.summary import strategies_of, summarise
from tlbench.report.temperature import matrices
from tlbench.report.transfers import by_transfer

Spec = dict[str, Any]
DIGITS = 5

ERROR_COLOURS = ("#fdf6e3", "#f3d79b", "#e39a3b")
RATIO_COLOURS = ("#5aa2d0", "#f7f7f7", "#e08070")
TEXT_COLOUR = "#111111"
"""Colours of heat maps, and of the numbers on them, which can be read on all of these."""

RATIOS_NOTE = (
    "Error of the arm relative to training from scratch on structures of the same temperature: "
    "blue below 1, where the arm has the lower error at this budget, red above. Intervals are in "
    "the table above, under the test structures."
)


@dataclass(frozen=True)
class Section:
    """A figure, or several of which one is shown at a time.

    Attributes
    ----------
    name
        Identifier in the page.
    choices
        What a figure shows → the figure, as plotly's script reads it.
    """

    name: str
    title: str
    note: str
    choices: dict[str, Spec] = field(default_factory=dict)


def sections_of(
    records: list[Record],
    metrics: Sequence[str],
    costs: Iterable[Cost],
    simulated: Sequence[tuple[list[str], Dynamics]],
) -> list[Section]:
    """Return the figures of a board, without those that there are no results for."""
    transfers = by_transfer(records)
    cases = _cases(transfers)
    sections = [
        _curves(cases, metrics),
        _gains(transfers, metrics[0]),
        _parts(transfers, metrics[0]),
        *_costs(cases, costs, metrics[0]),
        *_temperatures(transfers, metrics[0]),
        *_conditions(transfers, metrics[0]),
        *_dynamics(simulated, records),
    ]
    return [section for section in sections if section.choices]


def spec_of(figure: Any) -> Spec:
    """Return a figure for plotly's script: without the template, which the page has its own of."""
    content = figure.to_dict()
    content["layout"].pop("template", None)
    return {"data": _plain(content["data"]), "layout": _plain(content["layout"])}


def _map_spec(figure: Any, colours: tuple[str, str, str]) -> Spec:
    """Return a heat map in colours on which its numbers can be read, in the dark too."""
    scale = [[0, colours[0]], [0.5, colours[1]], [1, colours[2]]]
    figure.update_traces(colorscale=scale, textfont_color=TEXT_COLOUR)
    return spec_of(figure)


def _plain(value: Any) -> Any:
    """Return what JSON can hold, with the digits that can be seen."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return rounded(value, DIGITS) if isinstance(value, float) else value


Transfers = Mapping[Transfer, list[Record]]
Cases = Mapping[str, list[Record]]
"""What a figure of one training set is of → its records."""


def _cases(transfers: Transfers) -> Cases:
    """Return the records by transfer and, where models saw one temperature only, by that."""
    cases: dict[str, list[Record]] = {}
    for transfer, some in transfers.items():
        trained_at = {r.model.train_temperature_k for r in some if r.model.size}
        at = sorted(t for t in trained_at if t is not None)
        if None in trained_at or not at:
            cases[transfer.label()] = some
        for temperature in at:
            # As if there were no other temperature, which is what figures of one set take.
            cases[f"{transfer.label()}, trained at {temperature:g} K"] = [
                r.model_copy(update={"model": r.model.replace(train_temperature_k=None)})
                for r in some
                if not r.model.size or r.model.train_temperature_k == temperature
            ]
    return cases


def _curves(cases: Cases, metrics: Sequence[str]) -> Section:
    from tlbench.report.plots import learning_curves

    section = Section("learning-curves", "Learning curves", CURVES_NOTE)
    for case, some in cases.items():
        if len({r.model.size for r in some if r.model.size}) < 2:
            continue
        for metric in metrics if len(cases) == 1 else metrics[:1]:
            table = summarise(some, metric)
            if table.rows:
                figure = learning_curves(some, metric, table.unit, table.strategies)
                figure.update_xaxes(title_text="target structures N")
                section.choices[metric if len(cases) == 1 else case] = spec_of(figure)
    return section


def _gains(transfers: Transfers, metric: str) -> Section:
    from tlbench.report.relations.plots import gain_maps

    section = Section("elements", "Ratio to scratch by source and target", GAINS_NOTE)
    if len(transfers) > 1:
        figure = gain_maps([r for some in transfers.values() for r in some], metric)
        if figure is not None:
            section.choices[metric] = _map_spec(figure, RATIO_COLOURS)
    return section


def _parts(transfers: Transfers, metric: str) -> Section:
    from tlbench.report.relations.plots import gains_by_part

    section = Section("parts", "Ratio to scratch by part of the source", PARTS_NOTE)
    if any(transfer.part is not None for transfer in transfers):
        figure = gains_by_part([r for some in transfers.values() for r in some], metric)
        if figure is not None:
            section.choices[metric] = spec_of(figure)
    return section


def _costs(cases: Cases, costs: Iterable[Cost], metric: str) -> Iterator[Section]:
    """Yield error against each kind of cost; a figure for each case and device."""
    from tlbench.report.plots import cost_fronts

    known = list(costs)
    found: dict[str, Section] = {}
    unit = METRICS.get(metric).unit
    for case, some in cases.items():
        for title, axis, device, points in fronts(some, known, metric):
            if not any(point.place.size for of_size in points.values() for point in of_size):
                continue
            name = title.lower().replace(" ", "-")
            note = FRONT_NOTE.format(device="the device that is named")
            section = found.setdefault(title, Section(name, title, note))
            figure = cost_fronts(points, axis, metric, unit, strategies_of(some))
            section.choices[f"{case}, “{device}”"] = spec_of(figure)
    yield from found.values()


def _temperatures(transfers: Transfers, metric: str) -> Iterator[Section]:
    from tlbench.report.heatmaps import error_maps, ratio_maps

    errors = Section("temperatures", "From temperature to temperature", ERRORS_NOTE)
    ratios = Section("temperature-gains", "Ratio to scratch by temperature", RATIOS_NOTE)
    for transfer, some in transfers.items():
        prefix = "" if len(transfers) == 1 else f"{transfer.label()}, "
        for matrix in matrices(some, metric):
            where = f"{prefix}{matrix.backbone}, N = {matrix.size}"
            errors.choices[where] = _map_spec(
                error_maps(matrix, METRICS.get(metric).unit), ERROR_COLOURS
            )
            if matrix.ratios:
                ratios.choices[where] = _map_spec(ratio_maps(matrix), RATIO_COLOURS)
    yield errors
    yield ratios


def _conditions(transfers: Transfers, metric: str) -> Iterator[Section]:
    """Yield errors by properties of the test structures, where there is one transfer."""
    from tlbench.report.plots import by_condition

    for quantity, (title, word) in PROPERTIES.items():
        section = Section(
            title.lower().replace(" ", "-"),
            f"Error {title.lower()}",
            CONDITION_NOTE.format(what=word),
        )
        for some in transfers.values() if len(transfers) == 1 else ():
            strategies = strategies_of(some)
            for backbone in sorted({r.model.backbone for r in some}):
                mine = [r for r in some if r.model.backbone == backbone]
                figure = by_condition(mine, metric, METRICS.get(metric).unit, strategies, quantity)
                if figure is not None:
                    section.choices[backbone] = spec_of(figure)
        yield section


def _dynamics(
    simulated: Sequence[tuple[list[str], Dynamics]], records: list[Record]
) -> Iterator[Section]:
    """Yield the figures of simulations; one for each reference that models were compared with."""
    found: dict[str, Section] = {}
    for submissions, dynamics in simulated:
        for title, note, figure in dynamics_figures(dynamics, records):
            name = title.lower().replace(" ", "-")
            section = found.setdefault(title, Section(name, f"Simulations: {title.lower()}", note))
            section.choices[", ".join(submissions)] = spec_of(figure)
    yield from found.values()
