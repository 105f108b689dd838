"""Properties in a report: values beside the reference, failures counted, errors with ratios."""

import pytest
from analyses import analysis_of, record_of
from made_up_properties import A, property_of

from tlbench.report.content import Table
from tlbench.report.sections.properties import properties

FCC = {"phase": "fcc", "axis": "a"}


def lattice(strategy, seed, diamond, fcc, reference=5.7):
    return property_of(
        values=[
            ("lattice_constant", A, diamond, reference),
            ("lattice_constant", FCC, fcc, None),
        ],
        strategy=strategy, subset_seed=seed, init_seed=seed, job=f"{strategy}{seed}",
    )  # fmt: skip


def section_of(found):
    records = [
        record_of(
            each.model.strategy, number.value, metric=number.metric, condition=number.condition,
            subset_seed=each.model.subset_seed, init_seed=each.model.init_seed, job=each.job,
        )
        for each in found
        for number in each.numbers()
    ]  # fmt: skip
    made = [*properties(analysis_of(records, properties=found))]
    return made[0] if made else None


def table(section, title) -> Table:
    (found,) = (each for each in section.tables if each.title.startswith(title))
    return found


def test_failures_are_counted_beside_the_mean_of_the_others():
    found = [
        lattice("scratch", 0, 5.5, None), lattice("scratch", 1, 5.7, None),
        lattice("finetune", 0, 5.6, 4.0), lattice("finetune", 1, None, 4.2),
    ]  # fmt: skip
    section = section_of(found)
    head, reference, scratch, finetune = table(section, "Lattice constants").lines
    diamond, fcc = (
        head.index("lattice_constant a diamond (Å)"),
        head.index("lattice_constant a fcc (Å)"),
    )
    assert (reference[diamond], reference[fcc]) == ("5.7000", "–")
    assert (scratch[diamond], scratch[fcc]) == ("5.6000", "2 failed")
    assert (finetune[diamond], finetune[fcc]) == ("5.6000 (1 failed)", "4.1000")
    rates = table(section, "property_failure_rate").lines
    assert rates[1] == ["b", "10", "0.50", "0.25"]


def test_errors_are_compared_with_scratch_over_the_pairs_of_both():
    found = [
        *(lattice("scratch", seed, 5.7 - 0.4, 4.0) for seed in range(5)),
        *(lattice("finetune", seed, 5.7 + 0.1 * (1 + 0.1 * seed), 4.0) for seed in range(4)),
        lattice("finetune", 4, None, 4.0),
    ]
    lines = table(section_of(found), "lattice_constant_error (Å)").lines
    head, row = lines
    assert head[:3] == ["backbone", "N", "of"]
    assert row[2] == "a diamond"
    # The geometric mean of 0.1 to 0.13 over 0.4, of the four pairs that both have.
    ratio = (1.0 * 1.1 * 1.2 * 1.3) ** 0.25 / 4
    assert row[head.index("finetune / scratch")].startswith(f"{ratio:.2f} [")


def test_what_has_no_reference_is_not_ranked():
    found = [lattice("scratch", 0, 5.5, 4.0, reference=None).model_copy(update={"origin": None})]
    section = section_of(found)
    assert "there is no reference, so nothing is ranked" in section.blocks[0].text
    (values,) = section.tables
    assert [line[1] for line in values.lines] == ["arm", "scratch"]


def test_a_run_without_properties_has_no_such_section():
    assert section_of([]) is None


def test_means_do_not_depend_on_the_order_of_pairs():
    found = [lattice("scratch", seed, 5.5 + 0.1 * seed, 4.0) for seed in range(3)]
    one, other = (table(section_of(some), "Lattice") for some in (found, found[::-1]))
    assert one.lines == other.lines
    assert float(one.lines[2][3]) == pytest.approx(5.6)
