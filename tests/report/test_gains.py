"""Error, stability and cost of all starts of one target, beside each other."""

import pytest
from analyses import analysis_of, cost, record_of

from tlbench.report.sections.gains import gains

MD = {"md_temperature_k": 900.0}


def lines_of(section):
    return [
        dict(zip(table.lines[0], line, strict=True))
        for table in section.tables
        for line in table.lines[1:]
    ]


def two_sources():
    """Return records and costs: a cheap network from Si, and a dear potential that is better."""
    records, paid = [], []

    def add(name, strategy, source, backbone, error, seconds, call, **where):
        for seed in range(2):
            model = f"{name}{seed}"
            at = {"source": source, "backbone": backbone, "subset_seed": seed, "init_seed": seed}
            records.append(record_of(strategy, error, model=model, **{**at, **where}))
            if not any(each.trained == model for each in paid):
                paid.append(cost(model=model, cpu_seconds=seconds, force_call_seconds=call))

    add("s", "scratch", "Si", "fast", 200.0, 100.0, 0.01)
    # The same models are compared with either source.
    add("s", "scratch", "SevenNet-0", "fast", 200.0, 100.0, 0.01)
    add("f", "finetune", "Si", "fast", 150.0, 110.0, 0.01)
    add("p", "finetune", "SevenNet-0", "dear", 80.0, 900.0, 0.2)
    add("q", "scratch", "SevenNet-0", "dear", 300.0, 900.0, 0.2)
    return records, paid


def test_starts_of_all_sources_share_a_figure_and_a_front():
    records, paid = two_sources()
    (section,) = gains(analysis_of(records, costs=paid))
    training, inference = section.figures
    ((case, draw),) = training.cases.items()
    assert case == "all sources → Ge, “Some CPU, 2 cores”"
    points = draw.args[1][10]
    assert {(p.start, p.place.backbone): (p.cost, p.error) for p in points} == {
        ("scratch", "fast"): (pytest.approx(100), pytest.approx(200)),
        ("Si, finetune", "fast"): (pytest.approx(110), pytest.approx(150)),
        ("SevenNet-0, finetune", "dear"): (pytest.approx(900), pytest.approx(80)),
        ("scratch", "dear"): (pytest.approx(900), pytest.approx(300)),
    }
    assert len(points) == 4
    names = {trace.name for trace in draw().data if trace.name}
    assert names == {
        "fast, scratch", "fast, Si, finetune", "dear, SevenNet-0, finetune", "dear, scratch",
    }  # fmt: skip
    ((_, by_call),) = inference.cases.items()
    costs = sorted({round(p.cost, 6) for p in by_call.args[1][10]})
    assert costs == [10, 200]


def test_a_table_has_error_times_and_what_nothing_beats():
    records, paid = two_sources()
    (section,) = gains(analysis_of(records, costs=paid))
    found = {(each["backbone"], each["arm"]): each for each in lines_of(section)}
    assert len(found) == len(lines_of(section)) == 4
    assert found["fast", "Si, finetune"] == {
        "backbone": "fast", "arm": "Si, finetune", "N": "10", "force_mae": "150.0",
        "force call (ms)": "10", "training (s)": "110", "best for its": "training and force call",
    }  # fmt: skip
    best = {start: each["best for its"] for start, each in found.items()}
    assert best == {
        # Of the same cost per force call, the fine-tuned one is better.
        ("fast", "scratch"): "training",
        ("fast", "Si, finetune"): "training and force call",
        ("dear", "SevenNet-0, finetune"): "training and force call",
        ("dear", "scratch"): "–",
    }


def test_stability_stands_beside_where_it_was_simulated():
    records, paid = two_sources()
    records += [
        record_of(
            "finetune", value, metric="stability_rate", unit="", condition=MD, source="Si",
            backbone="fast", subset_seed=seed, init_seed=seed, model=f"f{seed}",
        )
        for seed, value in enumerate((0.6, 1.0))
    ]  # fmt: skip
    (section,) = gains(analysis_of(records, costs=paid))
    stable = {each["arm"]: each["stability"] for each in lines_of(section)}
    assert stable["Si, finetune"] == "0.8"
    assert stable["SevenNet-0, finetune"] == "–"


def test_one_source_has_arms_as_before_and_zero_shot_once():
    records = [
        *(record_of(model="a", size=n, value=100.0 / n) for n in (1, 10)),
        record_of("zero-shot", size=0, subset_seed=None, model="z", value=300.0),
    ]
    paid = [cost(model="a"), cost(model="z", cpu_seconds=1.0)]
    (section,) = gains(analysis_of(records, costs=paid))
    assert [(each["arm"], each["N"]) for each in lines_of(section)] == [
        ("scratch", "1"), ("zero-shot", "0"), ("scratch", "10")
    ]  # fmt: skip
    assert list(section.figures[0].cases) == ["Si → Ge, “Some CPU, 2 cores”"]


@pytest.mark.parametrize("seeds", [[None], [0, 1, 2]])
def test_a_potential_as_it_is_has_its_cost_once(seeds):
    records, paid = two_sources()
    for seed in seeds:
        where = {"source": "SevenNet-0", "backbone": "dear", "size": 0, "subset_seed": None}
        model = f"z{seed}"
        records.append(record_of("zero-shot", 130.0, model=model, init_seed=seed, **where))
        paid.append(cost(model=model, cpu_seconds=1.0, force_call_seconds=0.2))
    (section,) = gains(analysis_of(records, costs=paid))
    found = {(line["arm"], line["backbone"]): line for line in lines_of(section)}
    line = found["SevenNet-0, zero-shot", "dear"]
    assert (line["N"], line["force_mae"], line["training (s)"]) == ("0", "130.0", "1")


def test_the_stability_of_what_is_not_trained_stands_beside_it_at_any_size():
    at = {"source": "Si", "backbone": "fast", "size": 0, "subset_seed": None, "model": "z0"}
    records, paid = two_sources()
    paid.append(cost(model="z0", cpu_seconds=1.0, force_call_seconds=0.01))
    simulated = {
        "metric": "stability_rate", "unit": "", "condition": MD, "backbone": "fast",
        "source": "Si", "size": 40, "subset_seed": 0, "init_seed": 0,
    }  # fmt: skip
    records += [
        record_of("zero-shot", 300.0, **at),
        # Of the trained ones, only those of another size were simulated.
        record_of("zero-shot", 0.7, **{**simulated, **at}),
        record_of("finetune", 0.9, model="f40", **simulated),
    ]
    (section,) = gains(analysis_of(records, costs=paid))
    stable = {each["arm"]: each["stability"] for each in lines_of(section)}
    assert stable["Si, zero-shot"] == "0.7"
