"""Costs of models: tables, totals, and which points are on the front."""

import pytest
from analyses import analysis_of, cost, record_of

from tlbench.base.errors import InputError
from tlbench.report.figures import cost_fronts
from tlbench.report.sections.costs import (
    cost_tables,
    costs,
    costs_by_device,
    seconds_of,
    training_seconds,
)
from tlbench.report.sections.gains import Point, gains, pareto
from tlbench.results.costs import COSTS_FORMAT
from tlbench.study.model_key import Place


def record(strategy="scratch", seed=0, value=100.0, model="m", **changes):
    return record_of(strategy, value, subset_seed=seed, model=model, **changes)


def points_of(records, paid):
    """Return (title, case) → the points of every size."""
    figures = [f for section in gains(analysis_of(records, costs=paid)) for f in section.figures]
    return {(f.title, case): draw.args[1] for f in figures for case, draw in f.cases.items()}


def point(paid, error):
    return Point(Place("b", "s", 1), paid, error, "s")


def test_the_front_is_what_nothing_beats_in_both():
    cheap, good, beaten, equal = point(1, 9), point(5, 2), point(6, 3), point(5, 4)
    assert pareto([beaten, good, equal, cheap]) == [cheap, good]
    assert pareto([good, point(5, 2)]) == [good]
    assert pareto([]) == []


def test_transfer_pays_for_its_source_model():
    transferred = cost(pretraining_cpu_seconds=50.0, pretraining_wall_seconds=70.0)
    assert training_seconds(transferred) == 250
    assert training_seconds(transferred.model_copy(update={"device": "NVIDIA H1"})) == 370
    paid = cost(model="transferred", pretraining_cpu_seconds=50.0)
    records = [record(), record("finetune", model="transferred"), record("pretrain")]
    (table,) = (each.lines for each in cost_tables(records, [cost(), paid]))
    assert [dict(zip(table[0], line, strict=True)) for line in table[1:]] == [
        {
            "backbone": "b", "arm": arm, "N": "10", "parameters": "123,456",
            "force call (ms)": "50", "updates": "1,000", "updates / s": "5",
            "training (s)": "200", "pretraining (s)": source, "memory (MiB)": "400",
        }
        for arm, source in (("scratch", "–"), ("finetune", "50"))
    ]  # fmt: skip


def test_arms_trained_at_one_temperature_have_a_row_for_each():
    models = ["cold", "hot", "all", "source"]
    records = [
        record(model="cold", train_temperature_k=300.0),
        record(model="hot", train_temperature_k=1200.0),
        record(model="all"),
        record("zero-shot", model="source", size=0),
    ]
    paid = [cost(model=name, cpu_seconds=10.0 * n) for n, name in enumerate(models, start=1)]
    (table,) = cost_tables(records, paid)
    header, *lines = table.lines
    places = [header.index(name) for name in ("arm", "N", "trained at (K)", "training (s)")]
    assert [[line[n] for n in places] for line in lines] == [
        ["zero-shot", "0", "–", "40"],
        ["scratch", "10", "all", "30"],
        ["scratch", "10", "300", "10"],
        ["scratch", "10", "1200", "20"],
    ]


def test_devices_are_not_compared_with_each_other():
    other = cost(model="other", device="Another CPU", force_call_seconds=0.01)
    records = [record(), record("finetune", model="other")]
    found = points_of(records, [cost(), other])
    assert [case for title, case in found] == [
        "Si → Ge, “Another CPU”",
        "Si → Ge, “Some CPU, 2 cores”",
    ] * 2
    assert all(len(points[10]) == 1 for points in found.values())


@pytest.mark.parametrize(
    ("device", "seconds"),
    [
        ("AMD EPYC, 2 cores", 10.0),
        ("NVIDIA H200", 50.0),
        ("Tesla V100-SXM2-16GB", 50.0),
        ("AMD Instinct MI300X", 50.0),
    ],
)
def test_times_are_those_of_the_clock_on_an_accelerator(device, seconds):
    each = cost(device=device, cpu_seconds=10.0, wall_seconds=50.0)
    assert seconds_of(each)[0] == seconds


def test_points_are_means_over_pairs_and_zero_shot_stands_everywhere():
    paid = [
        cost(),
        cost(model="a", cpu_seconds=100.0),
        cost(model="b", cpu_seconds=400.0),
        cost(model="z", cpu_seconds=2.0, pretraining_cpu_seconds=98.0),
    ]
    records = [
        record(seed=0, value=50.0, model="a"),
        record(seed=1, value=200.0, model="b"),
        record(seed=0, size=40, value=40.0),
        record("zero-shot", seed=None, size=0, value=300.0, model="z"),
        record(value=1e9, condition={"temperature_k": 300.0}),
    ]
    training, inference = points_of(records, paid).values()
    by_arm = {p.place.strategy: p for p in training[10]}
    assert by_arm["scratch"].error == pytest.approx(100)
    assert by_arm["scratch"].cost == pytest.approx(200)
    assert by_arm["zero-shot"].cost == pytest.approx(100)
    assert [p.place.strategy for p in training[40]] == ["scratch", "zero-shot"]
    assert [p.cost for p in inference[10]] == pytest.approx([50.0, 50.0])


def test_records_without_costs_have_no_table():
    old = record(model=None)
    assert costs_by_device([old], [cost()]) == {}
    assert list(costs(analysis_of([old], costs=[cost()]))) == []
    assert list(gains(analysis_of([old], costs=[cost()]))) == []


def test_costs_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "costs.jsonl"
    paid = [cost(), cost(model="n", updates_per_second=None)]
    COSTS_FORMAT.write_lines(path, paid)
    assert COSTS_FORMAT.read_lines(path) == paid
    path.write_text(path.read_text().replace("updates_per", "updats_per"))
    with pytest.raises(InputError, match=r"costs.jsonl:\d: is not a cost"):
        COSTS_FORMAT.read_lines(path)


WIDTH = 7.7
"""Of a character in the title of an axis, in pixels, as a browser draws it."""


@pytest.mark.parametrize("axis", ["s", "pretraining and training (s)", "a" * 60])
def test_titles_of_neighbouring_axes_do_not_touch(axis):
    points = {
        size: [Point(Place("schnet", "scratch", size), 2.0, 100.0, "scratch")]
        for size in (1, 10, 40)
    }
    figure = cost_fronts(points, axis, "force_mae (meV/Å)", "meV/Å", ["scratch"])
    layout = figure.layout
    assert [layout[f"xaxis{n}"].title.text for n in ("", 2, 3)] == [axis] * 3
    assert layout.meta["min_width"] - layout.margin.l - layout.margin.r >= 3 * WIDTH * len(axis)
