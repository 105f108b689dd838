"""Properties in a report: values with errors beside the reference, failures counted."""

import re
from itertools import product

import pytest
from made_up_properties import A, analysis, elastic, property_of

from tlbench.cli.tables import fits
from tlbench.properties.spec import Curve
from tlbench.report.content import Table
from tlbench.report.markdown import section_text
from tlbench.report.properties.section import properties
from tlbench.report.properties.values import properties_csv
from tlbench.results.properties import PropertyCurves

FCC = {"phase": "fcc"}
ABOVE = "cohesive_energy_difference"


def lattice(strategy, seed, diamond, fcc, reference=5.7, **changes):
    return property_of(
        values=[("lattice_constant", A, diamond, reference), (ABOVE, FCC, fcc, None)],
        strategy=strategy, subset_seed=seed, init_seed=seed, job=f"{strategy}{seed}", **changes,
    )  # fmt: skip


def section_of(found, forces=(), **results):
    made = [*properties(analysis(found, forces, **results))]
    return made[0] if made else None


def table(section, title) -> Table:
    (found,) = (each for each in section.tables if each.title.startswith(title))
    return found


def test_failures_are_counted_beside_the_mean_of_the_others():
    found = [
        lattice("scratch", 0, 5.5, None), lattice("scratch", 1, 5.8, None),
        lattice("finetune", 0, 5.6, 4.0), lattice("finetune", 1, None, 4.2),
    ]  # fmt: skip
    head, reference, scratch, finetune = table(section_of(found), "Lattice constants").lines
    diamond, fcc, failed = map(head.index, ("a diamond (Å)", "E fcc (meV/atom)", "failed"))
    assert (reference[0], reference[diamond], reference[fcc]) == ("reference", "5.7000", "–")
    # Errors of opposite sign do not cancel.
    assert (scratch[diamond], scratch[fcc], scratch[failed]) == ("5.6500 (0.15)", "failed", "50%")
    assert finetune[diamond] == "5.6000 (0.10) 1/2"
    assert (finetune[fcc], finetune[failed]) == ("4.1", "25%")


def test_unstable_crystals_fail_with_their_reason_and_are_left_out_of_means():
    found = [elastic(c11, seed=n, c44=c44) for n, (c11, c44) in enumerate(
        [(100.0, 61.0), (200.0, -3.0), (110.0, 62.0)]
    )]  # fmt: skip
    section = section_of(found)
    head, _, line = table(section, "Elastic").lines
    assert line[head.index("C11 (GPa)")] == "105.0 (35) 2/3"
    assert line[head.index("C44 (GPa)")] == "61.50 (1.5) 2/3"
    assert line[head.index("failed")] == "33%"
    (said,) = (said for said in section.sentences if "unstable crystals" in said)
    assert "count as failures and have no error: elastic of 1 of 3 models" in said
    head, line = table(section, "Failures of properties").lines
    assert line == [
        "elastic", "b", "scratch", "10", "1/1", "3/3", "C44 = -3 GPa, the crystal is unstable"
    ]  # fmt: skip


def test_without_failures_there_is_no_table_of_them():
    section = section_of([elastic(100.0, c44=60.0)])
    assert not any(each.title == "Failures of properties" for each in section.tables)
    assert not any("unstable crystals" in said for said in section.sentences)


def test_an_error_of_exactly_zero_counts_in_the_mean():
    found = [elastic(140.0), elastic(120.0, seed=1)]
    assert "130.0 (10)" in table(section_of(found), "Elastic").lines[2]


def test_arms_stand_below_each_other_by_number_of_structures():
    found = [
        elastic(100.0, strategy, 0, size)
        for strategy, size in (("zero-shot", 0), ("finetune", 1), ("scratch", 10), ("scratch", 1),
                               ("finetune", 10))
    ]  # fmt: skip
    lines = table(section_of(found), "Elastic").lines[2:]
    assert [f"{line[1]} {line[2]}" for line in lines] == [
        "scratch 1", "finetune 1", "scratch 10", "finetune 10", "zero-shot 0",
    ]  # fmt: skip


def test_errors_are_compared_with_scratch_over_the_pairs_of_both():
    found = [
        *(lattice("scratch", seed, 5.7 - 0.4, 4.0) for seed in range(5)),
        *(lattice("finetune", seed, 5.7 + 0.1 * (1 + 0.1 * seed), 4.0) for seed in range(4)),
        lattice("finetune", 4, None, 4.0),
    ]
    head, row = table(section_of(found), "Errors of properties relative").lines
    assert head == ["error of", "backbone", "N", "finetune / scratch"]
    # The geometric mean of 0.1 to 0.13 over 0.4, of the four pairs that both have.
    ratio = (1.0 * 1.1 * 1.2 * 1.3) ** 0.25 / 4
    assert row[:3] == ["lattice a diamond", "b", "10"]
    assert row[3].startswith(f"{ratio:.2f} [")


