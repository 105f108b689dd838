"""Weights of published potentials are read by digest, in a child process, and once."""

import dataclasses
import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tlbench.base.errors import TlbenchError, UnknownNameError
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.transfer.potentials import POTENTIALS, PublishedPotential, checkpoints

WEIGHTS = "weights/w.pth"

PLUGIN = """
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.transfer.potentials import PublishedPotential

def fill(potential, checkpoint):
    for parameter in potential.backbone.parameters():
        parameter.fill_(checkpoint["weight"])
    potential.reference_energy[14] = checkpoint["energy"]

MINE = PublishedPotential(
    name="mine", label="Mine", summary="SchNet of ones", backbone="schnet",
    config=SchNetConfig(cutoff=4.0, hidden_channels=4, n_filters=4, n_interactions=1),
    package="mine", versions=("1.0", "1.1"), file="weights/w.pth", sha256={sha256!r},
    licence="MIT", citation="-", trained_on="nothing", elements=("Si",), fill=fill,
)
"""


class Runs:
    """A pickle that creates a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a package with weights, which registers a potential by an entry point."""
    site = tmp_path / "site"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    monkeypatch.syspath_prepend(str(site))

    def install(checkpoint: object) -> PublishedPotential:
        (site / "mine" / "weights").mkdir(parents=True)
        stream = io.BytesIO()
        torch.save(checkpoint, stream)
        (site / "mine" / WEIGHTS).write_bytes(stream.getvalue())
        sha256 = hashlib.sha256(stream.getvalue()).hexdigest()
        (site / "mine" / "__init__.py").write_text(PLUGIN.replace("{sha256!r}", repr(sha256)))
        about = site / "mine-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
        (about / "entry_points.txt").write_text("[tlbench.potentials]\nmine = mine:MINE\n")
        monkeypatch.delitem(sys.modules, "mine", raising=False)
        import mine

        return mine.MINE

    return install


GOOD = {"weight": 0.5, "energy": -5.0, "unused": torch.ones(3)}


def test_a_potential_of_a_plugin_is_converted_in_a_child_process(plugin):
    potential = plugin(GOOD).load()
    assert {p.detach().mean().item() for p in potential.backbone.parameters()} == {0.5}
    assert potential.reference_energy[14] == -5.0
    assert potential.reference_energy.isfinite().sum() == 1


def test_weights_are_converted_once_and_again_where_the_file_is_damaged(plugin, monkeypatch):
    mine = plugin(GOOD)
    path = mine.path()
    content = path.read_bytes()
    run = subprocess.run
    monkeypatch.setattr(checkpoints.subprocess, "run", None)
    assert mine.path() == path
    monkeypatch.setattr(checkpoints.subprocess, "run", run)
    path.write_bytes(content[:-1] + b"\0")
    assert mine.path() == path
    assert path.read_bytes() == content


def test_two_may_convert_the_same_weights_at_once(plugin):
    mine = plugin(GOOD)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: mine.path(), range(2))
    assert first == second
    assert [*first.parent.iterdir()] == [first]


def test_a_checkpoint_runs_no_code(plugin, tmp_path):
    trace = tmp_path / "trace"
    mine = plugin({**GOOD, "unused": Runs(trace)})
    with pytest.raises(RuntimeError, match="mine could not be converted"):
        mine.load()
    assert not trace.exists()
    torch.load(Path(sys.modules["mine"].__file__).parent / WEIGHTS, weights_only=False)
    assert trace.exists()


def test_a_missing_package_is_named_with_its_extra(plugin):
    gone = dataclasses.replace(plugin(GOOD), package="nowhere")
    with pytest.raises(TlbenchError) as caught:
        gone.load()
    assert str(caught.value) == (
        "The potential 'mine' needs the package 'nowhere', which is not installed; "
        "pip install 'tlbench[nowhere]'."
    )


@pytest.mark.parametrize(("change", "has"), [("write", "other weights"), ("unlink", "no file")])
def test_another_version_of_the_package_has_other_weights(plugin, change, has):
    mine = plugin(GOOD)
    mine.load()
    file = Path(sys.modules["mine"].__file__).parent / WEIGHTS
    file.write_bytes(b"others") if change == "write" else file.unlink()
    with pytest.raises(TlbenchError) as caught:
        mine.load()
    assert str(caught.value) == (
        f"The potential 'mine' is mine 1.0 or 1.1's {WEIGHTS} of SHA-256 {mine.sha256[:16]}…, but "
        f"mine 1.2, which is installed, has {has} there; pip install 'mine==1.1'."
    )


def test_an_unwritable_cache_is_said(plugin, tmp_path):
    mine = plugin(GOOD)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(TlbenchError, match="cannot be written"):
        mine.load()


def test_near_names_are_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'sevennet-0'"):
        POTENTIALS.get("sevennet0")


@pytest.mark.parametrize("name", ["chgnet-0.3.0", "sevennet-0", "sevennet-l3i5"])
def test_potentials_are_described_without_torch_or_their_packages(name):
    code = (
        "import sys\n"
        "from tlbench.transfer.potentials import POTENTIALS\n"
        f"assert POTENTIALS.get({name!r}).description()['trained_on']\n"
        "sys.exit(' '.join({'torch', 'sevenn', 'chgnet', 'e3nn'} & set(sys.modules)) or 0)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_a_potential_states_where_it_breaks_the_contract():
    broken = {
        name: [*POTENTIALS.get(name).description()["violations"]] for name in POTENTIALS.names()
    }
    assert broken["sevennet-0"] == broken["sevennet-l3i5"] == ["reflection"]
    assert broken["chgnet-0.3.0"] == ["atoms in line"]


@pytest.mark.parametrize("backbone", ["sevennet", "chgnet"])
def test_a_backbone_names_the_extra_that_it_needs(monkeypatch, backbone):
    from tlbench.models.potential import build_potential

    package = {"sevennet": "sevenn"}.get(backbone, backbone)
    for module in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"tlbench.models.backbones.{backbone}.model", raising=False)
    with pytest.raises(TlbenchError) as caught:
        build_potential(backbone, {})
    assert str(caught.value) == (
        f"The backbone {backbone!r} needs the package {package!r}, which is not installed; "
        f"pip install 'tlbench[{package}]'."
    )


def test_entry_points_that_are_no_potentials_are_refused(monkeypatch):
    monkeypatch.setitem(POTENTIALS._entries, "schnet", f"{SchNetConfig.__module__}:SchNetConfig")
    with pytest.raises(TlbenchError, match="should be a PublishedPotential"):
        POTENTIALS.get("schnet")
