"""Runs and baseline files as they are read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.regression.numbers import (
    baseline_text,
    make_baseline,
    read_baseline,
    read_numbers,
    read_run,
)
from tlbench.regression.origins import differences, same_bits
from tlbench.regression.pairing import pair_up
from tlbench.results.records import RECORDS_FORMAT, Record

RECORD = Record(
    suite="s", suite_version=2, suite_digest="d", source="Si", source_part="crystal", target="Ge",
    backbone="b", strategy="finetune", size=10, subset_seed=0, init_seed=1,
    train_temperature_k=1200.0, metric="force_mae", unit="meV/Å", value=0.1 + 0.2,
    condition={"temperature_k": 600.0, "phase": "liquid"}, job="k",
)  # fmt: skip
JOB = {
    "device": "cpu", "device_name": "A, 2 cores", "threads": 1, "kernels": "cc 12",
    "python": "3.11.7", "packages": {"torch": "2.13.0"}, "git_commit": "c", "git_dirty": False,
    "wall_seconds": 1.0, "label": "anything",
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the folder of a run."""

    def make(name="run", records=(RECORD,), jobs=(JOB,), ending=""):
        folder = tmp_path / name
        folder.mkdir()
        RECORDS_FORMAT.write_lines(folder / f"records.jsonl{ending}", records)
        if jobs:
            lines = "".join(f"{json.dumps(job)}\n" for job in jobs)
            write_whole(folder / f"provenance.jsonl{ending}", lines)
        return folder

    return make


@pytest.fixture
def baseline(write, tmp_path):
    """Return the file of a baseline."""
    path = tmp_path / "baseline.json"
    path.write_text(baseline_text(make_baseline(write("before"))))
    return path


def changed(**values):
    return Record(**{**RECORD.model_dump(), **values})


def test_a_baseline_holds_numbers_to_the_last_bit_and_where_they_come_from(write, baseline):
    run, kept = read_run(write()), read_baseline(baseline)
    assert kept.table.equals(run.table)
    (row,) = kept.table.to_dict("records")
    assert (row["subset_seed"], row["init_seed"], row["value"]) == (0, 1, 0.1 + 0.2)
    assert row["condition"] == (("phase", "liquid"), ("temperature_k", 600.0))
    assert row["models"] == "b, finetune, N 10, Si (crystal) → Ge, trained at 1200 K"
    assert (kept.suite, kept.version, kept.digest) == ("s", 2, "d")
    assert kept.origins == run.origins
    assert kept.origins[0].packages == {"torch": "2.13.0"}
    assert kept.origins[0].git_commit == "c"


def test_a_baseline_of_a_suite_of_one_budget_is_still_read():
    kept = read_baseline(Path(__file__).parents[1] / "base" / "formats" / "baseline-1.json")
    assert (kept.suite, kept.version) == ("smoke", 1)
    assert set(kept.table["updates"]) == {None}
    assert not any("update" in models for models in kept.table["models"])
    # No number without a budget belongs to one with a budget.
    table = kept.table.assign(updates=20).astype({"updates": object})
    with pytest.raises(InputError, match="share no numbers"):
        pair_up(kept, replace(kept, table=table))
    assert len(pair_up(kept, kept).shared) == len(kept.table)


def test_a_record_of_a_baseline_stands_on_a_line_of_its_own(write):
    text = baseline_text(make_baseline(write(records=[RECORD, changed(init_seed=2)])))
    assert sum('"value"' in line for line in text.splitlines()) == 2


def test_compressed_runs_are_read_too(write):
    plain, packed = read_run(write("plain")), read_run(write("packed", ending=".gz"))
    assert packed.table.equals(plain.table)
    assert packed.origins == plain.origins