def test_a_larger_error_with_a_lower_force_error_is_marked_from_three_pairs_on():
    def of(n_pairs):
        arms = [*product(("scratch", "finetune"), range(n_pairs))]
        found = [elastic(130.0 if s == "scratch" else 90.0 + seed, s, seed) for s, seed in arms]
        forces = [100.0 + seed if s == "scratch" else 50.0 for s, seed in arms]
        section = section_of(found, forces)
        return [line[3] for line in table(section, "Elastic").lines[2:]], section.sentences

    cells, sentences = of(2)
    assert cells == ["130.0 (10)", "90.50 (50)"]
    assert not any("larger errors of properties" in said for said in sentences)
    cells, sentences = of(3)
    assert cells == ["130.0 (10)", "91.00 (49) †"]
    (said,) = (said for said in sentences if "larger errors of properties" in said)
    assert "Fewer than 5 pairs do not allow a claim" in said


def test_what_has_no_reference_is_not_ranked():
    found = [lattice("scratch", 0, 5.5, 4.0, reference=None).model_copy(update={"origin": None})]
    section = section_of(found)
    assert "there is no reference, so nothing is ranked" in section.blocks[0].text
    (values,) = section.tables
    assert [line[1] for line in values.lines] == ["arm", "scratch"]
    assert values.lines[1][3] == "5.5000"


def test_a_run_without_properties_has_no_such_section():
    assert section_of([]) is None


def test_means_do_not_depend_on_the_order_of_pairs():
    found = [lattice("scratch", seed, 5.5 + 0.1 * seed, 4.0) for seed in range(3)]
    one, other = (table(section_of(some), "Lattice") for some in (found, found[::-1]))
    assert one.lines == other.lines
    assert one.lines[2][3].startswith("5.6000 (")


def test_tables_fit_a_terminal_of_80_columns():
    surfaces = [{"surface": plane, "ions": "relaxed"} for plane in ("100", "110", "111")]
    energies = {"scratch": 1.2345, "zero-shot": 0.1234}
    arms = [*product(("scratch", "zero-shot"), range(3))]
    found = [
        property_of(
            "surface",
            [("surface_energy", each, energies[strategy], 2.3456) for each in surfaces],
            backbone="dimenetpp", strategy=strategy, size=40, subset_seed=seed, init_seed=seed,
            job=f"{strategy}{seed}",
        )
        for strategy, seed in arms
    ]  # fmt: skip
    section = section_of(found, [100.0 if strategy == "scratch" else 50.0 for strategy, _ in arms])
    lines = table(section, "Energies of low-index").lines
    assert lines[3] == ["dimenetpp", "zero-shot", "40", *3 * ["0.123 (2.2) †"], "0%"]
    assert fits(lines, 80, words=(0, 1))


def test_models_of_smaller_budgets_are_in_the_file_alone():
    found = [elastic(100.0, updates=400), elastic(50.0, updates=100)]
    section = section_of(found)
    (line,) = table(section, "Elastic").lines[2:]
    assert line[3] == "100.0 (40)"
    assert properties_csv(found).count("\n") == 3


def test_the_file_of_all_values_is_named_in_text_and_linked_on_the_page():
    section = section_of([elastic(100.0)])
    assert section.blocks[0].file == "properties.csv"
    assert re.search(r"all models are in properties\.csv\.", next(t for t in section_text(section)
                                                                   if "csv" in t))  # fmt: skip


def dimer(model, y):
    curve = Curve(
        name="dimer", condition={"pair": "Ge-Ge"}, x_label="distance (Å)", y_label="energy (eV)",
        x=[1.0, 2.0], y=y,
    )  # fmt: skip
    return PropertyCurves(property="elastic", target="Ge", model=model, curves=[curve])


def test_each_kind_of_curve_is_a_figure_of_all_models_over_the_reference():
    found = [elastic(100.0), elastic(90.0, "finetune")]
    curves = [dimer(None, [5.0, -2.0]), *(dimer(each.model, [4.0, -1.0]) for each in found)]
    section = section_of(found, curves=curves)
    (figure,) = (each for each in section.figures if each.name == "curves-dimer")
    (draw,) = figure.cases.values()
    assert [trace.name for trace in draw().data] == ["scratch", "finetune", "reference"]


@pytest.mark.parametrize("size", [0, 10])
def test_figures_need_no_reference_and_no_target_data(size):
    found = [elastic(100.0, "zero-shot", 0, size, reference=None, origin=None)]
    section = section_of(found, curves=[dimer(found[0].model, [4.0, -1.0])])
    (figure,) = section.figures
    (draw,) = figure.cases.values()
    assert [trace.name for trace in draw().data] == ["zero-shot"]
