"""What the findings say of Stillinger–Weber data, and of 10 structures against more."""

import pytest
from published import (
    DOCS,
    MODEL_DATA,
    PROPERTIES,
    RESULTS,
    SCRATCH,
    TUNED,
    of_model_data,
    of_properties,
    ratios_of_structures,
    rows,
)
from test_findings_tables import line

from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

LINES = (
    (10, 1600, "-rate-0.003"),
    (50, 1600, "-rate-0.003"),
    (10, 6400, "-n10-long"),
    (10, 6400, "-n10-scratch"),
    (50, 6400, "-n50-scratch"),
)
"""Number of structures, updates, and how the name of the run ends."""

FINDINGS = (DOCS / "findings.md").read_text()
TEXT = " ".join(FINDINGS.split())


def model_data_line(size, updates, ending):
    cells = []
    for metric in ("force_mae", "energy_mae"):
        found = rows(RESULTS / (MODEL_DATA + ending), metric)
        scratch, ours = (found.get((*arm, size, updates)) for arm in (SCRATCH, TUNED))
        cells += [mean_text(row) if row else "–" for row in (scratch, ours)]
        has_both = scratch is not None and ours is not None
        cells.append(ratio_text(ours.ratio, flagged=False) if has_both else "–")
    name = (MODEL_DATA + ending).partition("/")[2]
    return line(f"{size}", f"{updates:,}", *cells, f"`{name}`")


@pytest.mark.parametrize("trained", LINES)
def test_lines(trained):
    assert model_data_line(*trained) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| N (SW) |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(LINES)


def test_ten_structures_against_more():
    forty, all_, first, last, same = (ratio_text(r, flagged=False) for r in ratios_of_structures())
    assert f"after 1,600 updates 10 from silicon have {first} times the error of 50" in TEXT
    assert f"After 6,400 they have {last} times the error of 50 from scratch" in TEXT
    assert f"and {same} times that of 10 from scratch: no difference is shown" in TEXT
    *_, to_fifty, to_ten = ratios_of_structures()
    assert all(each.interval.low < 1 < each.interval.high for each in (to_fifty, to_ten))
    assert f"{forty} times that of 40 from scratch, and {all_} times that of all 195" in TEXT
    ten, fifty = (of_model_data(size, SCRATCH, 1600).mean.value for size in (10, 50))
    assert f"({ten:.1f} and {fifty:.1f} meV/Å)" in TEXT


def test_properties():
    found = [ratio_text(of_properties()[name], flagged=False) for name in PROPERTIES]
    assert (
        f"silicon lowers the errors of the vacancy's energy ({found[0]}, relaxed) and of that of "
        f"the (110) surface ({found[1]})"
    ) in TEXT
    assert f"bulk modulus ({found[2]}) or of C₁₁ ({found[3]})" in TEXT
