"""Errors by properties of test structures, as tables; structures without forces are left out."""

import one_budget
import pytest
from analyses import analysis_of, record_of

from tlbench.report.html import write_report
from tlbench.report.markdown import markdown
from tlbench.report.sections.conditions import condition_tables, conditions
from tlbench.results.results import Results
from tlbench.study.study import resolve


def breakdowns(records, metric):
    return condition_tables(analysis_of(records, metric), metric)


FORCES = {"AIMD": 100.0, "Elastic": 3e-5, "Vacancy": 50.0}
ENERGIES = {"AIMD": 20.0, "Elastic": 1.5, "Vacancy": 8.0}
UNITS = {"force_mae": "meV/Å", "force_rmse": "meV/Å", "energy_mae": "meV/atom"}


def record(strategy, seed, value, metric="force_mae", size=10, **condition):
    return record_of(
        strategy, value, target="Li", size=size, subset_seed=seed, init_seed=seed, metric=metric,
        unit=UNITS[metric], condition=condition, job=f"{strategy}{seed}{size}",
    )  # fmt: skip


def grouped():
    """Return records of two arms, of which the second has half the error of the first."""
    return [
        record(strategy, seed, factor * value, metric, group=group)
        for metric, values in (("force_mae", FORCES), ("energy_mae", ENERGIES))
        for strategy, factor in (("scratch", 1.0), ("finetune", 0.5))
        for seed in (0, 1)
        for group, value in values.items()
    ]


RECORDS = [
    *grouped(),
    *(record(s, n, 80.0, temperature_k=300.0) for s in ("scratch", "finetune") for n in (0, 1)),
    *(record(s, n, 90.0, m) for m in UNITS for s in ("scratch", "finetune") for n in (0, 1)),
]


def test_every_property_has_a_table_with_ratios():
    of_group, of_temperature = breakdowns(RECORDS, "force_mae")
    assert of_group.title == "force_mae by kind of structure"
    assert of_group.lines == [
        ["backbone", "N", "tested on", "scratch", "finetune", "finetune / scratch"],
        ["b", "10", "AIMD", "100.0", "50.0", "0.50 (2 pairs)"],
        ["b", "10", "Vacancy", "50.0", "25.0", "0.50 (2 pairs)"],
    ]
    assert of_temperature.lines[1] == ["b", "10", "300", "80.0", "80.0", "1.00 (2 pairs)"]


def test_structures_whose_forces_vanish_by_symmetry_are_named_apart():
    of_group, _ = breakdowns(RECORDS, "force_mae")
    assert "vanish by symmetry" in of_group.note
    assert of_group.note.endswith("Li, Elastic.")
    # Their energies say something.
    (energies,) = breakdowns(RECORDS, "energy_mae")
    assert ["b", "10", "Elastic", "1.5", "0.8", "0.50 (2 pairs)"] in energies.lines
    assert energies.note == ""


def test_the_axis_of_forces_does_not_reach_down_to_rounding():
    (section,) = conditions(analysis_of(RECORDS))
    (draw,) = next(f for f in section.figures if f.name == "by-kind").cases.values()
    figure = draw()
    assert all(list(trace.x) == ["AIMD", "Vacancy"] for trace in figure.data)
    low, high = figure.layout.yaxis.range
    assert high - low < 1.5


def test_small_errors_of_some_models_alone_are_no_symmetry():
    records = [record("scratch", 0, 2.0, group="G"), record("finetune", 0, 3e-5, group="G")]
    (found,) = breakdowns(records, "force_mae")
    assert found.note == ""
    assert found.lines[1][2] == "G"


def test_larger_errors_are_flagged_and_the_sign_is_explained():
    records = [record("scratch", 0, 1.0, group="G"), record("finetune", 0, 2.0, group="G")]
    (found,) = breakdowns(records, "force_mae")
    assert found.lines[1][-1] == "2.00 (1 pair) △"
    assert "△: larger error than from scratch" in found.note
    assert "arms without target data are not marked" in found.note


def test_an_arm_without_target_data_is_not_flagged():
    records = [record("scratch", 0, 1.0, group="G"), record("finetune", 0, 2.0, group="G")]
    level = record("zero-shot", 0, 14.0, group="G")
    level = level.model_copy(update={"model": level.model.replace(size=0)})
    (found,) = breakdowns([*records, level], "force_mae")
    assert "14.00 (1 pair)" in found.lines[1]
    assert "2.00 (1 pair) △" in found.lines[1]


def test_several_transfers_stand_below_each_other():
    other = [r.model_copy(update={"model": r.model.replace(target="Ge")}) for r in RECORDS]
    of_group, _ = breakdowns([*RECORDS, *other], "force_mae")
    assert [line[0] for line in of_group.lines] == ["transfer", *["Si → Li"] * 2, *["Si → Ge"] * 2]


def test_models_of_one_training_temperature_have_matrices_instead():
    at = [
        r.model_copy(update={"model": r.model.replace(train_temperature_k=300.0)}) for r in RECORDS
    ]
    assert breakdowns(at, "force_mae") == []


def by_element():
    """Return records of two elements, two compositions, and of each element in each."""
    values, formulas = {"Mo": 80.0, "W": 40.0}, ("Mo3W", "MoW3")
    conditions = [
        *(({"element": e}, v) for e, v in values.items()),
        *(({"composition": c}, 60.0) for c in formulas),
        *(({"composition": c, "element": e}, v) for c in formulas for e, v in values.items()),
    ]
    return [
        record(strategy, 0, factor * value, **condition)
        for strategy, factor in (("scratch", 1.0), ("finetune", 0.5))
        for condition, value in conditions
    ]


def test_elements_and_compositions_have_tables_and_figures():
    tables = breakdowns(by_element(), "force_mae")
    assert [table.title for table in tables] == [
        "force_mae by composition",
        "force_mae by element of the atoms",
        "force_mae by composition and element of the atoms",
    ]
    tested = [[line[2] for line in table.lines[1:]] for table in tables]
    assert tested == [
        ["Mo3W", "MoW3"],
        ["Mo", "W"],
        ["Mo3W Mo", "Mo3W W", "MoW3 Mo", "MoW3 W"],
    ]
    assert tables[1].lines[2][3:] == ["40.0", "20.0", "0.50 (1 pair)"]
    (section,) = conditions(analysis_of(by_element()))
    drawn = {figure.name for figure in section.figures if figure.cases}
    assert drawn == {"by-composition", "by-element"}


@pytest.mark.parametrize("metric", ["force_mae", "energy_mae"])
def test_page_and_markdown_have_the_tables_of_forces_and_energies(tmp_path, metric):
    suite = one_budget.smoke().model_copy(update={"metrics": list(UNITS)})
    row = next(line for line in breakdowns(RECORDS, metric)[0].lines if "AIMD" in line)
    write_report(tmp_path / "r.html", resolve(suite), {}, Results(RECORDS), [])
    page = (tmp_path / "r.html").read_text().replace('<td class="text">', "<td>")
    assert f"<caption>{metric} by kind of structure</caption>" in page
    assert "".join(f"<td>{cell}</td>" for cell in row[1:]) in page
    text = markdown(Results(RECORDS), list(UNITS), suite)
    assert f"| {' | '.join(row)} |" in text
    assert text.count("by kind of structure:") == 2
