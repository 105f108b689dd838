"""What can be recomputed of costs, and floors below which nothing is."""

import re
import shutil
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import pytest
from forging import copied, edit_lines, seal, write
from synthetic import publish

from tlbench.board.reading import read_submission
from tlbench.board.verification import costs, parameters, verify
from tlbench.board.verification.models import expected, models_of
from tlbench.board.verification.parameters import count_parameters
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve


def problems(folder):
    return "\n".join(verify(folder, folder.parents[1]).problems)


def edit_trained(folder, budget=100, **changes):
    """Change the first cost of a model that was trained on the target."""

    def change(rows):
        next(r for r in rows if r["updates"] == budget).update(changes)

    edit_lines(folder, "costs", change)


def scaled(row, factor):
    for name in ("wall_seconds", "cpu_seconds"):
        row[name] *= factor


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wall_seconds": 0.0, "cpu_seconds": 0.0}, "100 updates cannot be done in 0 wall seconds"),
        ({"wall_seconds": 1e-6}, "100 updates cannot be done in 1e-06 wall seconds"),
        ({"wall_seconds": 1.0}, "its seconds are not those of the training job"),
        ({"cpu_seconds": 1.0}, "its seconds are not those of the training job"),
        ({"updates_per_second": 1e9}, "no machine does 1e.09 updates in a second"),
        ({"updates_per_second": 0.01}, "100 updates at 0.01 a second take longer than"),
        ({"updates": 1}, "it is of 1 updates, but the suite has 100"),
        ({"force_call_seconds": 0.0}, "no machine does a force call in 0 s"),
        ({"force_call_seconds": 0.1}, "takes different times for different models"),
        ({"peak_memory_mib": 0}, "no process with PyTorch fits into 0 MiB"),
        ({"n_parameters": 10**12}, "1,000,000,000,000 parameters do not fit into"),
        ({"n_parameters": 0}, "a network has parameters"),
        (
            {"n_parameters": 1},
            r"is said to have 1 or .* parameters, but built here it has 1",
        ),
        ({"device": "a faster one"}, "its device is another than that of the training job"),
        ({"threads": 64}, "its device is another than that of the training job"),
        ({"pretraining_wall_seconds": 1.0}, "without a source model, which cannot have cost"),
    ],
)
def test_a_cost_that_cannot_be_is_refused(changes, reason, tmp_path):
    folder = copied(tmp_path)
    edit_trained(folder, **changes)
    assert re.search(reason, problems(folder)), problems(folder)


@pytest.fixture(scope="module")
def published_now(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("results"), "mine")


@pytest.fixture
def new(published_now, tmp_path):
    """Return a submission that states its code, as all do that are added now."""
    folder = tmp_path / published_now.parent.name / published_now.name
    shutil.copytree(published_now, folder)
    return folder


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"updates": 0, "updates_per_second": None}, "of 0 updates, but the suite has 120"),
        ({"updates": 30}, "of 30 updates, but the suite has 120"),
        ({"peak_memory_mib": None}, "how much memory the training took is missing"),
        ({"peak_memory_mib": 49}, "no process with PyTorch fits into 49 MiB"),
    ],
)
def test_only_older_versions_may_leave_a_part_of_a_cost_out(changes, reason, new):
    assert problems(new) == ""
    edit_trained(new, 120, **changes)
    assert reason in problems(new)


def test_a_training_that_was_resumed_cost_what_all_attempts_took(new):
    def resumed(rows):
        for row in rows:
            if row["kind"] == "train":
                # Half of it before, in which the processor was busy otherwise.
                row["seconds_before"] = [0.5 * row["wall_seconds"], 0.25 * row["cpu_seconds"]]
                row["wall_seconds"], row["cpu_seconds"] = (
                    row["wall_seconds"] * 0.5,
                    row["cpu_seconds"] * 0.75,
                )

    edit_lines(new, "provenance", resumed)
    assert problems(new) == ""
    edit_trained(new, 120, wall_seconds=1e4, cpu_seconds=1e4)
    assert "its seconds are not those of all attempts at the training" in problems(new)


def test_pretraining_takes_time_although_the_source_models_are_left_out(tmp_path):
    sources = [w for w in expected(resolve(load_suite("quick"))) if w.model.strategy == "pretrain"]
    folder = publish(tmp_path, "mine", without=sources)
    assert "updates of pretraining cannot be done in 0 cpu seconds" in problems(folder)
    needs = {r.trained for r in read_submission(folder).results.records if _is_finetuned(r)}
    for seconds, said in ((1e-4, "cannot be done in 0.0001 cpu seconds"), (100.0, "")):

        def change(rows, seconds=seconds):
            for row in rows:
                if row["model"] in needs:
                    row["pretraining_wall_seconds"] = row["pretraining_cpu_seconds"] = seconds

        edit_lines(folder, "costs", change)
        assert said in problems(folder)
    assert problems(folder) == ""


def _is_finetuned(record):
    return record.model.strategy in ("finetune", "zero-shot")


def test_an_accelerator_counts_the_memory_of_tensors_alone(new):
    device = "NVIDIA H100 80GB HBM3"
    edit_lines(new, "costs", lambda rows: [r | {"device": device} for r in rows])
    edit_lines(new, "costs", lambda rows: [r | {"peak_memory_mib": 12} for r in rows])
    edit_lines(new, "provenance", lambda rows: [r | {"device_name": device} for r in rows])
    assert problems(new) == ""


