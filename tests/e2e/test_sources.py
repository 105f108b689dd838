"""A suite of two sources, one of them a published potential, run as a user runs it."""

import json

import pytest
import tiny
import yaml
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from tlbench.models.potential import load_potential
from tlbench.results.results import Results
from tlbench.results.trained_models import list_models
from tlbench.study.loading import suite_folder

pytestmark = pytest.mark.slow
pytest.importorskip("sevenn")

PBE_GERMANIUM = 5.76
"""Lattice constant in PBE, Å: the level of theory that SevenNet-0 was trained at."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory, command):
    """Run germanium from SevenNet-0, and from a potential of silicon in a file."""
    folder = tmp_path_factory.mktemp("sources")
    own = tiny.potential("schnet")
    own.reference_energy[14] = -1.0
    own.save(folder / "silicon.safetensors")
    smoke = yaml.safe_load((suite_folder() / "smoke.yaml").read_text())
    schnet = {key: value for key, value in tiny.BACKBONES["schnet"].items() if key != "cutoff"}
    suite = {
        "name": "two-sources", "version": 1, "title": "Two sources", "description": "Two sources.",
        "sources": ["sevennet-0", {"file": "silicon.safetensors"}],
        "target": smoke["target"],
        "elements": {"Ge": "Si"},
        "cutoff": tiny.CUTOFF,
        "backbones": {"sevennet-0": {}, "schnet": schnet},
        "strategies": ["scratch", "finetune", "zero-shot"],
        "sizes": [1], "subset_seeds": [0], "init_seeds": [0], "pairing": "zip",
        "pretraining": {"updates": 1, "validation_points": 0},
        "training": {"updates": 2, "learning_rate": 2e-5, "validation_points": 0},
        "metrics": ["force_mae", "energy_mae"],
    }  # fmt: skip
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(suite))
    out = folder / "out"
    done = command("run", path, "--store", folder / "store", "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stdout


def test_records_tell_sources_apart(ran):
    out, _ = ran
    results = Results.read(out)
    found = {
        (r.model.source, r.model.backbone, r.model.strategy): r.value
        for r in results.records
        if r.metric == "force_mae"
    }
    arms = ("scratch", "finetune", "zero-shot")
    assert found.keys() == {
        *(("SevenNet-0", "sevennet-0", each) for each in arms),
        *(("silicon", "schnet", each) for each in arms),
    }
    assert (
        found["SevenNet-0", "sevennet-0", "zero-shot"]
        < (found["SevenNet-0", "sevennet-0", "scratch"])
    )
    # Energies of a potential as it is are defined, and tell the offset between levels of theory.
    energies = {
        r.model.source: r.value
        for r in results.records
        if r.metric == "energy_mae" and r.model.strategy == "zero-shot"
    }
    assert energies["SevenNet-0"] > 0
    # The one in a file was not trained on germanium, whose reference energy is not known.
    assert "silicon" not in energies


def test_the_report_says_which_start_is_best_and_what_it_has_seen(ran):
    out, printed = ran
    summary = (out / "summary.md").read_text()
    page = (out / "report.html").read_text()
    for text in (summary, page):
        assert "SevenNet-0 was trained on MPtrj" in text
        assert "Ge is among its elements" in text
        assert "What silicon was trained on is not known" in text
        assert "products of three vectors" in text.replace("\n", " ")
    assert "SevenNet-0 → Ge, finetune" in summary
    # Once for each metric, though compared with several arms.
    assert summary.count("| scratch | sevennet-0 |") == 2
    assert "the lowest error is that of SevenNet-0 → Ge" in " ".join(printed.split())
    stated = json.loads((out / "suite.json").read_text())
    assert stated["sources"][1]["file"] == "../silicon.safetensors"
    assert len(stated["sources"][1]["sha256"]) == 64


def test_a_fine_tuned_universal_potential_relaxes_germanium(ran):
    out, _ = ran
    (model,) = list_models(out, backbones=["sevennet-0"], strategies=["finetune"])
    crystal = bulk("Ge", "diamond", 5.5)
    crystal.calc = load_potential(model.potential).calculator()
    relaxation = BFGS(FrechetCellFilter(crystal), logfile=None)
    assert relaxation.run(fmax=0.02, steps=40)
    volume = crystal.get_volume() / len(crystal)
    assert (8 * volume) ** (1 / 3) == pytest.approx(PBE_GERMANIUM, rel=0.03)
