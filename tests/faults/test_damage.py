"""Damaged bytes in each kind of file: noticed, named and mended, and nothing else is done again."""

import os
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from faulty import assert_kept, complete, done, end, events, finished, start

from tlbench.engine.store.plans import plan_files, read_plan
from tlbench.engine.store.store import Store
from tlbench.engine.work import worker
from tlbench.engine.work.worker import perform
from tlbench.jobs.base import Job
from tlbench.jobs.context import RESULT, Progress
from tlbench.training import loop

pytestmark = pytest.mark.slow


def flip(path: Path, unseen: bool = False) -> None:
    """Flip a bit in the middle; ``unseen``: leave the time of change as it was."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    if unseen:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def copy_of(store: Path, to: Path) -> Path:
    return Path(shutil.copytree(store, to))


def one_job_for_each(store: Path, names: list[str]) -> dict[str, str]:
    """Choose a job that has a file of each name, another for each while there are: name → key."""
    having = defaultdict(list)
    for path in sorted(store.glob("[0-9a-f]*/*")):
        having[path.name].append(path.parent.name)
    chosen: dict[str, str] = {}
    for name in sorted(names, key=lambda name: len(having[name])):
        free = [key for key in having[name] if key not in chosen.values()]
        if free:
            chosen[name] = free[0]
    return chosen


def run_and_mend(suite: Path, out: Path, store: Path, damaged: set[str]) -> None:
    """Run: what is damaged, and only that, is done again, and the run says so."""
    known = {key: job for key, job in finished(store).items() if key not in damaged}
    text = complete(suite, out, store)
    assert text.count("Damaged: ") == len(damaged)
    assert all(f"(job {key[:12]}); its folder was moved to .damaged" in text for key in damaged)
    assert_kept(known, finished(store))
    assert set(done(out)) == damaged
    assert set(done(out).values()) <= {1}
    assert {path.name[:64] for path in (store / ".damaged").iterdir()} == damaged


def test_a_flipped_bit_in_each_file_of_a_job_is_noticed_and_the_job_done_again(every, tmp_path):
    names = {path.name for path in every.store.glob("[0-9a-f]*/*")}
    assert {"manifest.json", "outcome.npz", "expected.npz", "potential.safetensors"} <= names
    while names:
        folder = tmp_path / str(len(names))
        store, out = copy_of(every.store, folder / "store"), folder / "out"
        chosen = one_job_for_each(store, sorted(names))
        for name, key in chosen.items():
            flip(store / key / name)
        run_and_mend(every.suite, out, store, set(chosen.values()))
        assert (out / "records.jsonl").read_bytes() == every.records
        names -= chosen.keys()


def test_cut_and_empty_files_and_results_that_look_well_are_noticed(small, tmp_path):
    store = copy_of(small.store, tmp_path / "store")
    damages = [cut, empty, flip, Path.unlink, lambda path: flip(path, unseen=True)]
    keys = sorted(finished(store))
    for key, damage in zip(keys, damages, strict=False):
        damage(store / key / "result.json")
    for key, damage in zip(keys[len(damages) :], damages[:-1], strict=False):
        damage(store / key / "manifest.json")
    (store / keys[-1] / "unexpected").touch()
    damaged = {*keys[: 2 * len(damages) - 1], keys[-1]}
    run_and_mend(small.suite, tmp_path / "out", store, damaged)
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == small.records


def test_unseen_damage_is_noticed_by_whoever_reads_the_file(small, tmp_path):
    store, out = copy_of(small.store, tmp_path / "store"), tmp_path / "out"
    plan = read_plan(plan_files(Store(store))[0])
    data = {key: job for key, job in plan.items() if job.kind == "dataset"}
    for key, job in plan.items():
        if job.kind in ("evaluate", "train"):
            shutil.rmtree(store / key)
    for key in data:
        flip(store / key / "train.npz", unseen=True)
    text = complete(small.suite, out, store)
    # Only what is read is found.
    assert text.count("Damaged: data set") == len(data)
    assert (out / "records.jsonl").read_bytes() == small.records
    for key in data:
        assert (store / key / "train.npz").read_bytes() == (
            small.store / key / "train.npz"
        ).read_bytes()


def test_files_around_the_jobs_are_mended_or_named(small, tmp_path):
    store = copy_of(small.store, tmp_path / "store")
    out = Path(shutil.copytree(small.out, tmp_path / "out"))
    known = finished(store)
    for path in [*store.glob(".plans/*"), *store.glob(".locks/*")]:
        path.write_bytes(b"\0\xff{")
    for path in out.iterdir():
        path.write_bytes(b"\0\xff{")
    (store / ".working" / sorted(known)[0]).mkdir()
    text = complete(small.suite, out, store)
    assert f"0 jobs run, {len(known)} already in the store" in text
    assert finished(store) == known
    assert (out / "records.jsonl").read_bytes() == small.records
    assert len(read_plan(plan_files(Store(store))[0])) == len(known)
    (out / "events.jsonl").write_bytes((out / "events.jsonl").read_bytes().partition(b"\n")[2])
    assert [event["event"] for event in events(out)] == ["run-started", "run-finished"]

    for damage in (empty, cut):
        damage(store / "store.json")
        run = start(small.suite, out, store)
        text = end(run)
        assert run.returncode == 2, text
        assert "store.json is damaged; write" in text
        assert len(text.splitlines()) == 1
    (store / "store.json").write_text('{"format": 1}')
    complete(small.suite, out, store)
    assert finished(store) == known


class Stop:
    """Interrupts a job once it has done some of its work."""

    def __call__(self, progress: Progress) -> None:
        if progress.total and progress.done >= progress.total // 2:
            raise KeyboardInterrupt


def interrupt(store: Store, job: Job) -> Path:
    """Leave a job half done, and return its checkpoint."""
    shutil.rmtree(store.folder(job.key))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "Reporter", lambda path: Stop())
        with pytest.raises(KeyboardInterrupt):
            perform(job, store, "cpu")
    folder = store.working_folder(job.key)
    (found,) = [*folder.rglob("*.checkpoint"), *folder.rglob("simulation.npz")]
    return found


def test_damaged_checkpoints_are_not_used(every, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    root, out = copy_of(every.store, tmp_path / "store"), tmp_path / "out"
    store = Store(root)
    plan = read_plan(plan_files(store)[0])
    kinds = {job.kind: job for job in plan.values()}
    # Each before the parents that it needs.
    interrupted = [kinds[kind] for kind in ("simulate", "train", "reference")]
    for job in interrupted:
        checkpoint = interrupt(store, job)
        flip(checkpoint, unseen=True)
        (store.working_folder(job.key) / "progress.json").write_bytes(b"\0{")
    known = finished(root)
    complete(every.suite, out, root)
    assert_kept(known, finished(root))
    assert set(done(out)) == {job.key for job in interrupted}
    assert (out / "records.jsonl").read_bytes() == every.records
    for job in interrupted:
        assert store.provenance(job.key).attempts == 2
        assert store.read(job.key, RESULT) == Store(every.store).read(job.key, RESULT)
