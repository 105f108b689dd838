"""What a search remembers: one file, whole, that several processes may write."""

import json

import pytest

from tlbench.errors import InputError
from tlbench.tuned import TunedSettings
from tlbench.tuning.ledger import TRIALS, EndedTrial, note

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
    assert [p.name for p in tmp_path.iterdir()] == [TRIALS]


def test_a_folder_of_another_search_is_refused(tmp_path):
    note(tmp_path, "search")
    with pytest.raises(InputError, match="holds the tuning of another suite, size or number"):
        note(tmp_path, "another")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"search": "search"}x'])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / TRIALS).write_bytes(content)
    with pytest.raises(InputError, match=f"{TRIALS} is damaged; remove it"):
        note(tmp_path, "search")
    assert (tmp_path / TRIALS).read_bytes() == content
