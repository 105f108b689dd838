"""What the findings say of Stillinger–Weber data, and of 10 structures against 50."""

import pytest
from published import (
    DOCS,
    MODEL_DATA,
    RESULTS,
    SCRATCH,
    TUNED,
    lowest,
    of_model_data,
    ratios_of_model_data,
    rows,
)
from test_findings_tables import line

from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

LINES = (
    (10, 1e-3, 1600, "-rate-0.001"),
    (10, 3e-3, 1600, "-rate-0.003"),
    (50, 1e-3, 1600, "-rate-0.001"),
    (50, 3e-3, 1600, "-rate-0.003"),
    (50, 3e-3, 6400, "-n50-scratch"),
)
"""Number of structures, rate, updates, and how the name of the run ends."""

FINDINGS = (DOCS / "findings.md").read_text()
TEXT = " ".join(FINDINGS.split())


def model_data_line(size, rate, updates, ending):
    cells = []
    for metric in ("force_mae", "energy_mae"):
        found = rows(RESULTS / (MODEL_DATA + ending), metric)
        scratch, ours = (found.get((*arm, size, updates)) for arm in (SCRATCH, TUNED))
        cells += (
            [mean_text(row) if row else "–" for row in (scratch, ours)]
            if metric == "force_mae"
            else []
        )
        cells.append(ratio_text(ours.ratio, flagged=False) if ours else "–")
    name = (MODEL_DATA + ending).partition("/")[2]
    return line(f"{size}", f"{1e3 * rate:g}", f"{updates:,}", *cells, f"`{name}`")


@pytest.mark.parametrize("trained", LINES)
def test_lines(trained):
    assert model_data_line(*trained) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| N (SW) |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(LINES)
