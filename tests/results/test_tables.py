"""Results as tables of pandas."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tlbench import InputError, load_results
from tlbench.results.records import read_records
from tlbench.results.results import Results

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results"


def test_a_record_is_a_line_with_a_column_for_each_coordinate(smoke):
    records = read_records(smoke.out / "records.jsonl")
    table = load_results(smoke.out).records.to_frame()
    assert len(table) == len(records)
    for column in ("backbone", "strategy", "size", "init_seed"):
        assert table[column].tolist() == [getattr(record.model, column) for record in records]
    assert table["value"].tolist() == [record.value for record in records]
    at = [record.condition.get("temperature_k") for record in records]
    assert table["condition_temperature_k"].equals(pd.Series(at, dtype=float))


def test_costs_are_joined_to_records_by_the_model(smoke):
    found = load_results(smoke.out)
    costs = found.costs.to_frame()
    joined = found.records.to_frame().merge(costs, on="model", suffixes=("", "_done"))
    updates = joined.groupby("strategy")["updates_done"].unique().map(list).to_dict()
    both = [10, 20]
    assert updates == {"pretrain": [60], "scratch": both, "finetune": both, "zero-shot": [0]}
    assert joined["updates"].fillna(0).equals(joined["updates_done"].astype(float))


def test_errors_on_every_test_structure_are_joined_to_records_by_the_job(smoke):
    found = load_results(smoke.out)
    (tests,) = (each for each in found.tests if each.element == "Ge")
    joined = found.records.to_frame().merge(found.errors.to_frame(), on="job")
    joined = joined[joined["condition_temperature_k"].isna() & (joined["metric"] == "force_mae")]
    assert len(joined[joined["target"] == "Ge"]) == 34
    for _, row in joined[joined["target"] == "Ge"].iterrows():
        mean = sum(row["force_abs"]) / (3 * sum(tests.n_atoms))
        assert 1000 * mean == pytest.approx(row["value"], rel=1e-6)


def test_published_runs_are_tables_too():
    (folder,) = (PUBLISHED / "structure-sw-cpu").iterdir()
    found = load_results(folder)
    assert set(found.simulations.to_frame()["backbone"]) == {"dimenetpp", "schnet"}
    assert {"a_data", "b_data"} <= set(found.distances.to_frame())
    assert len(found.profiles.to_frame()) == len(found.profiles) > 0
    assert {each.data for each in found.errors} == {each.data for each in found.tests}


def test_values_of_unstable_crystals_are_failures_in_tables_and_remain_in_files():
    """SchNet trained on 10 structures or more of DFT germanium has no stable crystal."""
    folder = PUBLISHED / "properties-dft-cpu" / "2026-11-29-two-cores"
    found = load_results(folder)
    table = found.records.to_frame().query("metric == 'property_failure_rate' and updates == 400")
    arm = table.query("backbone == 'schnet' and strategy == 'scratch' and size == 40")
    rates = arm.groupby("condition_property")["value"].mean()
    assert rates[["elastic", "surface", "vacancy"]].tolist() == [1, 1, 1]
    measured = Results.read(folder, with_errors=False)
    assert len(found.records) == len(measured.records)
    assert [each.value for each in measured.records] != [each.value for each in found.records]
    lines = found.properties.to_frame()
    line = lines[(lines["job"] == arm[arm["condition_property"] == "elastic"]["job"].iloc[1])]
    ((first, *_),) = line["values"]
    assert first["value"] is None
    assert first["unphysical"] == next(
        each.values[0].value for each in measured.properties if each.job == line["job"].item()
    )


def test_errors_of_unstable_crystals_are_not_among_the_records():
    folder = PUBLISHED / "properties-sw-cpu" / "2026-11-29-two-cores"
    table = load_results(folder).records.to_frame()
    errors = table.query("metric == 'elastic_constant_error' and updates == 400")
    of_c44 = errors[errors["condition_component"] == "C44"]
    counts = of_c44.groupby(["backbone", "strategy", "size"]).size()
    assert counts["schnet", "scratch", 10] == 3
    assert counts["schnet", "finetune", 10] == 5


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not the folder of a run"):
        load_results(tmp_path)


def test_reading_results_needs_no_pandas_until_a_table_is_wanted(smoke):
    code = (
        "import sys, tlbench\n"
        f"tlbench.load_results({str(smoke.out)!r})\n"
        "sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
