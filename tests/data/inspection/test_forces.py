"""Parts without forces, or with forces of another scale, are found."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
import tiny
from structures import LATTICE_CONSTANT, diamond
from typer.testing import CliRunner

from tlbench.cli import app
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.finding import Finding
from tlbench.data.inspection.forces import check_parts, force_scales
from tlbench.data.inspection.validation import validate_collection


def strained(count: int) -> Frames:
    """Return perfect crystals, whose forces vanish by symmetry."""
    widths = LATTICE_CONSTANT["Ge"] * np.linspace(0.98, 1.02, count)
    return Frames.concatenate([diamond("Ge", lattice_constant=a) for a in widths])


def scaled(frames: Frames, by: float) -> Frames:
    return replace(frames, forces=by * frames.forces)


@pytest.fixture(scope="module")
def hot() -> Frames:
    return tiny.crystals("Ge", 12)


def scale(frames: Frames):
    return force_scales(from_parts({"train": frames}))["train"]


def exploded(frames: Frames, frame: int) -> Frames:
    """Return the frames, two atoms of one of them pulled apart by thousands of eV/Å."""
    forces = frames.forces.copy()
    forces[frames.atom_start[frame] + np.arange(2), 0] = 9e3, -9e3
    return replace(frames, forces=forces)


def checked(**parts: Frames) -> tuple[list[str], list[str]]:
    """Return the warnings and the notes."""
    said = list(check_parts(from_parts(parts)))
    findings = [each for each in said if isinstance(each, Finding)]
    assert {(f.severity, f.check) for f in findings} <= {("warning", "parts")}
    return [f.message for f in findings], [each for each in said if isinstance(each, str)]


def test_parts_of_one_kind_pass(hot):
    assert checked(train=hot.select(range(6)), test=hot.select(range(6, 12))) == ([], [])


def test_a_part_of_perfect_crystals_has_no_forces(hot):
    (warning,), (note,) = checked(train=hot, test=strained(3))
    assert warning.startswith("Every force of the test part vanishes")
    assert f"{scale(hot).rms:.2g} eV/Å" in warning
    assert note.startswith("3 of 3 test frames have no force above 1 meV/Å")


def test_a_few_perfect_crystals_are_counted_and_no_fault(hot):
    few = Frames.concatenate([hot.select([0, 1]), strained(2)])
    warnings, (note,) = checked(train=few, test=few)
    assert not warnings
    assert note.startswith("2 of 4 training and 2 of 4 test frames")


def test_mostly_perfect_crystals_are_a_fault(hot):
    # One frame of three has forces, so that their scale alone would pass.
    (warning,), _ = checked(train=hot, test=Frames.concatenate([hot.select([2]), strained(2)]))
    assert warning.startswith("Every force vanishes in 2 of 3 test frames, as in perfect crystals")


def test_validation_and_test_of_one_kind_are_one_finding(hot):
    (warning,), _ = checked(train=hot, validation=strained(2), test=strained(3))
    assert warning.startswith("Every force of the validation and test parts vanishes")
    assert "force errors on them measure nothing" in warning
    (warning,), _ = checked(train=hot, validation=scaled(hot, 9), test=scaled(hot, 8))
    rms = scale(hot).rms
    assert (
        f"is {9 * rms:.2g} eV/Å in the validation part and {8 * rms:.2g} eV/Å in the test part, "
        f"but {rms:.2g} eV/Å in the training part" in warning
    )
    assert "no forces" not in warning
    few = Frames.concatenate([hot.select([2]), strained(2)])
    (warning,), _ = checked(train=hot, validation=few, test=few)
    assert "in 2 of 3 validation and 2 of 3 test frames" in warning


def test_data_without_any_forces_are_one_sentence():
    # Forces of 0.1 meV/Å, as of crystals relaxed by a calculation; and exactly none.
    still = replace(strained(3), forces=1e-4 * np.tile([[1, 1, 1], [-1, -1, -1]], (12, 1)))
    (warning,), _ = checked(train=still, validation=still, test=still)
    assert warning.startswith("All forces vanish")
    none = validate_collection(from_parts({"train": strained(8), "test": strained(4)}))
    assert [f.message for f in none.findings if "orce" in f.message and f.check != "leak"] == [
        "The forces of all frames are zero."
    ]


def test_a_training_part_without_forces_is_named(hot):
    (warning,), _ = checked(train=strained(4), validation=hot, test=strained(2))
    assert warning.startswith("Every force of the training and test parts vanishes")
    assert f"the validation part has a root mean square of {scale(hot).rms:.2g}" in warning
    assert "forces cannot be learnt" in warning


def test_an_exploded_frame_is_no_other_kind_of_structure(hot):
    assert checked(train=hot, test=exploded(hot, 2)) == ([], [])
    assert checked(train=exploded(hot, 2), test=hot) == ([], [])
    assert scale(exploded(hot, 2)).frames == len(hot)
    assert checked(train=hot, test=exploded(hot.select([0]), 0)) == ([], [])


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("by", [1 / 4, 4])
def test_forces_of_another_scale_are_a_fault(hot, part, by):
    (warning,), _ = checked(train=hot, **{part: scaled(hot, by)})
    assert f"eV/Å in the {part} part, but" in warning
    assert checked(train=hot, **{part: scaled(hot, 1 / by**0.5)}) == ([], [])


def test_the_scale_is_the_root_mean_square_of_components(hot):
    assert scale(hot).rms == pytest.approx(np.sqrt((hot.forces**2).mean()))


def test_forces_that_are_not_numbers_are_left_to_their_own_check(hot):
    assert checked(train=hot, test=scaled(hot, np.nan)) == ([], [])


def test_frames_without_parts_are_not_compared(hot):
    assert list(check_parts(from_parts({"": Frames.concatenate([hot, strained(2)])}))) == []


def test_validation_includes_it(hot):
    found = validate_collection(from_parts({"train": hot, "test": strained(3)}))
    assert [f.check for f in found.findings if "Every force" in f.message] == ["parts"]
    assert any("3 of 3 test frames" in note for note in found.notes)


def test_a_new_card_comes_with_the_warning(tmp_path, hot):
    for name, frames in (("train", hot), ("test", strained(3))):
        ase.io.write(tmp_path / f"{name}.extxyz", frames.to_ase(), format="extxyz")
    train, test = (str(tmp_path / f"{name}.extxyz") for name in ("train", "test"))
    found = CliRunner().invoke(app, ["data", "new", train, "--test", test])
    assert found.exit_code == 0
    assert "Warning: Every force of the test part vanishes" in found.output
    assert (tmp_path / "train.yaml").is_file()
