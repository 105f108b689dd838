"""The page about a data set: one HTML file with plots that works offline."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from tlbench.base.files import write_whole
from tlbench.data.cards import Card
from tlbench.data.frames import Floats, Frames
from tlbench.data.inspection.geometry import pairs_within, structures_of
from tlbench.data.inspection.summary import Description, simplify, smallest_widths, tables
from tlbench.report.figures import COLOURS, INK, panels
from tlbench.report.html import embedded, render

ENERGY_NOTE = (
    "Each point is a structure, each box holds half of them; the number of structures is in "
    "brackets. Colours distinguish phases."
)
FORCE_NOTE = (
    "Full lines are temperatures, dashed lines kinds of structure without one. A line starts "
    "at the share of atoms that symmetry holds still."
)
PAIR_NOTE = (
    "Radial distribution function of each phase, over that of an ideal gas of the density of "
    "each cell; vacuum raises it."
)
WIDTH_NOTE = (
    "Larger circles are more structures. Left of the first line an atom meets its own "
    "images, left of the second it may meet a neighbour more than once."
)


def write_page(
    path: Path, card: Card, parts: Mapping[str, Frames], description: Description
) -> None:
    """Write the page; the file appears whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    text = render(
        "report/inspection/page.html",
        card=card,
        digest=card.digest(),
        n_frames={part: len(frames) for part, frames in parts.items()},
        tables=tables(description),
        figures=[
            {"title": title, "note": note, "html": embedded(figure, f"plot-{number}")}
            for number, (title, note, figure) in enumerate(_figures(parts, description.cutoff))
        ],
    )
    write_whole(path, text)


def _figures(parts: Mapping[str, Frames], cutoff: float) -> Iterator[tuple[str, str, Any]]:
    """Yield title, note and figure of every plot that the data have something for."""
    frames = Frames.concatenate(list(simplify(parts).values()))
    yield "Energies", ENERGY_NOTE, energies(frames)
    yield "Forces", FORCE_NOTE, force_distributions(frames)
    if (pairs := pair_distances(frames, cutoff)) is not None:
        yield "Distances", PAIR_NOTE, pairs
    if (widths := cell_widths(frames, cutoff)) is not None:
        yield "Cells", WIDTH_NOTE, widths


RDF_REACH = 6.0
"""Largest distance (Å) of the pair-distance plot, unless the cutoff is larger."""

RDF_BIN = 0.05
RDF_FRAMES = 100
"""Frames of each phase whose pairs are counted."""

STILL = 1e-6
"""Force (eV/Å) below which an atom is held still by symmetry."""

DASHES = ("solid", "dash", "dot", "dashdot")

MAX_POINTS = 300
"""Frames of a kind that are drawn one by one."""


def energies(frames: Frames) -> Any:
    """Return energy per atom by kind of structure and phase."""
    per_atom = frames.energy / frames.n_atoms
    kinds = _members([_kind(*kind) for kind in zip(frames.group, frames.phase, strict=True)])
    phases = sorted({str(phase) for phase in frames.phase})
    figure = _single(110 + 48 * len(kinds), legend=False)
    for label, members in reversed(list(kinds.items())):
        phase = phases.index(str(frames.phase[members[0]]))
        figure.add_trace(
            go.Box(
                x=np.round(per_atom[members], 5).tolist(),
                name=f"{label} ({len(members)})",
                boxpoints="all" if len(members) <= MAX_POINTS else "outliers",
                jitter=0.5,
                pointpos=0,
                fillcolor="rgba(0,0,0,0)",
                line={"color": COLOURS[phase % 7], "width": 1.5},
                marker={"size": 5, "opacity": 0.4},
                showlegend=False,
            )
        )
    figure.update_xaxes(title_text="energy per atom (eV)")
    return figure


def force_distributions(frames: Frames) -> Any:
    """Return how many atoms have a smaller force, by temperature or else kind of structure."""
    size = np.linalg.norm(frames.forces, axis=1)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    grid = np.linspace(0, float(np.quantile(size, 0.998)) or 1.0, 201)
    figure = _single(440)
    for label, members, line in _by_temperature(frames):
        chosen = np.sort(size[np.isin(owner, members)])
        # Atoms that symmetry holds still have rounding errors for forces.
        share = np.searchsorted(chosen, grid + STILL, side="right") / len(chosen)
        figure.add_trace(_line(grid, 100 * share, label, line, "eV/Å"))
    figure.update_xaxes(title_text="force on an atom (eV/Å)", range=[0, grid[-1]])
    figure.update_yaxes(title_text="atoms with a smaller force (%)", range=[0, 101])
    return figure


