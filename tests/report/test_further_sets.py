"""Errors on other data in a report, beside scratch."""

from pathlib import Path

import numpy as np
from analyses import analysis_of, record_of

from tlbench.cli.tables import fits
from tlbench.metrics import METRICS
from tlbench.report.analysis import Analysis
from tlbench.report.rows import rows_of
from tlbench.report.sections.errors import without_energies
from tlbench.report.sections.further_sets import all_sets, further_sets
from tlbench.results.frame_errors import ModelErrors
from tlbench.results.results import Results
from tlbench.study.loading import load_suite

ON_SI = {"data": "si"}


def errors_of(job, data, energy=None, n_frames=1):
    sums = {"force_abs": [3.0] * n_frames, "force_square": [3.0] * n_frames}
    return ModelErrors(job=job * 64, data=data * 64, energy=energy, **sums)


def tuned_of(value, seed, **changes):
    where = {"subset_seed": seed, "init_seed": seed, "job": "b" * 64, "condition": ON_SI}
    return record_of(changes.pop("strategy", "finetune"), value, **{**where, **changes})


def test_errors_on_other_data_stand_beside_those_from_scratch():
    records = [
        *(tuned_of(value, seed) for seed, value in enumerate((40.0, 45.0))),
        *(tuned_of(80.0, seed, strategy="scratch") for seed in range(2)),
        # Of the target; it is in no table here.
        *(tuned_of(1.0, seed, condition={}) for seed in range(2)),
    ]
    (section,) = further_sets(analysis_of(records))
    (table,) = section.tables
    assert table.title == "force_mae (meV/Å) on si"
    _, cells = (dict(zip(table.lines[0], line, strict=True)) for line in table.lines[1:])
    # The root of 0.5 times 0.5625.
    assert cells["/ scratch"] == "0.53 (2 pairs)"


def test_there_is_no_section_without_further_sets():
    assert list(further_sets(analysis_of([record_of(), record_of("finetune")]))) == []


def test_models_without_energies_are_counted():
    records = [
        record_of("scratch", job="a" * 64), record_of("finetune", job="b" * 64),
        record_of("zero-shot", job="c" * 64, size=0, subset_seed=None),
        record_of("finetune", job="f" * 64, condition=ON_SI),
    ]  # fmt: skip
    measured = [
        errors_of("a", "d", [0.1, None], 2), errors_of("b", "d", [0.1, 0.2], 2),
        errors_of("c", "d", None, 2), errors_of("f", "e", None, 2),
    ]  # fmt: skip
    analysis = analysis_of(records, "force_mae", "energy_mae", errors=measured)
    said = {
        metric: list(without_energies(analysis, METRICS.get(metric)))
        for metric in ("force_mae", "energy_mae")
    }
    assert said["force_mae"] == []
    (sentence,) = said["energy_mae"]
    assert sentence.startswith("For 1 of 2 trained models, energies of some test structures are")


def test_intervals_allow_for_the_structures_of_a_whole_further_set():
    keys = [("b" * 64, "force_mae"), ("c" * 64, "force_mae")]
    shares = dict.fromkeys(keys, np.ones(6))
    records = [
        tuned_of(40.0, 0), tuned_of(45.0, 1, job="c" * 64),
        tuned_of(41.0, 0, condition=ON_SI | {"phase": "liquid"}),
    ]  # fmt: skip
    whole, part = rows_of(records, shares)
    assert whole.shares.keys() == {(0, 0), (1, 1)}
    assert part.shares == {}


PUBLISHED = Path(__file__).parents[2] / "leaderboard/results"


def test_all_test_sets_stand_beside_each_other_in_80_columns():
    folder = PUBLISHED / "zero-shot-cpu/2026-11-29-two-cores"
    analysis = Analysis(Results.read(folder), load_suite("zero-shot-cpu"), ("force_mae",))
    table = all_sets(analysis)
    assert table.title == "force_mae (meV/Å) on every test set"
    header, *lines = table.lines
    assert header == ["start", "Ge", "mlearn-li", "mlearn-mo", "mlearn-si"]
    assert ["SevenNet-0, zero-shot", "134.2", "54.1", "382.9", "131.1"] in lines
    assert len(lines) == 3
    assert fits(table.lines, 80)


def test_coordinates_that_differ_have_columns():
    records = [
        record_of("finetune", 50.0, size=size, backbone=backbone, condition=condition)
        for size in (1, 10) for backbone in ("b", "c") for condition in ({}, ON_SI)
    ]  # fmt: skip
    records.append(record_of("scratch", 90.0))
    header, *lines = all_sets(analysis_of(records)).lines
    assert header == ["start", "backbone", "N", "Ge", "si"]
    assert ["Si, finetune", "c", "10", "50.0", "50.0"] in lines
    assert ["scratch", "b", "10", "90.0", "–"] in lines
    # Of one backbone, it has no column.
    of_one = [r for r in records if r.model.backbone == "b"]
    assert all_sets(analysis_of(of_one)).lines[0] == ["start", "N", "Ge", "si"]
    assert len(lines) == 5
    assert all_sets(analysis_of([record_of()])) is None
