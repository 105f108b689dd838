"""Whether the code that jobs were done by is in the history of a repository."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from forging import PUBLISHED, ROOT, copied

from tlbench.base.errors import InputError
from tlbench.board.reading import read_submission, submission_folders
from tlbench.board.verification.commits import check_commits
from tlbench.jobs.base import KINDS
from tlbench.jobs.sources import Sources
from tlbench.study.keys import KeyScheme
from tlbench.study.models import plan

INVENTED = "0123456789" * 4


def git(folder, *arguments):
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a repository of two commits on its branch, and one of a pull request."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "-b", "main")
    published = next(PUBLISHED.glob("quick/2026-11-23-two-cores/submission.json"))
    there = folder / "leaderboard/results" / published.relative_to(PUBLISHED)
    there.parent.mkdir(parents=True)
    shutil.copyfile(published, there)
    git(folder, "add", ".")
    for number in range(2):
        git(folder, "commit", "-q", "--allow-empty", "-m", str(number))
    git(folder, "checkout", "-q", "--detach")
    git(folder, "commit", "-q", "--allow-empty", "-m", "mine")
    git(folder, "update-ref", "refs/remotes/pull/7/merge", "HEAD")
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    return read_submission(copied(tmp_path_factory.mktemp("results")))


def done_at(entry, *commits, dirty=False):
    """Return the submission as if its first jobs had been done at these commits, and no others."""
    jobs = [
        job.model_copy(update={"git_commit": commit, "git_dirty": dirty})
        for job, commit in zip(entry.provenance, commits, strict=False)
    ]
    return replace(entry, provenance=jobs)


def test_commits_of_a_branch_are_found(repository, entry):
    old, new = git(repository, "rev-parse", "main~1"), git(repository, "rev-parse", "main")
    assert check_commits(done_at(entry, old, new), repository) == ([], [])


def test_an_invented_commit_is_refused(repository, entry):
    known = git(repository, "rev-parse", "main")
    problems, _ = check_commits(done_at(entry, known, INVENTED, INVENTED), repository)
    assert problems == [
        f"2 jobs were done at commit 0123456789, which no branch of {repository} has."
    ]


def test_a_commit_of_a_pull_request_is_no_commit_of_the_repository(repository, entry):
    mine = git(repository, "rev-parse", "refs/remotes/pull/7/merge")
    problems, _ = check_commits(done_at(entry, mine), repository)
    assert mine[:10] in problems[0]


def test_code_that_may_have_been_changed_is_refused(repository, entry):
    known = git(repository, "rev-parse", "main")
    problems, _ = check_commits(done_at(entry, known, dirty=None), repository)
    assert "code for which it is not stated whether it was changed" in problems[0]


def test_only_what_is_published_may_say_nothing_of_its_code(repository, entry):
    known = git(repository, "rev-parse", "main")
    mine = replace(done_at(entry, known), digest="0" * 64)
    problems, _ = check_commits(mine, repository)
    assert [problem[:18] for problem in problems] == ["It is of format 1,"]


def test_what_cannot_be_found_out_is_said(repository, entry, tmp_path):
    problems, notes = check_commits(done_at(entry, None, None, dirty=None), repository)
    assert (problems, len(notes)) == ([], 1)
    assert notes[0].startswith("2 jobs do not say by which commit")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    problems, notes = check_commits(done_at(entry, INVENTED), tmp_path / "shallow")
    assert problems == []
    assert "does not have its whole history, so no commit was looked for" in notes[0]


def test_a_folder_that_is_no_repository_is_named(entry, tmp_path):
    with pytest.raises(InputError, match="its history cannot be read with git"):
        check_commits(entry, tmp_path / "nowhere")


def test_commits_of_what_is_published_are_in_the_history():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    for folder in submission_folders(PUBLISHED):
        assert check_commits(read_submission(folder), ROOT)[0] == []


def test_the_command_line_refuses_an_invented_commit(repository, command, tmp_path):
    folder = copied(tmp_path)
    done = command("board", "verify", folder, "--results", tmp_path, "--commits", repository)
    assert done.returncode == 1
    assert f"REFUSED  {folder}: 113 jobs were done at commit d4fdfbe40e" in done.stdout


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Return a repository of tlbench: its commits are an old one, this code, and another loss."""
    folder = tmp_path_factory.mktemp("history") / "repository"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tlbench", folder / "tlbench", ignore=ignored)
    train = folder / "tlbench" / "jobs" / "train.py"
    train.rename(train.with_name("training.py"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "another place")
    git(folder, "mv", "tlbench/jobs/training.py", "tlbench/jobs/train.py")
    git(folder, "commit", "-q", "-m", "stated")
    loss = folder / "tlbench" / "training" / "loss.py"
    loss.write_text(loss.read_text() + "SCALE = 3\n")
    git(folder, "commit", "-q", "-a", "-m", "another loss")
    return folder


@pytest.fixture(scope="module")
def stating(history, entry):
    """Return the submission as one that states the code of the second commit."""
    planned = plan(entry.study, KeyScheme(Sources(as_it_was("main~1", history)), {}))
    sources = {name: d for job in planned.jobs.values() for name, d in job.sources.items()}
    about = entry.about.model_copy(update={"format": 2, "sources": sources})
    jobs = [
        each.model_copy(update={"job": key, "kind": job.kind})
        for each, (key, job) in zip(entry.provenance, planned.jobs.items(), strict=True)
    ]
    return done_at(replace(entry, about=about, provenance=jobs), *[None] * len(jobs), dirty=None)


def all_done_at(entry, history, commit):
    known = git(history, "rev-parse", commit)
    return done_at(entry, *[known] * len(entry.provenance))


def test_code_has_the_stated_digests_at_its_commit(history, stating):
    assert check_commits(all_done_at(stating, history, "main~1"), history) == ([], [])
    problems, _ = check_commits(all_done_at(stating, history, "main"), history)
    other = git(history, "rev-parse", "--short=10", "main")
    assert problems == [f"At commit {other} the code of train is not that whose digest is stated."]


def test_who_states_the_code_says_at_which_commit_it_is(history, stating):
    """Else nothing would be compared with what is stated."""
    problems, _ = check_commits(stating, history)
    assert problems[0] == (
        f"{len(stating.provenance)} jobs do not say by which commit of tlbench they were done; "
        "install tlbench from a clone, commit what is changed in it, and run the suite again."
    )


def test_code_of_which_no_job_has_a_commit_is_not_confirmed(history, stating):
    whole = all_done_at(stating, history, "main~1")
    jobs = [job for job in whole.provenance if job.kind != "train"]
    problems, _ = check_commits(replace(whole, provenance=jobs), history)
    assert "It states the code of train, but none of the jobs with it has a commit." in problems


def test_code_that_was_elsewhere_is_not_taken_for_other_code(history, stating):
    """As before a module was renamed, so that the registry of today does not find it."""
    problems, notes = check_commits(all_done_at(stating, history, "main~2"), history)
    old = git(history, "rev-parse", "--short=10", "main~2")
    assert problems == []
    assert notes == [
        f"At commit {old} the code of train is not where it is today, and was not compared; "
        "verify the submission with the tlbench of that commit, too."
    ]


def test_code_that_is_registered_no_more_is_not_compared(history, stating, monkeypatch):
    monkeypatch.delitem(KINDS, "train")
    _, notes = check_commits(all_done_at(stating, history, "main~1"), history)
    assert "the code of train is not where it is today" in notes[0]


def as_it_was(commit, repository):
    """Return a copy of a repository as it was at a commit."""
    folder = repository.parent / f"at-{commit}"
    git(repository, "worktree", "add", "-q", "--detach", str(folder), commit)
    return folder
