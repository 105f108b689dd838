"""What the findings say of Stillinger–Weber data, and of 10 structures against more."""

import pytest
from published import (
    FINDINGS,
    PROPERTIES,
    SAID,
    SCRATCH,
    TUNED,
    energies_of_ten,
    lowest,
    of_model_data,
    of_properties,
    ratios_of_structures,
)
from test_findings_tables import line

from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

LINES = ((10, 1600), (50, 1600), (10, 6400), (50, 6400))
"""Number of structures and updates of each line of the table."""


def model_data_line(size, updates):
    cells = []
    for metric in ("force_mae", "energy_mae"):
        scratch = of_model_data(size, SCRATCH, updates, metric)
        ours = None
        if (size, updates) != (50, 6400):
            ours = of_model_data(size, TUNED, updates, metric)
        cells += [mean_text(row) if row else "–" for row in (scratch, ours)]
        cells.append(ratio_text(ratio_between(ours, scratch), flagged=False) if ours else "–")
    return line(f"{size}", f"{updates:,}", *cells)


@pytest.mark.parametrize("trained", LINES)
def test_lines(trained):
    assert model_data_line(*trained) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| N (SW) |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(LINES)


def test_ten_structures_against_more():
    forty, all_, longer, first, last, same, more = (
        ratio_text(ratio, flagged=False) for ratio in ratios_of_structures()
    )
    assert f"after 1,600 updates 10 from silicon have {first} times the error of 50" in SAID
    assert f"10 from silicon have {last} times the error of 50 from scratch" in SAID
    assert f"after 6,400 updates, and {longer} times that of 195, both of one rate" in SAID
    assert f"and {same} times that of 10 from scratch: no difference is shown in forces" in SAID
    energies = ratio_text(energies_of_ten(), flagged=False)
    assert f"Energy errors are still lower than those of 10 from scratch ({energies})" in SAID
    assert energies_of_ten().interval.high < 1
    *_, to_fifty, to_ten, of_fifty = ratios_of_structures()
    assert all(r.interval.low < 1 < r.interval.high for r in (to_fifty, to_ten, of_fifty))
    assert f"{forty} times that of 40 from scratch, and {all_} times that of all 195" in SAID
    fifty, ten, fifty_long, ten_long = (
        of_model_data(size, SCRATCH, updates).mean.value
        for updates in (1600, 6400)
        for size in (50, 10)
    )
    assert (
        f"50 and 10 structures have {fifty:.1f} and {ten:.1f} meV/Å, after 6,400 updates "
        f"{fifty_long:.1f} and {ten_long:.1f} (ratio {more})"
    ) in SAID
    long = [lowest(size, "scratch", 6400).mean.value for size in (40, 195)]
    assert f"and 40 and 195 after 6,400 updates {long[0]:.1f} and {long[1]:.1f}." in SAID


def test_properties():
    found = [ratio_text(of_properties()[name], flagged=False) for name in PROPERTIES]
    assert (
        f"from silicon are lower for the vacancy's energy ({found[0]}, relaxed) and for that of "
        f"the (110) surface ({found[1]})"
    ) in SAID
    assert f"bulk modulus ({found[2]}) or C₁₁ ({found[3]})" in SAID