def pair_distances(frames: Frames, cutoff: float) -> Any | None:
    """Return the radial distribution function of each phase; None if no cell is periodic."""
    periodic = np.flatnonzero(frames.pbc.all(axis=1))
    if not len(periodic):
        return None
    reach = max(RDF_REACH, cutoff)
    edges = np.linspace(0, reach, round(reach / RDF_BIN) + 1)
    figure = _single(440)
    phases = _members([str(frames.phase[index]) or "phase unknown" for index in periodic])
    for number, (phase, members) in enumerate(phases.items()):
        spread = np.linspace(0, len(members) - 1, min(RDF_FRAMES, len(members)))
        g = radial_distribution(frames.select(periodic[members[spread.astype(np.int64)]]), edges)
        middles = (edges[1:] + edges[:-1]) / 2
        line = {"color": COLOURS[number % 7], "width": 2, "dash": DASHES[number % 4]}
        figure.add_trace(_line(middles, g, phase, line, "Å"))
    _mark(figure, cutoff, "cutoff")
    figure.update_xaxes(title_text="distance of a pair (Å)", range=[0, reach])
    figure.update_yaxes(title_text="g(r)", rangemode="tozero")
    return figure


def radial_distribution(frames: Frames, edges: Floats) -> Floats:
    """Return g(r), the density of pairs over that of an ideal gas, averaged over frames.

    Parameters
    ----------
    frames
        Structures that are periodic in all directions.
    edges
        Edges of the bins (bins + 1,), Å.
    """
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    total = np.zeros(len(shells))
    for structure in structures_of(frames):
        counts, _ = np.histogram(pairs_within(structure, float(edges[-1])).distance, edges)
        density = len(structure) / abs(np.linalg.det(structure.cell))
        total += counts / (len(structure) * density * shells)
    return total / len(frames)


def cell_widths(frames: Frames, cutoff: float) -> Any | None:
    """Return the smallest width of cells by kind of structure; None if no cell is periodic."""
    width = smallest_widths(frames)
    bounded = np.isfinite(width)
    if not bounded.any():
        return None
    kinds = _members([str(group) or "structures" for group in frames.group])
    figure = _single(130 + 48 * len(kinds), legend=False)
    for number, (label, members) in reversed(list(enumerate(kinds.items()))):
        values, counts = np.unique(
            np.round(width[members][bounded[members]], 2), return_counts=True
        )
        figure.add_trace(
            go.Scatter(
                x=values.tolist(),
                y=[label] * len(values),
                mode="markers",
                marker={
                    "size": np.round(6 + 22 * np.sqrt(counts / len(frames)), 1).tolist(),
                    "color": COLOURS[number % 7],
                    "opacity": 0.6,
                },
                customdata=counts.tolist(),
                hovertemplate="%{x:.2f} Å: %{customdata} structures<extra>%{y}</extra>",
                showlegend=False,
            )
        )
    _mark(figure, cutoff, "cutoff")
    _mark(figure, 2 * cutoff, "2 × cutoff")
    figure.update_xaxes(title_text="smallest perpendicular width of the cell (Å)")
    figure.update_xaxes(range=[0, 1.08 * max(float(width[bounded].max()), 2.2 * cutoff)])
    return figure


def _by_temperature(frames: Frames) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield label, frames and line of each temperature, then of each group that has none."""
    known = np.isfinite(frames.temperature_k)
    temperatures = np.unique(frames.temperature_k[known])
    shades = sample_colorscale("Viridis", np.linspace(0, 0.9, max(len(temperatures), 2)).tolist())
    for temperature, shade in zip(temperatures, shades, strict=False):
        members = np.flatnonzero(frames.temperature_k == temperature)
        yield f"{temperature:g} K", members, {"color": shade, "width": 2}
    groups = _members([str(frames.group[i]) or "others" for i in np.flatnonzero(~known)])
    for number, (group, members) in enumerate(groups.items()):
        line = {"color": COLOURS[(number + 1) % 7], "width": 2, "dash": "dash"}
        yield group, np.flatnonzero(~known)[members], line


def _members(labels: list[str]) -> dict[str, Any]:
    """Return the indices of each label, labels sorted."""
    return {label: np.flatnonzero(np.array(labels) == label) for label in sorted(set(labels))}


def _kind(group: str, phase: str) -> str:
    return ", ".join(word for word in (str(group), str(phase)) if word) or "structures"


def _line(x: Floats, y: Floats, name: str, line: dict[str, Any], unit: str) -> Any:
    return go.Scatter(
        x=np.round(x, 4).tolist(),
        y=np.round(y, 4).tolist(),
        mode="lines",
        name=name,
        line=line,
        hovertemplate=f"%{{x:.2f}} {unit}: %{{y:.3g}}<extra>{name}</extra>",
    )


def _mark(figure: Any, x: float, text: str) -> None:
    figure.add_vline(
        x=x,
        line={"color": INK, "dash": "dot", "width": 1.5},
        annotation={"text": text, "yanchor": "bottom", "font": {"color": INK}},
        annotation_position="top",
    )


def _single(height: int, legend: bool = True) -> Any:
    figure = panels([[""]], shared_y=False)
    figure.update_layout(height=height, meta=None)
    if not legend:
        figure.update_layout(margin={"t": 34})
    figure.update_yaxes(automargin=True)
    return figure
