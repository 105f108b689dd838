"""What is refused before anything is measured."""

import ase.io
import pytest
from alloys import alloys
from own_data import write_crystals

from tlbench.advice import advise as module
from tlbench.advice.advise import advise, default_out
from tlbench.advice.question import Question
from tlbench.base.errors import InputError
from tlbench.data.guess import guess_card


class MeasuringError(Exception):
    """Raised where measuring would begin."""


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch):
    def begin(*about, **settings):
        raise MeasuringError

    for name in ("measured_as_is", "calibrate"):
        monkeypatch.setattr(module, name, begin)


def test_an_element_that_no_training_structure_has_is_refused_first(tmp_path):
    frames = alloys(("Ag", "Au"), 60)
    gold = [atoms.get_chemical_symbols().count("Au") for atoms in frames]
    files = [tmp_path / "silver.extxyz", tmp_path / "gold.extxyz"]
    for path, number in zip(files, (0, 4), strict=True):
        some = [atoms for atoms, n in zip(frames, gold, strict=True) if n == number]
        ase.io.write(path, some, format="extxyz")
    card = tmp_path / "silver.yaml"
    card.write_text(guess_card(files[0], files[1], name="silver").text)
    question = Question(str(card), 600.0, ("sw-si-8",), "schnet")
    with pytest.raises(InputError, match="contain Au, which no training structure contains"):
        advise(question, tmp_path / "out", tmp_path / "store")


def test_data_of_which_all_elements_are_learnt_are_measured(tmp_path):
    path = write_crystals(tmp_path / "ge.extxyz", "Ge", 20)
    question = Question(str(path), 600.0, ("sw-si-8",), "schnet")
    with pytest.raises(MeasuringError):
        advise(question, tmp_path / "out", tmp_path / "store")


def test_results_for_the_folder_one_is_in_are_called_like_it(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert default_out(Question("./", 600.0)).name == "advise-mine"
    assert default_out(Question("sw-ge-8", 600.0)).name == "advise-sw-ge-8"
