"""Draw the figures of README and findings from published runs; ``make picture`` writes them."""

import math
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tlbench.board.reading import read_submission
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.figures import (
    COLOURS,
    error_axis,
    learning_curves,
    name_once,
    panels,
    scatter,
)
from tlbench.report.html import safe_json, spec_of
from tlbench.report.rows import Row

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "leaderboard" / "results"
IMAGES = ROOT / "docs" / "images"
STARTS = RESULTS / "universal-cpu" / "2026-11-29-two-cores"
LONGEST = RESULTS / "si-ge-dft-cpu" / "2026-11-30-two-cores"
METRIC = "force_mae"
LABEL = "force MAE (meV/Å)"

RATES = ("-rate-0.0001", "-rate-0.0003", "-rate-0.001", "", "-rate-0.006", "-rate-0.012")
"""What follows the name of the longest run in those of its runs at other rates."""

SIZES = {
    10: (*RATES, "-rate-0.001-scratch"),
    40: ("-n40-rate-0.0003", "-n40-rate-0.001", "-n40", "-n40-rate-0.006-scratch",
         "-n40-rate-0.001-long", "-n40-scratch"),
    195: ("-n195-rate-0.001", "-n195"),
}  # fmt: skip
"""The same of its runs with a number of structures."""

SCRIPT = """async ([figure, height]) => {
  const place = document.createElement("div");
  document.body.append(place);
  await Plotly.newPlot(place, figure.data, figure.layout);
  const url = await Plotly.toImage(place, {format: "svg", width: 760, height});
  return decodeURIComponent(url.slice(url.indexOf(",") + 1));
}"""


@cache
def analysis(run: Path = STARTS) -> Analysis:
    """Return the analysis of a run that is drawn."""
    entry = read_submission(run)
    return Analysis.of(entry.results, entry.suite)


def starts() -> Any:
    """Return the learning curves of force errors, as the report of their run has them."""
    run = analysis()
    figure = learning_curves(run.of_metric(METRIC), run.strategies)
    label = f"{LABEL}, {run.suite.training.updates} updates"
    figure.update_yaxes(title_text=label, row=1, col=1)
    return figure


def training() -> Any:
    """Return force errors against the learning rate, and against all updates, pretraining too."""
    figure = panels([["10 structures, 1,600 updates", "best of the rates, best weights"]])
    for colour, start in zip(COLOURS, ("scratch", "Si"), strict=False):
        rates = [(rate, row) for rate, row in _at_rates() if _start(row) == start]
        figure.add_trace(_line(rates, start, colour), row=1, col=1)
        for size, endings in SIZES.items():
            line = _line(_lowest(size, endings, start), start, colour, f"{size}")
            figure.add_trace(line, row=1, col=2)
    name_once(figure)
    error_axis(figure, LABEL)
    figure.update_xaxes(type="log")
    powers = {"tickvals": [1e-4, 1e-3, 1e-2], "ticktext": ["10⁻⁴", "10⁻³", "10⁻²"]}
    figure.update_xaxes(title_text="learning rate", **powers, col=1)
    updates = [1600, 3200, 6400, 12800]
    figure.update_xaxes(
        title_text="updates, pretraining included",
        tickvals=updates,
        ticktext=[f"{each:,}" for each in updates],
        range=[math.log10(1300), math.log10(18000)],
        col=2,
    )
    return figure


def _start(row: Row) -> str:
    return "scratch" if row.place.strategy.startswith("scratch") else row.transfer.source


def _run(ending: str) -> Analysis:
    return analysis(LONGEST.with_name(LONGEST.name + ending))


def _rows(ending: str, tested: Any) -> Iterator[tuple[int, Row]]:
    """Yield the trained target models of a run, with their updates in all."""
    run = _run(ending)
    pretraining = run.suite.pretraining.updates
    for row in run.every_row:
        if row.metric == METRIC and row.tested == tested and row.trained and row.place.size:
            updates = row.place.updates or run.suite.training.updates
            extra = 0 if row.place.strategy == "scratch" else pretraining
            yield updates + extra, row


def _at_rates() -> Iterator[tuple[float, Row]]:
    for ending in RATES:
        rate = _run(ending).suite.training.learning_rate
        for updates, row in _rows(ending, ()):
            if updates in (1600, 1600 + _run(ending).suite.pretraining.updates):
                yield rate, row


def _lowest(size: int, endings: tuple[str, ...], start: str) -> list[tuple[float, Row]]:
    """Return the row of the rate of the lowest error after each number of updates."""
    found = dict[int, Row]()
    for ending in endings:
        for updates, row in _rows(ending, BEST):
            if row.place.size == size and _start(row) == start:
                found[updates] = min(found.get(updates, row), row, key=lambda r: r.mean.value)
    return sorted(found.items())


def _line(points: list[tuple[float, Row]], start: str, colour: str, label: str = "") -> Any:
    """Return geometric means over pairs, with their 95 % intervals, and a label at the last."""
    means = [row.mean for _, row in points]
    known = [(mean.value, mean.interval) for mean in means if mean.interval]
    return scatter(
        [x for x, _ in points],
        [mean.value for mean in means],
        f"from {start}",
        "",
        mode="lines+markers+text",
        text=[""] * (len(points) - 1) + [label],
        textposition="bottom left" if start == "scratch" else "middle right",
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 7},
        textfont={"color": colour},
        error_y={
            "array": [interval.high - value for value, interval in known],
            "arrayminus": [value - interval.low for value, interval in known],
        },
    )


FIGURES = {"universal-cpu": (starts, 380), "si-ge-dft-cpu": (training, 420)}
"""Name of a picture → the figure, and its height in pixels."""


def drawn(figure: Any, height: int) -> str:
    """Return a figure as SVG, drawn by plotly's script in a browser."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    figure.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        page.add_script_tag(content=f"window.figure = {safe_json(spec_of(figure))}")
        found: str = page.evaluate(f"({SCRIPT})([window.figure, {height}])")
        browser.close()
    return found


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, (figure, height) in FIGURES.items():
        (IMAGES / f"{name}.svg").write_text(drawn(figure(), height))
