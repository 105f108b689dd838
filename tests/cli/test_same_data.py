"""A source that holds the target's data is refused by every verb that would train on it."""

import shutil
from pathlib import Path

import ase.io
import pytest
import tiny

from tlbench.data.guess import guess_card


def written(path: Path, frames) -> Path:
    """Write structures and a card for them; return the card."""
    ase.io.write(path, frames, format="extxyz")
    path.with_suffix(".yaml").write_text(guess_card(path).text)
    return path.with_suffix(".yaml")


def chosen(source: Path, target: Path) -> list[str]:
    return ["--set", f"source={{card: {source}}}", "--set", f"target={{card: {target}}}"]


@pytest.mark.parametrize("verb", ["run", "plan", "tune"])
def test_identical_files_are_refused(refused, tmp_path, verb):
    a = written(tmp_path / "a.extxyz", tiny.crystals("Ge", 10).to_ase())
    shutil.copyfile(tmp_path / "a.extxyz", tmp_path / "b.extxyz")
    b = tmp_path / "b.yaml"
    b.write_text(guess_card(tmp_path / "b.extxyz").text)
    for target in (a, b):
        said = refused(verb, "smoke", *chosen(a, target))
        assert f"The source 'a' and the target '{target.stem}' hold the same data" in said
        assert "--set allow_same_data=true" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("verb", ["run", "tune"])
def test_the_same_structures_in_another_file_are_refused(refused, tmp_path, verb):
    images = tiny.crystals("Ge", 10).to_ase()
    a = written(tmp_path / "a.extxyz", images)
    for atoms in images:
        atoms.wrap()
        atoms.positions = atoms.positions.round(6)
    b = written(tmp_path / "b.extxyz", images[::-1])
    said = refused(verb, "smoke", *chosen(a, b))
    assert "10 structures of the target are structures of the source" in said


def test_what_is_asked_for_is_planned(printed, tmp_path):
    a = written(tmp_path / "a.extxyz", tiny.crystals("Ge", 10).to_ase())
    for verb in (["plan"], ["run", "--dry-run"]):
        shown = printed(*verb, "smoke", *chosen(a, a), "--set", "allow_same_data=true")
        assert "jobs, " in shown
