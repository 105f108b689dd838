"""The speed of two source trees, measured in turn."""

import shutil
import subprocess
import sys
from pathlib import Path

import interleaved
import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]


def times(seconds):
    return [{"step": value} for value in seconds]


def test_ratio_and_bounds_are_quotients_of_processes():
    (row,) = interleaved.rows_of(times([1.0, 1.1, 2.0]), times([1.5, 1.54, 1.6]))
    # Sorted: 0.75 0.77 0.8 1.36 1.4 1.45 1.5 1.54 1.6.
    assert row.ratio == pytest.approx(1.4)
    assert (row.low, row.high) == (0.75, 1.6)
    assert (row.base, row.head) == (1.1, 1.54)


@pytest.mark.parametrize("rounds", [3, 5, 8])
@pytest.mark.parametrize("level", [0.05, 0.0125])
def test_bounds_are_those_of_the_test_of_mann_and_whitney(rounds, level):
    rank = interleaved.rank_of_bound(rounds, level)

    def chance(below):
        # Values of the second sample that are below ``below`` pairs in all.
        first = np.arange(rounds, dtype=float)
        second = np.full(rounds, 100.0) + np.arange(rounds)
        second[: below // rounds] -= 200
        if below % rounds:
            second[below // rounds] = first[rounds - below % rounds] - 0.5
        return stats.mannwhitneyu(second, first, alternative="greater", method="exact").pvalue

    if rank:
        assert chance(rank - 1) <= level
    assert chance(rank) > level


@pytest.mark.parametrize(
    ("head", "slower"),
    [
        ([1.5, 1.52, 1.48], True),
        ([1.2, 1.21, 1.19], False),
        ([1.0, 4.0, 4.0], False),
        ([0.5, 0.5, 0.5], False),
    ],
    ids=["slower", "within the margin", "within the noise", "faster"],
)
def test_slower_is_what_is_beyond_margin_and_noise(head, slower):
    (row,) = interleaved.rows_of(times([1.0, 1.0, 1.0]), times(head))
    assert row.slower(1.25) is slower
    text = interleaved.summary([row], 1.25, 3)
    assert ("Slower: step." in text) is slower


def test_more_benchmarks_need_more_rounds():
    many = [{str(n): 1.0 for n in range(4)}]
    with pytest.raises(interleaved.UnmeasuredError, match="4 rounds tell nothing of 4 steps"):
        interleaved.rows_of(many * 4, many * 4)
    assert len(interleaved.rows_of(many * 5, many * 5)) == 4


def test_false_alarms_are_as_rare_as_stated():
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(1000):
        noise = np.exp(0.1 * generator.standard_t(2, (2, 6, 4)))
        base, head = ([dict(enumerate(each)) for each in tree] for tree in noise)
        alarms += any(row.low > 1 for row in interleaved.rows_of(base, head))
    # At most 5 %, and 66 or more have a chance of 1 % then.
    assert 0 < alarms < 66


def test_trees_take_turns(monkeypatch):
    called = []
    monkeypatch.setattr(interleaved, "measure", lambda tree, select: called.append(tree) or tree)
    found = interleaved.in_turn("base", "head", 3)
    assert called == ["base", "head", "head", "base", "base", "head"]
    assert found == (["base"] * 3, ["head"] * 3)


def test_a_tree_beside_itself_is_measured_twice(monkeypatch):
    numbers = iter(range(4))
    monkeypatch.setattr(interleaved, "measure", lambda tree, select: next(numbers))
    assert interleaved.in_turn("tree", "tree", 2) == ([0, 3], [1, 2])


def test_only_what_both_have_is_compared():
    base, head = [{"a": 1.0, "b": 1.0}] * 3, [{"b": 1.0, "c": 1.0}] * 3
    assert [row.name for row in interleaved.rows_of(base, head)] == ["b"]
    with pytest.raises(interleaved.UnmeasuredError, match="no benchmark in common"):
        interleaved.rows_of(base, times([1.0, 1.0]))


def race(base, head, *options):
    """Run the script on the cheapest step."""
    command = [
        sys.executable, ROOT / "benchmarks" / "interleaved.py", base, head,
        "--select", "md_step", *options,
    ]  # fmt: skip
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=500, cwd=ROOT
    )


@pytest.fixture(scope="module")
def slowed(tmp_path_factory):
    """Return a copy of the sources in which a step of dynamics takes up to four times as long.

    Neighbours of a virtual machine can make one of its processes take twice the CPU time.
    """
    tree = tmp_path_factory.mktemp("slowed")
    for part in ("tlbench", "benchmarks"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / "tests").mkdir()
    code = tree / "tlbench" / "md" / "simulation.py"
    step = "            self._state = self._dynamics.step(self._running(), self._batch.forces)\n"
    assert code.read_text().count(step) == 1
    before = "            began = time.process_time()\n"
    after = (
        "            ended = time.process_time()\n"
        "            while time.process_time() < ended + 3 * (ended - began):\n"
        "                pass\n"
    )
    code.write_text(code.read_text().replace(step, before + step + after))
    return tree


@pytest.mark.slow
@pytest.mark.alone
def test_a_step_that_became_slower_is_caught(slowed, tmp_path):
    done = race(ROOT, slowed, "--rounds", 3, "--markdown", tmp_path / "speed.md")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Slower: md_step." in done.stdout
    assert (tmp_path / "speed.md").read_text() == done.stdout


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.long
def test_a_tree_is_not_slower_than_itself():
    done = race(ROOT, ROOT, "--rounds", 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No step is slower." in done.stdout


def test_the_script_succeeds_if_no_step_is_slower(monkeypatch, capsys):
    seconds = iter([1.0, 1.2, 1.1, 1.1, 1.2, 1.0])
    monkeypatch.setattr(interleaved, "measure", lambda tree, select: {"md_step": next(seconds)})
    monkeypatch.setattr("sys.argv", ["interleaved.py", str(ROOT), str(ROOT), "--rounds", "3"])
    assert interleaved.main() == 0
    assert "No step is slower." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none", "none"], "none: there is no benchmarks/test_quick.py"),
        ([".", ".", "--rounds", "2"], "with fewer than three"),
        ([".", ".", "--margin", "0.9"], "a ratio from 1 on"),
    ],
)
def test_misuse_is_said(arguments, complaint):
    done = race(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
