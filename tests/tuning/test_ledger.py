"""What a search remembers: one file, whole, that several processes may write."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tlbench.base.errors import InputError
from tlbench.study.tuned import TunedSettings
from tlbench.tuning.ledger import LOCK, TRIALS, EndedTrial, note

TRIAL = EndedTrial(
    backbone="schnet",
    arm="scratch",
    number=0,
    settings=TunedSettings(learning_rate=1e-3, final_learning_rate_fraction=0.01),
    validation_force_mae=100.0,
)


def test_what_two_processes_found_out_is_kept(tmp_path):
    assert note(tmp_path, "search") == set()
    assert note(tmp_path, "search", ["a"]) == {"a"}
    assert note(tmp_path, "search", ["b"], [TRIAL]) == {"a", "b"}
    # Neither a search that begins nor a job that diverges takes trials out of the file.
    assert note(tmp_path, "search") == note(tmp_path, "search", ["b"]) == {"a", "b"}
    found = json.loads((tmp_path / TRIALS).read_text())
    assert found["diverged"] == ["a", "b"]
    assert found["trials"] == [TRIAL.model_dump()]
    assert {p.name for p in tmp_path.iterdir()} == {TRIALS, LOCK}


def trial(backbone, arm, number, error=100.0):
    return TRIAL.model_copy(
        update={
            "backbone": backbone, "arm": arm, "number": number, "validation_force_mae": error,
        }
    )  # fmt: skip


def test_trials_of_other_arms_and_higher_numbers_are_kept(tmp_path):
    note(tmp_path, "search", trials=[trial("schnet", "scratch", n) for n in range(3)])
    note(tmp_path, "search", trials=[trial("dimenetpp", "scratch", 0)])
    note(tmp_path, "search", trials=[trial("schnet", "finetune", 0)])
    note(tmp_path, "search", trials=[trial("schnet", "scratch", 0, 90.0)])
    found = json.loads((tmp_path / TRIALS).read_text())["trials"]
    assert [(t["backbone"], t["arm"], t["number"], t["validation_force_mae"]) for t in found] == [
        ("dimenetpp", "scratch", 0, 100.0),
        ("schnet", "finetune", 0, 100.0),
        ("schnet", "scratch", 0, 90.0),
        ("schnet", "scratch", 1, 100.0),
        ("schnet", "scratch", 2, 100.0),
    ]


def note_some(out, backbone):
    for number in range(25):
        key = f"{backbone} {number}"
        note(out, "search", [key], [trial(backbone, "scratch", number)])


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    backbones = ["schnet", "dimenetpp", "nequip"]
    with ProcessPoolExecutor(3, get_context("fork")) as pool:
        list(pool.map(note_some, [tmp_path] * 3, backbones))
    found = json.loads((tmp_path / TRIALS).read_text())
    assert len(found["diverged"]) == len(found["trials"]) == 75


def test_a_folder_of_another_search_is_refused(tmp_path):
    note(tmp_path, "search")
    with pytest.raises(InputError, match="holds the tuning of another suite or number"):
        note(tmp_path, "another")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"search": "search"}x'])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / TRIALS).write_bytes(content)
    with pytest.raises(InputError, match=f"{TRIALS}: .*; remove it"):
        note(tmp_path, "search")
    assert (tmp_path / TRIALS).read_bytes() == content


def test_networks_of_other_settings_are_another_search(tmp_path):
    """Or arms of one table would be tuned for networks of two widths."""
    note(tmp_path, "search", networks={"schnet": "a"})
    note(tmp_path, "search", networks={"schnet": "a", "dimenetpp": "b"})
    note(tmp_path, "search", ["x"])
    with pytest.raises(InputError, match="holds the tuning of schnet with other settings of the"):
        note(tmp_path, "search", networks={"schnet": "c"})
    note(tmp_path, "search", networks={"dimenetpp": "b"})
