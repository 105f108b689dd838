"""Which potentials may drive which structures."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
from ase.build import bulk
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.models.parameters import copy_element
from tlbench.models.potential import Potential
from tlbench.training.loss import fit_reference_energy
from tlbench.transfer.potentials import POTENTIALS
from tlbench.transfer.potentials.drivers import load_driver

SILICON, GERMANIUM = 14, 32


def fitted(*elements: str, name: str = "schnet") -> Potential:
    """Return a model with reference energies, as training leaves it."""
    model = tiny.potential(name)
    for element in elements:
        fit_reference_energy(model, tiny.labelled(tiny.crystals(element, 2), model))
    return model


def notes(model: Potential, structure: Frames, folder: Path) -> list[str]:
    path = folder / "model.safetensors"
    model.save(path)
    return load_driver(str(path), structure, "cpu").notes


def test_an_element_that_was_trained_on_is_taken(tmp_path):
    assert notes(fitted("Ge"), diamond("Ge"), tmp_path) == []
    assert notes(fitted("Si", "Ge"), diamond("Si"), tmp_path) == []


@pytest.mark.parametrize("name", tiny.BACKBONES)
def test_an_element_that_was_not_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"not been trained on Si, which .*; it knows Ge\.$"):
        notes(fitted("Ge", name=name), diamond("Si"), tmp_path)
    mixed = Frames.unlabelled([bulk("SiGe", "zincblende", a=5.5)])
    with pytest.raises(InputError, match=r"not been trained on Ge, .* knows Si\.$"):
        notes(fitted("Si", name=name), mixed, tmp_path)


@pytest.mark.parametrize("name", tiny.BACKBONES)
def test_zero_shot_transfer_is_taken_and_said(tmp_path, name):
    model = fitted("Si", name=name)
    copy_element(model.backbone, {GERMANIUM: SILICON}, [SILICON])
    assert notes(model, diamond("Si"), tmp_path) == []
    (said,) = notes(model, diamond("Ge"), tmp_path)
    assert "has not been trained on Ge and takes it for Si (zero-shot)" in said


def test_a_model_that_knows_no_element_is_taken_and_it_is_said(tmp_path):
    (said,) = notes(tiny.potential(), diamond("Si"), tmp_path)
    assert "does not say which elements it was trained on" in said


def test_a_driver_is_known_by_the_content_of_its_file(tmp_path):
    fitted("Ge").save(tmp_path / "a.safetensors")
    fitted("Ge").save(tmp_path / "b.safetensors")
    fitted("Si", "Ge").save(tmp_path / "c.safetensors")
    a, b, c = (load_driver(str(tmp_path / f"{n}.safetensors"), diamond("Ge"), "cpu") for n in "abc")
    assert a.identity == b.identity != c.identity


@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_stillinger_weber_knows_its_element_only(element):
    name, other = f"stillinger-weber:{element}", {"Si": "Ge", "Ge": "Si"}[element]
    driver = load_driver(name, diamond(element), "cpu")
    assert (driver.identity, driver.notes) == (name, [])
    with pytest.raises(InputError, match=f"knows {element} only, and not {other}"):
        load_driver(name, diamond(other), "cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.safetensors", "missing.safetensors: there is no such file"),
        ("Si", "neither a file nor a name; known: chgnet-0.3.0, .* stillinger-weber:Si.$"),
        ("sevenet-0", "neither a file nor a name; did you mean 'sevennet-0'"),
        ("stillinger-weber:C", "no Stillinger–Weber parameters for 'C'"),
    ],
)
def test_there_is_no_such_potential(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        load_driver(name, diamond("Si"), "cpu")


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(InputError, match="names no file"):
        load_driver("", diamond("Si"), "cpu")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "potential.safetensors")
    with pytest.raises(InputError, match="is not a regular file"):
        load_driver(str(tmp_path / "potential.safetensors"), diamond("Si"), "cpu")


def test_of_the_folder_of_a_job_the_potential_is_named(tmp_path):
    fitted("Si").save(tmp_path / "potential.safetensors")
    with pytest.raises(InputError, match=r"the potential in it is .*/potential\.safetensors\.$"):
        load_driver(str(tmp_path), diamond("Si"), "cpu")


def test_a_published_potential_drives_as_its_own_file_does(monkeypatch, tmp_path):
    fitted("Si").save(tmp_path / "potential.safetensors")
    published = SimpleNamespace(path=lambda: tmp_path / "potential.safetensors")
    monkeypatch.setitem(POTENTIALS._entries, "theirs", published)
    theirs, own = (
        load_driver(name, diamond("Si"), "cpu")
        for name in ("theirs", str(tmp_path / "potential.safetensors"))
    )
    assert theirs.identity == own.identity
    with pytest.raises(InputError, match="has not been trained on Ge"):
        load_driver("theirs", diamond("Ge"), "cpu")