def test_no_cost_may_be_missing(new, tmp_path):
    edit_lines(new, "costs", lambda rows: rows[1:])
    assert "its cost is missing" in problems(new)
    write(new / "costs.jsonl.gz", "")
    seal(new)
    assert "its cost is missing" in problems(new)
    # As long as submissions did not state their code, it was not asked for.
    old = copied(tmp_path / "old")
    write(old / "costs.jsonl.gz", "")
    seal(old)
    assert problems(old) == ""


def test_what_a_model_cost_is_unknown_if_its_source_was_trained_elsewhere(new):
    pretrained, finetuned = {}, {}
    for record in read_submission(new).results.records:
        known = {"pretrain": pretrained, "finetune": finetuned}.get(record.model.strategy, {})
        known[record.trained] = (record.model.backbone, record.model.init_seed)
    moved, whose = next(iter(pretrained.items()))
    without = {model for model, of in finetuned.items() if of == whose}
    assert without

    def move(rows):
        for row in rows:
            if row.get("model", row.get("job")) == moved:
                row["device" if "model" in row else "device_name"] = "Another, 4 cores"

    edit_lines(new, "provenance", move)
    edit_lines(new, "costs", move)
    edit_lines(new, "costs", lambda rows: [r for r in rows if r["model"] not in without])
    assert problems(new) == ""


def test_one_parameter_at_zero_cost_is_refused(tmp_path):
    folder = copied(tmp_path)

    def nothing(rows):
        for r in rows:
            r.update(n_parameters=1, wall_seconds=0.0, cpu_seconds=0.0, peak_memory_mib=1)
            r.update(updates_per_second=None, force_call_seconds=None)
            if r["pretraining_wall_seconds"] is not None:
                r.update(pretraining_wall_seconds=0.0, pretraining_cpu_seconds=0.0)

    def at_once(rows):
        for r in rows:
            r.update(wall_seconds=0.0, cpu_seconds=0.0)

    edit_lines(folder, "costs", nothing)
    edit_lines(folder, "provenance", at_once)
    assert "updates cannot be done in 0 wall seconds" in problems(folder)
    # Where the times are those of a real run, the parameter is still counted.
    folder = copied(tmp_path / "other")
    edit_lines(folder, "costs", lambda rows: [r.update(n_parameters=1) for r in rows] and None)
    assert "dimenetpp is said to have 1 parameters, but built here it has 123,318." in (
        problems(folder)
    )


def test_pretraining_costs_what_the_source_model_did(tmp_path):
    folder = copied(tmp_path)

    def change(rows):
        next(r for r in rows if r["pretraining_cpu_seconds"])["pretraining_cpu_seconds"] = 1.0

    edit_lines(folder, "costs", change)
    assert "seconds of pretraining are not those of its source model" in problems(folder)


def test_a_cost_is_given_once(tmp_path):
    folder = copied(tmp_path)
    edit_lines(folder, "costs", lambda rows: [*rows, rows[0]])
    assert "The cost of a model is given twice" in problems(folder)


def test_a_cost_of_an_interrupted_training_is_larger_than_its_last_attempt(tmp_path):
    folder = copied(tmp_path)

    def change(rows):
        mine = next(r for r in rows if r["updates"] == 100)
        scaled(mine, 1.25)

    edit_lines(folder, "costs", change)
    assert problems(folder) == ""
    edit_lines(folder, "costs", lambda rows: scaled(rows[-1], 1000))
    assert "its seconds are not those of the training job" in problems(folder)


HOSTILE = {"cutoff": 5.0, "n_blocks": 10**5}


def test_a_hostile_network_does_not_keep_others_from_being_counted():
    filters = {"cutoff": 5.0, "n_filters": 61}
    networks = {"dimenetpp": HOSTILE, "schnet": filters, "mace": {"cutoff": 5.0}}
    found = count_parameters(networks, seconds=1)
    assert found["dimenetpp"] is None
    assert found["schnet"] > 100_000
    assert ("mace" in found) == (find_spec("mace") is not None)


def test_only_what_could_be_counted_is_remembered(monkeypatch):
    answers = iter([{"schnet": None}, {"schnet": 7}])
    monkeypatch.setattr(parameters, "_KNOWN", {})
    monkeypatch.setattr(parameters, "_count_elsewhere", lambda *_: next(answers))
    counts = [count_parameters({"schnet": {"cutoff": 5.0}})["schnet"] for _ in range(3)]
    assert counts == [None, 7, 7]


def test_a_network_that_cannot_be_built_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "SECONDS", 1)
    count = partial(count_parameters, seconds=1)
    monkeypatch.setattr(costs, "count_parameters", count)
    entry = read_submission(copied(tmp_path))
    hostile = entry.suite.backbones | {"dimenetpp": {"n_blocks": 10**5}}
    suite = entry.suite.model_copy(update={"backbones": hostile})
    changed = replace(entry, study=replace(entry.study, suite=suite))
    said, _ = costs.check_parameters(changed, models_of(entry))
    assert said == [
        "The network of dimenetpp cannot be built within 1 s and 640 MiB, so its number of "
        "parameters is unknown; make it smaller."
    ]


def test_counting_is_bounded_whatever_there_is_to_count(monkeypatch):
    monkeypatch.setattr(parameters, "ALL_SECONDS", 1)
    assert count_parameters({"dimenetpp": HOSTILE}) == {"dimenetpp": None}
