"""What can be recomputed of costs, and floors below which nothing is."""

import re

import pytest
from forging import copied, edit_lines

from tlbench.leaderboard.verification import verify
from tlbench.leaderboard.verification.parameters import count_parameters


def problems(folder):
    return "\n".join(verify(folder, folder.parents[1], summaries=False).problems)


def edit_trained(folder, **changes):
    """Change the first cost of a model that was trained on the target."""

    def change(rows):
        next(r for r in rows if r["updates"] == 100).update(changes)

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
        ({"peak_memory_mib": 0}, "parameters do not fit into 0 MiB"),
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
    # Where the time is told of a real run, the parameter is still counted.
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


def test_counting_a_hostile_network_ends():
    settings = {"cutoff": 5.0, "n_blocks": 10**6}
    networks = {"schnet": {"cutoff": 5.0, "n_filters": 63}, "dimenetpp": settings}
    found = count_parameters(networks, seconds=8)
    assert found.keys() == {"schnet"}
    assert found["schnet"] > 100_000