def test_a_run_or_a_baseline_will_do_where_either_may_stand(write, baseline):
    assert read_numbers(baseline).table.equals(read_numbers(write()).table)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"format": 1', '"format": 2', "format"),
        ('"value": 0.30000000000000004', '"value": NaN', "records.0.value|Invalid JSON"),
        ('"value": 0.3', '"values": 0.3', "records.0"),
        ('"source": "Si", ', "", "records.0.source"),
        ('"suite": "s",', '"suite": "s", "more": 1,', "more"),
        ("]\n}", "]", "is not valid JSON"),
    ],
)
def test_a_damaged_baseline_is_named(baseline, old, new, complaint):
    text = baseline.read_text()
    assert old in text
    baseline.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"baseline\.json.*{complaint}"):
        read_baseline(baseline)


def test_two_numbers_for_one_place_and_pair_are_refused(write):
    with pytest.raises(InputError, match=r"two numbers for b, finetune, N 10.*seeds 0/1"):
        read_run(write(records=[RECORD, changed(value=1.0)]))
    hostile = changed(backbone="\x1b[31m\n")
    with pytest.raises(InputError) as error:
        read_run(write("hostile", records=[hostile, hostile]))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("records", "complaint"),
    [([], "holds no records"), ([RECORD, changed(suite="t")], "records of several suites")],
)
def test_a_run_that_is_none_is_refused(write, records, complaint):
    with pytest.raises(InputError, match=complaint):
        read_run(write(records=records))


@pytest.mark.parametrize("other", [{"suite": "t"}, {"suite_version": 3}])
def test_other_suites_and_versions_cannot_be_compared(write, other):
    first, second = read_run(write("a")), read_run(write("b", records=[changed(**other)]))
    with pytest.raises(InputError, match="only runs of one suite and version"):
        pair_up(first, second)


@pytest.mark.parametrize(
    "other",
    [
        {"source": "Li"}, {"source_part": None}, {"target": "Mo"}, {"backbone": "c"},
        {"strategy": "scratch"}, {"size": 11}, {"subset_seed": None}, {"init_seed": 0},
        {"train_temperature_k": None}, {"metric": "force_rmse"}, {"condition": {}},
    ],
)  # fmt: skip
def test_numbers_are_paired_by_everything_that_tells_them_apart(write, other):
    here, there = changed(**other, value=5.0), changed(strategy="head-only")
    first = read_run(write("a", records=[RECORD, there]))
    second = read_run(write("b", records=[here, there, changed(strategy="mixed")]))
    pairing = pair_up(first, second)
    assert len(pairing.shared) == 1
    assert len(pairing.only_first) == 1
    assert len(pairing.only_second) == 2
    with pytest.raises(InputError, match="share no numbers"):
        pair_up(first, read_run(write("c", records=[here])))


def test_other_settings_are_said(write):
    first, second = (read_run(write(d, records=[changed(suite_digest=d)])) for d in ("aa", "bb"))
    (remark,) = pair_up(first, second).remarks()
    assert "aa and bb" in remark
    assert not pair_up(first, first).remarks()


@pytest.mark.parametrize(
    ("jobs", "same"),
    [
        ([JOB], True),
        ([{**JOB, "git_commit": "other", "python": "3.12.1"}], True),
        ([{**JOB, "threads": 2}], False),
        ([{**JOB, "device_name": "B"}], False),
        ([{**JOB, "kernels": None}], False),
        ([{**JOB, "packages": {"torch": "2.14.0"}}], False),
        ([JOB, {**JOB, "threads": 2}], False),
        ([], False),
    ],
)
def test_the_same_bits_are_expected_of_the_same_machine_and_packages(write, jobs, same):
    ours, theirs = read_run(write("a")).origins, read_run(write("b", jobs=jobs)).origins
    assert same_bits(ours, theirs) is same
    assert bool(differences(ours, theirs)) is not same


def test_accelerators_and_the_unknown_promise_no_bits(write):
    for name, device in (("a", "cuda"), ("b", None)):
        origins = read_run(write(name, jobs=[{**JOB, "device": device}])).origins
        assert not same_bits(origins, origins)
