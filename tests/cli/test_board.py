"""The verbs of the leaderboard that take and check submissions."""

import json
import re
import shutil

import pytest
from forging import GOOD, copied, edit_lines
from typer.testing import CliRunner

from tlbench.board.checks import retraining
from tlbench.board.location import mark_private
from tlbench.cli import app


def test_a_run_becomes_a_submission_and_its_weights_are_evaluated_again(
    clean_run, smoke, tmp_path, command
):
    results, weights = tmp_path / "results", tmp_path / "weights"
    added = command(
        "board", "add", clean_run, "--name", "mine", "--authors", "Ada", "--authors", "Grace",
        "--url", "https://example.org", "--results", results, "--store", smoke.store,
        "--weights", weights,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    n_records = len(smoke.records.splitlines()[1:])
    assert f"mine: {n_records} numbers, all recomputed" in added.stdout
    assert "the weights of 20 models" in added.stdout
    assert sorted(p.suffix for p in weights.iterdir()) == [".safetensors"] * (20 + 18)
    about = json.loads((results / "smoke" / "mine" / "submission.json").read_text())
    assert about["authors"] == ["Ada", "Grace"]
    again = command(
        "board", "verify", "--results", results, "--rerun", "--weights", weights,
        "--store", smoke.store,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert f"{n_records} numbers recomputed, 38 of 38 models" in again.stdout
    assert f"evaluated again: 38 of 38 models, {n_records} numbers; " in again.stdout


def test_models_are_trained_again_and_the_outcome_is_recorded_with_the_board(
    clean_run, smoke, tmp_path, command, monkeypatch
):
    state = {"git_commit": "c0ffee" + "0" * 34, "git_dirty": False}
    monkeypatch.setattr(retraining, "code_state", lambda: state)
    board = tmp_path / "board"
    added = command(
        "board", "add", clean_run, "--name", "mine", "--results", board / "results",
        "--store", smoke.store,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    verify = ("board", "verify", board / "results" / "smoke" / "mine")
    named = ("--results", board / "results")
    arguments = (*verify, *named, "--retrain", "1", "--workers", "1", "--record", "--by", "Ada")
    checked = CliRunner().invoke(app, [str(each) for each in arguments])
    assert checked.exit_code == 0, checked.output
    drawn = re.search(r"drawing 1 of 38 models with --seed (\d+)\n", checked.stdout)
    (record,) = (board / "checks" / "smoke" / "mine").iterdir()
    assert f"recorded {record}" in checked.stdout
    assert json.loads(record.read_text())["seed"] == int(drawn[1])
    shown = command(*verify, *named)
    assert shown.returncode == 0
    assert re.search(r"trained again: [12] of 38 models, .*, by Ada\n", shown.stdout)
    record.write_text(record.read_text().replace("Ada", "Eve"))
    spoilt = command(*verify, *named)
    assert spoilt.returncode == 1
    assert f"REFUSED  {record}: is not the file that its name says" in spoilt.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tolerance", "5"), "--tolerance goes with --rerun or --retrain"),
        (("--seed", "3"), "--seed goes with --retrain"),
        (("--workers", "4"), "--workers goes with --retrain"),
        (("--partial",), "--partial goes with --rerun"),
        (("--by", "me"), "--by goes with --record"),
        (("--rerun", "--weights", ".", "--tolerance", "0.1"), "--tolerance is 0.001 at most"),
    ],
)
def test_options_that_would_change_nothing_are_refused(options, message, command):
    found = command("board", "verify", *options)
    assert found.returncode == 2
    assert message in " ".join(found.stderr.split())


def test_a_good_and_a_bad_submission(tmp_path, command):
    good = copied(tmp_path / "results")
    bad = copied(tmp_path / "results", "backbones-cpu/2026-11-23-two-cores")
    edit_lines(bad, "records", lambda rows: rows[7].update(value=1.0))
    found = command("board", "verify", "--results", tmp_path / "results")
    assert found.returncode == 1
    assert f"good     {good}" in found.stdout
    assert f"REFUSED  {bad}" in found.stdout
    assert "is given as 1.0, but recomputed it is" in found.stdout
    alone = command("board", "verify", good, "--results", tmp_path / "results")
    assert alone.returncode == 0
    assert str(bad) not in alone.stdout


def test_the_summary_that_older_submissions_hold_is_not_read(tmp_path, command):
    folder = copied(tmp_path)
    (folder / "summary.md").write_text("of an older version")
    assert command("board", "verify", "--results", tmp_path).returncode == 0
    (folder / "summary.md").unlink()
    assert command("board", "verify", "--results", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--results", "nowhere"], "There is no folder nowhere"),
        (["verify", "--rerun"], "--rerun and --weights go together"),
        (["verify", "--retrain", "1"], "--retrain needs the folder of a SUBMISSION"),
        (["verify", "--record"], "--record goes with --rerun or --retrain"),
        (["add", "nowhere"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message, command):
    found = command("board", *arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert found.stderr.count("\n") == 1
    assert "Traceback" not in found.stderr


def test_outside_a_clone_a_submission_is_found_with_those_beside_it(tmp_path, printed):
    folder = copied(tmp_path / "moved")
    assert printed("board", "verify", folder).startswith(f"good     {folder}: ")
    assert printed("board", "verify", folder.relative_to(tmp_path)).startswith("good ")


def test_a_submission_is_verified_from_within_its_folder(tmp_path, command, monkeypatch):
    monkeypatch.chdir(copied(tmp_path / "moved"))
    found = command("board", "verify", ".")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("moved", "moved: is a folder of results; verify all of it with --results moved."),
        ("moved/quick", "moved/quick: is a folder of submissions; name one of them, or --results "),
        ("mine", f"mine: is the submission {GOOD} and should lie in folders of these names; move "),
        ("nowhere", "nowhere: there is no such folder."),
        ("empty", "empty: is not the folder of a submission, which holds submission.json."),
    ],
)
def test_outside_a_clone_it_says_what_was_named_instead_of_a_submission(
    tmp_path, refused, named, message
):
    shutil.copytree(copied(tmp_path / "moved"), tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    assert message in refused("board", "verify", named)


def test_submissions_of_several_folders_of_results_are_not_mixed(tmp_path, refused):
    folders = copied(tmp_path / "a"), copied(tmp_path / "b")
    assert "lie in several folders of results: " in refused("board", "verify", *folders)


def test_a_moved_private_submission_is_named_with_its_board(tmp_path, refused):
    folder = copied(tmp_path / "board" / "results")
    mark_private(tmp_path / "board")
    assert "name it with --board" in refused("board", "verify", folder)


def test_a_submission_that_is_not_there_is_refused(tmp_path, command):
    copied(tmp_path)
    found = command("board", "verify", tmp_path / "quick" / "other", "--results", tmp_path)
    assert found.returncode == 1
    assert "is not a folder; name the folder of a submission" in found.stdout
    assert GOOD not in found.stdout
