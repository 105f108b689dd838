"""Results as tables of pandas."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tlbench import InputError, load_results
from tlbench.results.records import read_records

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
