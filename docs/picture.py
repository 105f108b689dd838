"""Draw the figure of the README from a published run; ``make picture`` writes it."""

import shutil
from pathlib import Path
from typing import Any

from tlbench.board.reading import read_submission
from tlbench.report.analysis import Analysis
from tlbench.report.figures import learning_curves
from tlbench.report.html import safe_json, spec_of

ROOT = Path(__file__).parents[1]
SUBMISSION = ROOT / "leaderboard" / "results" / "universal-cpu" / "2026-11-29-two-cores"
PICTURE = ROOT / "docs" / "images" / "universal-cpu.svg"
METRIC = "force_mae"

SCRIPT = """async figure => {
  const place = document.createElement("div");
  document.body.append(place);
  await Plotly.newPlot(place, figure.data, figure.layout);
  const url = await Plotly.toImage(place, {format: "svg", width: 760, height: 380});
  return decodeURIComponent(url.slice(url.indexOf(",") + 1));
}"""


def analysis() -> Analysis:
    """Return the analysis of the run that is drawn."""
    entry = read_submission(SUBMISSION)
    return Analysis.of(entry.results, entry.suite)


def figure_of(run: Analysis) -> Any:
    """Return the learning curves of force errors, as the report of the run has them."""
    figure = learning_curves(run.of_metric(METRIC), run.strategies)
    label = f"force MAE (meV/Å), {run.suite.training.updates} updates"
    figure.update_yaxes(title_text=label, row=1, col=1)
    return figure.update_layout(paper_bgcolor="white", plot_bgcolor="white")


def draw(figure: Any) -> str:
    """Return a figure as SVG, drawn by plotly's script in a browser."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        page.add_script_tag(content=f"window.figure = {safe_json(spec_of(figure))}")
        drawn: str = page.evaluate(f"({SCRIPT})(window.figure)")
        browser.close()
    return drawn


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(figure_of(analysis())))
