"""Temperature matrices, against numbers worked out by hand, and their heat maps."""

import pytest
from analyses import analysis_of, record_of

from tlbench.report.heatmaps import error_maps, ratio_maps
from tlbench.report.html import write_report
from tlbench.report.sections import temperature
from tlbench.report.sections.temperature import matrix_tables, temperature_findings
from tlbench.results.results import Results
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve


def matrices(records, metric):
    return temperature.matrices(analysis_of(records), metric)


COLD, HOT = (300.0, "crystal"), (1089.0, "liquid")
PHASE = {300.0: "crystal", 1089.0: "liquid"}


def record(strategy, train, test, seed, value, target="Ge"):
    condition = {"temperature_k": test, "phase": PHASE.get(test, "crystal")}
    drawn = {"size": 0, "subset_seed": None} if train is None else {"size": 8, "subset_seed": seed}
    return record_of(
        strategy, value, target=target, train_temperature_k=train, condition=condition, **drawn
    )


RECORDS = [
    *[record("scratch", 300.0, 300.0, seed, v) for seed, v in enumerate([10.0, 40.0])],
    *[record("scratch", 300.0, 1089.0, seed, v) for seed, v in enumerate([100.0, 100.0])],
    *[record("scratch", 1089.0, 300.0, seed, v) for seed, v in enumerate([50.0, 50.0])],
    *[record("finetune", 300.0, 300.0, seed, v) for seed, v in enumerate([10.0, 10.0])],
    *[record("finetune", 300.0, 1089.0, seed, v) for seed, v in enumerate([200.0, 200.0])],
    record("zero-shot", None, 300.0, 0, 30.0),
    record("pretrain", None, 843.0, 0, 1.0, target="Si"),
]


def test_rows_are_training_and_columns_test_temperatures():
    (matrix,) = matrices(RECORDS, "force_mae")
    assert matrix.train_k == [300.0, 1089.0]
    assert matrix.tests == [COLD, HOT]
    assert matrix.errors["scratch"] == pytest.approx(
        {(300.0, COLD): 20.0, (300.0, HOT): 100.0, (1089.0, COLD): 50.0}
    )
    assert matrix.errors["zero-shot"] == pytest.approx({(None, COLD): 30.0})
    found = {key: ratio.value for key, ratio in matrix.ratios["finetune"].items()}
    assert found == pytest.approx({(300.0, COLD): 0.5, (300.0, HOT): 2.0})
    assert matrix.ratios["zero-shot"][1089.0, COLD].value == pytest.approx(0.6)


def test_every_test_temperature_carries_its_phase():
    (matrix,) = matrices(RECORDS, "force_mae")
    titles = dict(matrix_tables(matrix, "force_mae"))
    assert titles["scratch"][0] == ["trained at (K)", "300 crystal", "1089 liquid"]
    assert titles["scratch"][2] == ["1089", "50.0", "–"]
    assert titles["zero-shot"][1:] == [["no target data", "30.0", "–"]]
    assert titles["finetune / scratch"][1] == ["300", "0.50 (2 pairs)", "2.00 (2 pairs) △"]


def test_phases_of_one_temperature_have_a_column_each():
    melted = [
        r.model_copy(update={"condition": {"temperature_k": 300.0, "phase": "liquid"}})
        for r in RECORDS[:2]
    ]
    unknown = [r.model_copy(update={"condition": {"temperature_k": 300.0}}) for r in RECORDS[:2]]
    (matrix,) = matrices([*RECORDS, *melted, *unknown], "force_mae")
    assert matrix.tests == [COLD, (300.0, "liquid"), HOT]
    (matrix,) = matrices(unknown, "force_mae")
    assert matrix.tests == [(300.0, "")]


def test_the_range_of_ratios_is_given_and_cells_that_share_models_are_not_counted():
    (sentence,) = temperature_findings(analysis_of(RECORDS), "force_mae")
    assert sentence == (
        "b, finetune, N = 8: at this budget, its error is 0.50 (trained at 300 K, tested at 300 "
        "crystal; 2 pairs) to 2.00 (trained at 300 K, tested at 1089 liquid; 2 pairs) times "
        "that of scratch."
    )


def test_heat_maps_show_the_numbers_of_the_matrix():
    (matrix,) = matrices(RECORDS, "force_mae")
    scratch, finetune, zero_shot = error_maps(matrix, "meV/Å").data
    assert list(scratch.y) == ["no data", "300", "1089"]
    assert [list(line) for line in scratch.text] == [["", ""], ["20", "100"], ["50", ""]]
    assert [list(line) for line in zero_shot.text] == [["30", ""], ["", ""], ["", ""]]
    assert (scratch.zmin, scratch.zmax) == (finetune.zmin, finetune.zmax)
    ratios = ratio_maps(matrix).data[0]
    assert [list(line) for line in ratios.text] == [["0.50", "2.00"], ["", ""]]
    assert ratios.zmin == -ratios.zmax


def test_suites_without_training_temperatures_have_no_matrix():
    plain = [
        r.model_copy(update={"model": r.model.replace(train_temperature_k=None)}) for r in RECORDS
    ]
    assert matrices(plain, "force_mae") == []


def test_the_page_shows_them(tmp_path):
    overall = [r.model_copy(update={"condition": {}}) for r in RECORDS]
    suite = load_suite("temperature-sw")
    write_report(tmp_path / "report.html", resolve(suite), {}, Results([*RECORDS, *overall]), [])
    page = (tmp_path / "report.html").read_text()
    assert "From temperature to temperature" in page
    assert "b, N = 8, force_mae" in page
    assert "<td>0.50 (2 pairs)</td>" in page
    assert "1089 liquid" in page


def test_small_numbers_have_the_digits_of_their_metric():
    (matrix,) = matrices(RECORDS, "force_mae")
    small = {key: error / 1000 for key, error in matrix.errors["scratch"].items()}
    matrix.errors["scratch"] = small
    assert dict(matrix_tables(matrix, "stress_mae"))["scratch"][1] == ["300", "0.020", "0.100"]
    assert error_maps(matrix, "GPa").data[0].text[1][0] == "0.02"
