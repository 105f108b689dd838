"""What a submission needs of the store of its run, and which packages it declares."""

import io
import json

import numpy as np
import pytest
from damage import flip_unseen, forge

from tlbench.base.errors import StoreError, TlbenchError
from tlbench.board.adding import Who, add_run, copy_weights
from tlbench.board.collecting import Collector, is_own, providers_of
from tlbench.engine.store.archive import export
from tlbench.engine.store.plans import plan_files
from tlbench.engine.store.store import Store
from tlbench.jobs.kind import Backbone
from tlbench.jobs.train import Config, Elements
from tlbench.metrics import METRICS
from tlbench.models.backbones import BACKBONES
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

READ = {
    "evaluate": ["errors.npz", "job.json", "manifest.json"],
    "train": ["potential.safetensors", "job.json", "manifest.json"],
    "dataset": ["train.npz", "validation.npz", "test.npz", "manifest.json"],
}
"""Files of jobs from which a submission is made."""


@pytest.fixture(scope="module")
def jobs(smoke):
    """Return the key of the last job of each kind."""
    lines = (smoke.out / "provenance.jsonl").read_text().splitlines()[1:]
    return {job["kind"]: job["job"] for job in map(json.loads, lines)}


@pytest.fixture(scope="module")
def copy(smoke, tmp_path_factory):
    return smoke.copy_store(tmp_path_factory.mktemp("copy") / "store")


@pytest.fixture
def altered(copy, jobs):
    """Return a function that alters a file of the copied store, until the test is over."""
    kept = {}

    def keep(kind, name, alter):
        folder = copy / jobs[kind]
        for path in (folder / name, folder / "manifest.json"):
            kept.setdefault(path, (path.read_bytes(), path.stat()))
        alter(folder / name)
        return jobs[kind]

    yield keep
    for path, (content, stat) in kept.items():
        path.write_bytes(content)
        flip_back(path, stat)


def flip_back(path, stat):
    import os

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in READ.items() for n in names])
def test_a_flipped_bit_is_named_and_nothing_is_published(
    kind, name, altered, copy, clean_run, tmp_path
):
    key = altered(kind, name, flip_unseen)
    with pytest.raises(TlbenchError) as caught:
        add_run(clean_run, tmp_path / "results", copy, Who("mine"))
    assert key[:12] in str(caught.value)
    assert name in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["evaluate", "train", "dataset"])
def test_a_flipped_bit_anywhere_in_a_job_stops_its_export(kind, altered, copy, jobs, tmp_path):
    store = Store(copy, read_only=True)
    for path in sorted((copy / jobs[kind]).iterdir()):
        content, stat = path.read_bytes(), path.stat()
        altered(kind, path.name, flip_unseen)
        with pytest.raises(StoreError, match=f"job {jobs[kind][:12]} cannot be exported"):
            export(store, tmp_path / "jobs.tar", plan_files(store))
        assert not list(tmp_path.iterdir())
        path.write_bytes(content)
        flip_back(path, stat)


def test_weights_that_were_altered_later_are_not_copied(
    altered, copy, clean_run, smoke, tmp_path, jobs
):
    entry, _ = add_run(clean_run, tmp_path / "results", smoke.store, Who("mine"))
    key = altered("train", "potential.safetensors", flip_unseen)
    with pytest.raises(StoreError, match=rf"{key}/potential\.safetensors does not match"):
        copy_weights(entry, copy, tmp_path / "weights")
    assert not (tmp_path / "weights" / f"{key}.safetensors").exists()
    # Weights that are sound, but are others.
    forge(copy / key, "potential.safetensors", b"others")
    with pytest.raises(TlbenchError, match=f"weights of job {key[:12]} .* are not those of"):
        copy_weights(entry, copy, tmp_path / "weights")


def arrays(**changes):
    good = {"energy": np.zeros(2), "forces": np.ones((4, 3), "f4"), "n_atoms": np.array([2, 2])}
    packed = io.BytesIO()
    np.savez(packed, **{k: v for k, v in {**good, **changes}.items() if v is not None})
    return packed.getvalue()


def compressed():
    packed = io.BytesIO()
    np.savez_compressed(
        packed, energy=np.zeros(2), forces=np.ones((4, 3)), n_atoms=np.array([2, 2])
    )
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        arrays(energy=None),
        arrays(energy=np.zeros(3)),
        arrays(energy=np.array([0, np.inf])),
        arrays(energy=np.array(["a", "b"])),
        arrays(energy=np.array([{}, {}], dtype=object)),
        arrays(forces=np.ones((5, 3))),
        arrays(forces=np.ones(12)),
        arrays(n_atoms=np.array([5, -1])),
        arrays(n_atoms=np.array([4, 0])),
        arrays(n_atoms=np.array([2.0, 2.0])),
        arrays().replace(b"'shape': (2,), ", b"'shape': (9**9,)"),
        arrays().replace(b"'shape': (2,), ", b"'shape': (99999,"),
        compressed(),
    ],
)
def test_errors_that_make_no_sense_are_named(content, altered, copy):
    key = altered("evaluate", "errors.npz", lambda path: forge(path.parent, path.name, content))
    with pytest.raises(StoreError, match=rf"errors\.npz of the job {key[:12]} in the store"):
        Collector(Store(copy, read_only=True)).errors(key)


def trained(backbone, strategy, *providers):
    return Config(
        backbone=Backbone(name=backbone),
        strategy=strategy,
        providers=providers,
        elements=Elements(target="Ge"),
        init_seed=0,
    )


def test_a_suite_of_tlbench_alone_declares_nothing():
    configs = [trained("schnet", "scratch", None, None)]
    assert providers_of(resolve(load_suite("smoke")), configs) == {}
    assert is_own("backbone", "schnet")


def test_every_kind_is_declared_with_its_version(monkeypatch):
    monkeypatch.setitem(METRICS._providers, "force_mae", "my-metrics 2.0")
    configs = [trained("schnet", "finetune+mean", "my-network 0.3.1", "my-strategies 1.0")]
    assert providers_of(resolve(load_suite("smoke")), configs) == {
        "backbone": {"schnet": "my-network 0.3.1"},
        "strategy": {"finetune": "my-strategies 1.0"},
        "metric": {"force_mae": "my-metrics 2.0"},
    }


def test_the_version_that_trained_counts_after_an_upgrade(monkeypatch):
    monkeypatch.setitem(BACKBONES._providers, "schnet", "my-network 9.9")
    configs = [trained("schnet", "scratch", "my-network 0.3.1", None)]
    assert providers_of(resolve(load_suite("smoke")), configs)["backbone"] == {
        "schnet": "my-network 0.3.1"
    }
    assert not is_own("backbone", "schnet")
