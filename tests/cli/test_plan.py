"""``tlbench plan`` and ``tlbench run --dry-run``."""

import io
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from tlbench.cli import main
from tlbench.cli.plan_table import kinds_table, levels
from tlbench.engine.store.plans import plan_files, read_plan, write_plan
from tlbench.engine.store.store import Store
from tlbench.jobs.sources import own_sources
from tlbench.run import run_suite
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


@pytest.fixture
def shown(capsys, monkeypatch, tmp_path):
    """Run the command line in this process and return what it prints."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr("sys.argv", ["tlbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code in (0, None)
        return capsys.readouterr().out

    return run


@pytest.fixture
def begun(smoke, tmp_path) -> Path:
    """Return a store that has all but the last ten jobs of the suite ``smoke``."""
    store = tmp_path / "begun"
    smoke.copy_store(store)
    for key in list(plan(resolve(load_suite("smoke"))).jobs)[-10:]:
        shutil.rmtree(store / key)
    return store


def rows(text: str) -> list[list[str]]:
    """Return the cells of the lines that are about a job."""
    lines = [[c.strip() for c in line.split("  ") if c.strip()] for line in text.splitlines()]
    return [line for line in lines if line and line[0].isdigit()]


CHANGED = (
    "The code of train and of the backbone schnet has changed since this suite was last planned "
    "with this store: 59 jobs are done again."
)


@pytest.fixture
def edited(monkeypatch):
    """Return what makes this process believe that its source is another."""

    def edit():
        for name in ("train", "backbone schnet"):
            assert own_sources()[name]
            monkeypatch.setitem(own_sources()._digests, name, "5" * 64)

    return edit


def words(text: str) -> str:
    return " ".join(text.split())


def test_code_that_has_changed_since_is_named(shown, edited, tmp_path):
    store = tmp_path / "store"
    assert "has changed" not in shown("plan", "smoke", "--save", "--store", store)
    edited()
    assert CHANGED in words(shown("plan", "smoke", "--store", store))
    assert CHANGED in words(shown("plan", "smoke", "--save", "--store", store))
    assert "has changed" not in shown("plan", "smoke", "--save", "--store", store)
    assert "of other code" in shown_after_the_edit_is_undone(shown, store)


def shown_after_the_edit_is_undone(shown, store):
    own_sources.cache_clear()
    return words(shown("store", "ls", "--store", store))


def test_a_run_says_which_code_has_changed_before_it_does_anything(edited, tmp_path):
    store = tmp_path / "store"
    suite = load_suite("smoke")
    write_plan(Store(store), "smoke", plan(resolve(suite)).jobs)
    edited()
    told = []

    def stop(change):
        told.append(change.sentence())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, tmp_path / "out", store, on_code_change=stop)
    assert told == [CHANGED]
    assert Store(store).finished() == Store(store).begun() == set()


def test_jobs_are_shown_with_their_parents_and_their_level(shown, tmp_path):
    text = shown("plan", "smoke", "--store", tmp_path / "none")
    jobs = plan(resolve(load_suite("smoke"))).jobs
    found = rows(text)
    assert [row[0] for row in found] == [str(n + 1) for n in range(len(jobs))]
    keys = list(jobs)
    for row, (key, job) in zip(found, jobs.items(), strict=True):
        assert key[:12] in row
        assert row[3] == job.label
        if job.parents:
            assert {keys[int(n) - 1] for n in row[4].split(", ")} == set(job.parents.values())
            assert int(row[1]) == 1 + max(int(found[int(n) - 1][1]) for n in row[4].split(", "))
        else:
            assert row[1] == "0"
    assert f"{len(jobs)} jobs, {len(jobs)} to do" in text
    assert "takes" not in text
    assert not (tmp_path / "none").exists()
    # Each job is one line, however long.
    long = rows(shown("plan", "quick", "--store", tmp_path / "none", "--all"))
    assert len(long) == len(plan(resolve(load_suite("quick"))).jobs)
    assert all(len(row[-2]) == 12 for row in long)


def test_what_is_left_is_estimated_from_what_is_done(shown, begun):
    text = shown("plan", "smoke", "--store", begun, "--estimate", "--device", "cpu")
    assert "62 jobs, 10 to do" in text
    # Nothing is known of models that are not trained: both are still to do.
    assert sum(row[-1].startswith("jobs alike (") for row in rows(text)) == 8
    assert sum(row[-2:] == ["?", "nothing"] for row in rows(text)) == 2
    assert "At least " in text
    assert ": 2 of 10 jobs (train) are like none that was measured, so what they will" in text
    assert "run a part with tlbench run … --shard 1/2, and ask again." in text
    assert "Estimate of what is to do" not in text
    assert "CPU hours" in text
    assert "GPU" not in text
    assert "It rests on 52 jobs measured on" in text
    assert "of the 10 to do, on jobs alike 8, 100% of the time" in text


def test_a_store_without_costs_says_so(shown, tmp_path):
    for store in (tmp_path / "none", tmp_path / "empty"):
        if store.name == "empty":
            Store(store)
        text = shown("plan", "smoke", "--store", store, "--estimate", "--device", "cpu")
        assert "There are no measured costs of such jobs on" in text
        assert {row[-1] for row in rows(text)} == {"to do"}
        assert "hours" not in text


def test_costs_of_another_machine_are_named_and_not_used(shown, begun):
    for path in begun.glob("*/provenance.json"):
        found = json.loads(path.read_text())
        path.write_text(json.dumps({**found, "device_name": "Another processor"}))
    text = shown("plan", "quick", "--store", begun, "--estimate", "--device", "cpu")
    assert "There are no measured costs of such jobs" in text
    assert "Another processor: 52" in text


def test_nothing_to_do_costs_nothing(shown, smoke):
    text = shown("plan", "smoke", "--store", smoke.store, "--estimate", "--device", "cpu")
    assert "62 jobs, 0 to do" in text
    assert "it costs nothing" in text


def test_columns_in_which_there_is_nothing_take_no_room(shown, smoke, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    estimated = shown("plan", "smoke", "--store", smoke.store, "--estimate")
    assert "takes" not in estimated.splitlines()[0]
    assert "rests on" not in estimated.splitlines()[0]
    plain = shown("plan", "smoke", "--store", smoke.store)
    count = len(plan(resolve(load_suite("smoke"))).jobs)
    assert estimated.splitlines()[: count + 1] == plain.splitlines()[: count + 1]


def test_a_kind_of_which_no_cost_is_known_does_not_take_0_seconds():
    jobs = plan(resolve(load_suite("smoke"))).jobs
    of_data = {key: 60.0 for key, job in jobs.items() if job.kind == "dataset"}
    found = SimpleNamespace(predictions=dict.fromkeys(jobs), seconds=lambda: of_data)
    out = Console(width=100, file=io.StringIO())
    out.print(kinds_table(jobs, [], found, out.width))
    takes = {row[0]: row[5] for row in map(str.split, out.file.getvalue().splitlines()[1:])}
    assert takes["dataset"] == "2"
    assert takes["speed"] == "?"


def test_unknown_costs_have_no_columns(shown, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    text = shown("run", "smoke", "--dry-run", "--store", tmp_path / "none", "--device", "cpu")
    assert text.splitlines()[0].split() == ["#", "level", "kind", "job", "after", "key", "state"]
    assert any("pretrain dimenetpp on Si" in line for line in text.splitlines())
    assert "what this will cost is unknown" in " ".join(text.split())


def test_keys_are_those_that_are_left_level_by_level(shown, begun):
    lines = shown("plan", "smoke", "--store", begun, "--keys").splitlines()
    jobs = plan(resolve(load_suite("smoke"))).jobs
    assert {line.split()[1] for line in lines} == set(list(jobs)[-10:])
    found = [int(line.split()[0]) for line in lines]
    assert found == sorted(found)
    every = shown("plan", "smoke", "--store", begun.parent / "none", "--keys").splitlines()
    level = {key: int(number) for number, key in (line.split() for line in every)}
    assert level == levels(jobs)
    assert all(level[p] < level[k] for k, job in jobs.items() for p in job.parents.values())


def test_a_damaged_job_is_to_be_done_again(shown, smoke, tmp_path):
    store = tmp_path / "store"
    smoke.copy_store(store)
    key = next(iter(plan(resolve(load_suite("smoke"))).jobs))
    (store / key / "result.json").write_text("{}")
    assert shown("plan", "smoke", "--store", store, "--keys") == f"0 {key}\n"
    assert "damaged" in shown("plan", "smoke", "--store", store)


def test_a_saved_plan_can_be_read(shown, tmp_path):
    store = tmp_path / "store"
    text = shown("plan", "smoke", "--store", store, "--save", "--backbone", "schnet")
    (path,) = plan_files(Store(store, read_only=True))
    assert str(path) in text
    assert read_plan(path) == plan(resolve(load_suite("smoke", backbones=["schnet"]))).jobs
    # For scripts: nothing but keys.
    keys = shown("plan", "smoke", "--store", store, "--save", "--keys")
    assert {len(line.split()) for line in keys.splitlines()} == {2}
    assert len(plan_files(Store(store, read_only=True))) == 2


def test_many_jobs_are_counted_by_kind_unless_all_are_wanted(shown, tmp_path):
    jobs = plan(resolve(load_suite("si-ge-sw"))).jobs
    text = shown("plan", "si-ge-sw", "--store", tmp_path / "none")
    assert len(text.splitlines()) < 15
    counts = {line.split()[0]: line.split() for line in text.splitlines()}
    trained = str(sum(job.kind == "train" for job in jobs.values()))
    assert counts["train"][-3:] == [trained, "0", trained]
    assert len(rows(shown("plan", "si-ge-sw", "--store", tmp_path / "none", "--all"))) == len(jobs)


def test_a_dry_run_shows_costs_and_touches_nothing(shown, begun):
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in begun.rglob("*")}
    text = shown("run", "smoke", "--dry-run", "--store", begun, "--device", "cpu", "--workers", 3)
    assert "CPU hours" in text
    assert "with 3 workers" in text
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in begun.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["smoek"], "smoke"),
        (["smoke", "--device", "tpu"], "Unknown device 'tpu'"),
        (["smoke", "--set", "sizes"], "KEY=VALUE"),
    ],
)
def test_mistakes_are_refused(refused, arguments, complaint):
    assert complaint in refused("plan", *arguments)


@pytest.mark.alone
def test_estimating_needs_no_torch_and_no_time(begun):
    code = (
        "import sys\n"
        "from tlbench.cli import app\n"
        f"sys.argv = ['tlbench', 'plan', 'smoke', '--store', {str(begun)!r}, '--estimate', "
        "'--device', 'cpu']\n"
        "app(standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    times = []
    for _ in range(4):
        started = time.perf_counter()
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        times.append(time.perf_counter() - started)
        assert ended.returncode == 0, ended.stderr
    assert min(times) < 1.0
