"""The page about a data set: one HTML file that works offline."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlbench.base.files import write_whole
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.inspection.summary import Description, simplify, tables
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
    from tlbench.report.inspection import plots

    frames = Frames.concatenate(list(simplify(parts).values()))
    yield "Energies", ENERGY_NOTE, plots.energies(frames)
    yield "Forces", FORCE_NOTE, plots.force_distributions(frames)
    pairs = plots.pair_distances(frames, cutoff)
    if pairs is not None:
        yield "Distances", PAIR_NOTE, pairs
    widths = plots.cell_widths(frames, cutoff)
    if widths is not None:
        yield "Cells", WIDTH_NOTE, widths
