"""``tlbench store``: what the verbs print, and mistakes that get one sentence."""

import tarfile

import pytest

from tlbench.cli import main
from tlbench.engine.store.plans import plan_files, plan_name
from tlbench.engine.store.store import Store
from tlbench.jobs.base import Job


@pytest.fixture
def store(smoke, tmp_path):
    smoke.copy_store(tmp_path / "copied")
    return Store(tmp_path / "copied")


def keys_of(store, kind):
    folders = (store.folder(key) for key in sorted(store.finished()))
    return [f.name for f in folders if f'"kind":"{kind}"' in (f / "job.json").read_text()]


def damage(store):
    key = keys_of(store, "train")[0]
    path = store.folder(key) / "potential.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return key


def test_ls_tells_plans_kinds_and_leftovers(store, printed):
    store.begin(Job("distance", {"n": 1}))
    text = printed("store", "ls", "--store", store.root)
    name = plan_name(plan_files(store)[0])
    number = str(len(store.finished()))
    assert [name, "smoke", number, number] in [line.split() for line in text.splitlines()]
    assert ["dataset", "2"] in [line.split()[:2] for line in text.splitlines()]
    assert "1 unfinished" in text


def test_ls_lists_jobs(store, printed):
    for arguments in ([], ["smoke"]):
        lines = printed("store", "ls", "--jobs", *arguments, "--store", store.root).splitlines()
        assert {line.split()[0] for line in lines} == {key[:12] for key in store.finished()}
        assert all("finished" in line for line in lines)


def test_gc_says_what_would_go_and_deletes_only_when_told(store, printed):
    lone = Job("compare", {"n": 1})
    store.begin(lone)
    store.commit(lone, {}, {})
    assert "1 " in printed("store", "gc", "--store", store.root)
    assert lone.key in store.finished()
    planned = store.finished() - {lone.key}
    assert "Deleted:" in printed("store", "gc", "--delete", "--store", store.root)
    assert store.finished() == planned
    assert "everything is needed" in printed("store", "gc", "--store", store.root)
    assert "plans to drop" in printed("store", "gc", "--drop", "smoke", "--store", store.root)
    assert store.finished() == planned
    printed("store", "gc", "--drop", "smoke", "--delete", "--store", store.root)
    assert not store.finished()


@pytest.mark.parametrize("options", [[], ["--set-aside"]])
def test_verify_names_what_is_damaged_and_ends_in_exit_code_1(
    store, printed, monkeypatch, capsys, options
):
    at = ["--store", str(store.root)]
    assert "every byte as it was written" in printed("store", "verify", *at)
    key = damage(store)
    monkeypatch.setattr("sys.argv", ["tlbench", "store", "verify", *options, *at])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    out = capsys.readouterr().out
    assert f"DAMAGED  {key[:12]}" in out
    assert "potential.safetensors does not match its digest" in out
    assert (key in store.finished()) is not bool(options)


def test_results_go_from_store_to_store(store, printed, tmp_path):
    archive = tmp_path / "jobs.tar.gz"
    number = len(store.finished())
    assert f"{number} jobs" in printed("store", "export", archive, "--store", store.root)
    text = printed("store", "import", archive, "--store", tmp_path / "other")
    assert f"{number} jobs brought in, 0 already there." in text
    text = printed("store", "import", archive, "--store", tmp_path / "other")
    assert f"0 jobs brought in, {number} already there." in text
    assert Store(tmp_path / "other").finished() == store.finished()


def test_mistakes_get_one_sentence(store, refused, tmp_path):
    at = ["--store", store.root]
    assert "There is no store in" in refused("store", "ls")
    assert "did you mean 'smoke'" in refused("store", "ls", "--jobs", "smok", *at)
    assert "add --jobs" in refused("store", "ls", "smoke", *at)
    assert "has no plan 'nothing'" in refused("store", "gc", "--drop", "nothing", *at)
    assert "cannot be written" in refused("store", "export", tmp_path / "no" / "x.tar", *at)
    assert "No such file" in refused("store", "import", tmp_path / "x.tar", *at)
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(tmp_path, "everything", recursive=False)
    assert "is not a regular file" in refused("store", "import", tmp_path / "x.tar", *at)
    damage(store)
    assert "verify --set-aside" in refused("store", "export", tmp_path / "y.tar", *at)
    assert not (tmp_path / "y.tar").exists()
    plan_files(store)[0].unlink()
    assert "tlbench plan SUITE --save" in refused("store", "gc", "--delete", *at)
