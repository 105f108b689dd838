"""Costs of models: tables, totals, and which points are on the front."""

import pytest

from tlbench.records import Cost, Record
from tlbench.report.costs import (
    Point,
    costs_by_device,
    costs_table,
    fronts,
    pareto,
    training_seconds,
)
from tlbench.report.summary import Place


def cost(**changes):
    fields = {
        "device": "Some CPU, 2 cores", "threads": 1, "n_parameters": 123456, "updates": 1000,
        "updates_per_second": 5.0, "wall_seconds": 300.0, "cpu_seconds": 200.0,
        "pretraining_wall_seconds": None, "pretraining_cpu_seconds": None, "peak_memory_mib": 400,
        "force_call_seconds": 0.05,
    }  # fmt: skip
    return Cost(**{**fields, **changes})


def record(strategy="scratch", seed=0, value=100.0, paid=None, **changes):
    fields = {
        "suite": "s", "suite_version": 1, "suite_digest": "d", "source": "Si", "target": "Ge",
        "backbone": "b", "strategy": strategy, "size": 10, "subset_seed": seed, "init_seed": 0,
        "metric": "force_mae", "unit": "meV/Å", "value": value, "condition": {}, "job": "k",
        "cost": paid or cost(),
    }  # fmt: skip
    return Record(**{**fields, **changes})


def point(paid, error):
    return Point(Place("b", "s", 1), paid, error)


def test_the_front_is_what_nothing_beats_in_both():
    cheap, good, beaten, equal = point(1, 9), point(5, 2), point(6, 3), point(5, 4)
    assert pareto([beaten, good, equal, cheap]) == [cheap, good]
    assert pareto([good, point(5, 2)]) == [good]
    assert pareto([]) == []


def test_transfer_pays_for_its_source_model():
    transferred = cost(pretraining_cpu_seconds=50.0, pretraining_wall_seconds=70.0)
    assert training_seconds(transferred) == 250
    assert training_seconds(transferred.model_copy(update={"device": "NVIDIA H1"})) == 370
    paid = cost(pretraining_cpu_seconds=50.0)
    found = costs_by_device([record(), record("finetune", paid=paid), record("pretrain")])
    (table,) = [costs_table(costs, ["scratch", "finetune"]) for costs in found.values()]
    assert [dict(zip(table[0], line, strict=True)) for line in table[1:]] == [
        {
            "backbone": "b", "arm": arm, "N": "10", "parameters": "123,456",
            "force call (ms)": "50", "updates": "1,000", "updates / s": "5",
            "training (s)": "200", "pretraining (s)": source, "memory (MiB)": "400",
        }
        for arm, source in (("scratch", "–"), ("finetune", "50"))
    ]  # fmt: skip


def test_devices_are_not_compared_with_each_other():
    other = cost(device="Another CPU", force_call_seconds=0.01)
    records = [record(), record("finetune", paid=other)]
    found = [(device, points) for _, _, device, points in fronts(records, "force_mae")]
    assert [device for device, _ in found] == ["Another CPU"] * 2 + ["Some CPU, 2 cores"] * 2
    assert all(len(points[10]) == 1 for _, points in found)


def test_points_are_means_over_pairs_and_zero_shot_stands_everywhere():
    paid = cost(cpu_seconds=2.0, pretraining_cpu_seconds=98.0)
    records = [
        record(seed=0, value=50.0, paid=cost(cpu_seconds=100.0)),
        record(seed=1, value=200.0, paid=cost(cpu_seconds=400.0)),
        record(seed=0, size=40, value=40.0),
        record("zero-shot", seed=None, size=0, value=300.0, paid=paid),
        record(value=1e9, condition={"temperature_k": 300.0}),
    ]
    (title, axis, _, training), (_, _, _, inference) = fronts(records, "force_mae")
    assert (title, axis) == ("Error against training cost", "pretraining and training (s)")
    by_arm = {p.place.strategy: p for p in training[10]}
    assert by_arm["scratch"].error == pytest.approx(100)
    assert by_arm["scratch"].cost == pytest.approx(200)
    assert by_arm["zero-shot"].cost == pytest.approx(100)
    assert [p.place.strategy for p in training[40]] == ["scratch", "zero-shot"]
    assert [p.cost for p in inference[10]] == pytest.approx([50.0, 50.0])


def test_records_without_costs_have_no_table():
    old = record().model_copy(update={"cost": None})
    assert costs_by_device([old]) == {}
    assert list(fronts([old], "force_mae")) == []
