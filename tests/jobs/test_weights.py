"""The weights of a potential in the store: byte for byte those of the source."""

import hashlib

import pytest
import tiny

from tlbench.base.errors import InputError
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.context import MODEL, Context
from tlbench.jobs.sources import own_sources
from tlbench.jobs.weights import FILE, Config, run
from tlbench.models.potential import load_potential
from tlbench.study.keys import KeyScheme
from tlbench.transfer.potentials import POTENTIALS

SCHNET = {"name": "schnet", "config": tiny.BACKBONES["schnet"]}


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.safetensors"
    tiny.potential("schnet").save(path)
    return path


def context_of(folder, **files):
    folder.mkdir(exist_ok=True)
    return Context(folder, {}, "cpu", lambda progress: None, files)


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_copied_as_it_is(own, tmp_path):
    config = Config(sha256=digest_of(own), backbone=SCHNET)
    found = run(config, context_of(tmp_path / "job", **{FILE: own}))
    assert (tmp_path / "job" / MODEL).read_bytes() == own.read_bytes()
    assert found.n_parameters == tiny.potential("schnet").backbone.n_parameters()


def test_a_file_that_was_changed_is_refused(own, tmp_path):
    config = Config(sha256=digest_of(own), backbone=SCHNET)
    tiny.potential("schnet", seed=1).save(own)
    with pytest.raises(InputError, match="was changed after the suite was planned"):
        run(config, context_of(tmp_path / "job", **{FILE: own}))


def test_weights_of_another_architecture_are_refused(own, tmp_path):
    wider = {**SCHNET, "config": {**SCHNET["config"], "n_filters": 9}}
    config = Config(sha256=digest_of(own), backbone=wider)
    with pytest.raises(InputError, match="of a backbone 'schnet' with other settings"):
        run(config, context_of(tmp_path / "job", **{FILE: own}))


def test_a_published_potential_is_that_of_its_package(tmp_path):
    published = POTENTIALS.get("sevennet-0")
    pytest.importorskip(published.package)
    config = Config(
        potential=published.name, sha256=published.sha256, backbone={"name": published.backbone}
    )
    run(config, context_of(tmp_path / "job"))
    ours = load_potential(tmp_path / "job" / MODEL)
    theirs = published.load()
    for (name, one), (_, other) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert one.equal(other) or one.isnan().equal(other.isnan()), name


def test_the_code_that_fills_in_weights_is_part_of_the_key():
    sources = own_sources()
    assert KINDS["weights"].module == "tlbench.jobs.weights"
    files = {path.name for path in sources.files("potential chgnet-0.3.0")}
    assert "chgnet.py" in files
    assert "sevennet.py" not in files
    config = Config(
        potential="chgnet-0.3.0", sha256="0" * 64, backbone={"name": "chgnet", "config": {}}
    )
    job = KeyScheme().job(config, named=["potential chgnet-0.3.0"])
    assert isinstance(job, Job)
    assert job.sources["potential chgnet-0.3.0"] == sources["potential chgnet-0.3.0"]
