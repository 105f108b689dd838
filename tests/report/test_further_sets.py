"""Errors on other data in a report, beside scratch."""

import numpy as np
from analyses import analysis_of, record_of

from tlbench.metrics import METRICS
from tlbench.report.rows import rows_of
from tlbench.report.sections.errors import without_energies
from tlbench.report.sections.further_sets import further_sets
from tlbench.results.frame_errors import ModelErrors

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
