"""Disks that are full or cannot be written: said in a sentence, and nothing is lost."""

import os
import shutil

import pytest
from faulty import assert_kept, complete, done, end, events, finished, start

pytestmark = pytest.mark.slow


def test_a_disk_that_fills_again_and_again_loses_no_job(small, tmp_path, disk):
    sizes = ("100k", "250k", "450k")
    full = disk(f"size={sizes[0]}")
    store, out = full.folder / "store", tmp_path / "out"
    known = finished(store)
    for size in sizes:
        full.become(f"size={size}")
        run = start(small.suite, out, store, "--workers", 1)
        text = end(run)
        assert run.returncode == 2, text
        said = " ".join(text.split())
        assert "No space left on device" in said
        assert "cannot be written" in said or "Nothing more can be put into the store" in said
        assert_kept(known, finished(store))
        known = finished(store)
    assert known
    full.become("size=64m")
    complete(small.suite, out, store)
    assert_kept(known, finished(store))
    assert finished(store).keys() == small.jobs.keys()
    assert set(done(out).values()) == {1}
    assert (out / "records.jsonl").read_bytes() == small.records


def test_results_that_do_not_fit_are_written_elsewhere(small, tmp_path, disk):
    store = tmp_path / "store"
    shutil.copytree(small.store, store)
    known = finished(store)
    for size in ("4k", "64k"):
        full = disk(f"size={size}")
        (full.folder / "filling").write_bytes(bytes(4096 if size == "4k" else 0))
        run = start(small.suite, full.folder / "out", store)
        text = end(run)
        assert run.returncode == 2, text
        assert "No space left on device" in text
        assert "--out" in text
        assert_kept(known, finished(store))
    text = complete(small.suite, tmp_path / "out", store)
    assert f"0 jobs run, {len(known)} already in the store" in text
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == small.records


def test_a_read_only_store_is_refused_and_used_again_later(small, tmp_path, disk):
    mounted = disk("size=64m")
    store = mounted.folder / "store"
    shutil.copytree(small.store, store)
    for key in sorted(finished(store))[::3]:
        shutil.rmtree(store / key)
    known = finished(store)
    mounted.become("ro")
    run = start(small.suite, tmp_path / "out", store, "--workers", 1)
    text = end(run)
    assert run.returncode == 2, text
    assert "cannot be written (Read-only file system)" in text
    assert "--store" in text
    assert finished(store) == known
    mounted.become("rw")
    complete(small.suite, tmp_path / "out", store)
    assert_kept(known, finished(store))
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == small.records


@pytest.mark.skipif(os.getuid() == 0, reason="permissions do not bind root")
def test_a_store_without_permission_to_write_is_refused(small, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(small.store, store)
    (store / ".working").chmod(0o500)
    try:
        run = start(small.suite, tmp_path / "out", store, "--workers", 1)
        text = end(run)
    finally:
        (store / ".working").chmod(0o700)
    assert run.returncode == 2, text
    assert "cannot be written (Permission denied)" in text


def test_what_a_full_disk_did_to_the_logs_does_not_stop_a_run(small, tmp_path, disk):
    full = disk("size=32m")
    out = full.folder / "out"
    text = complete(small.suite, out, small.store)
    assert f"0 jobs run, {len(small.jobs)} already in the store" in text, text
    rest = os.statvfs(full.folder)
    (full.folder / "filling").write_bytes(bytes(rest.f_bavail * rest.f_bsize))
    run = start(small.suite, out, small.store, "--workers", 1)
    text = end(run)
    assert run.returncode == 2, text
    assert "No space left on device" in text
    (full.folder / "filling").unlink()
    complete(small.suite, out, small.store)
    assert events(out)[-1]["event"] == "run-finished"
    assert (out / "records.jsonl").read_bytes() == small.records
