"""Small cards, and the notes on the data of a run of them."""

from types import SimpleNamespace

import ase.io
import pytest
from command_line import in_this_process

from tlbench.data.fetch import fetch
from tlbench.report.inspection.audit import notes_on_data
from tlbench.study.loading import load_suite
from tlbench.study.plan import dataset_job
from tlbench.study.study import resolve


@pytest.fixture
def card(tmp_path):
    """Return a function that writes a card of frames to learn from and others to be tested on."""

    def write(name, train, test):
        files = [tmp_path / f"{name}.extxyz", tmp_path / f"{name}-test.extxyz"]
        for path, frames in zip(files, (train, test), strict=True):
            ase.io.write(path, frames, format="extxyz")
        out = tmp_path / f"{name}.yaml"
        made = in_this_process("data", "new", files[0], "--test", files[1], "--out", out)
        assert made.returncode == 0, made.stderr
        return out

    return write


@pytest.fixture
def notes(tmp_path):
    """Return a function that returns the notes on a target whose data are in the store."""

    def of(target, *settings):
        ends = {"source": str(target), "target": str(target)}
        study = resolve(load_suite("transfer", settings, cards=ends))
        finished = []
        for card in study.cards:
            folder = tmp_path / dataset_job(card).key
            folder.mkdir()
            finished.append(folder.name)
            for part, frames in card.read(fetch(card)).items():
                frames.save(folder / f"{part}.npz")
        store = SimpleNamespace(folder=lambda key: tmp_path / key)
        return notes_on_data(study, store, finished, tmp_path).sentences

    return of
