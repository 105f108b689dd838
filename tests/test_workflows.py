"""The workflows: well-formed, safe, and naming only what there is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from tlbench.cli import app

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
BIN = Path(sys.executable).parent


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


RUN = [
    pytest.param(step["run"], id=f"{name}-{number}")
    for name, workflow in WORKFLOWS.items()
    for number, step in enumerate(steps(workflow))
    if "run" in step
]


def test_they_are_what_the_schema_says():
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *FILES]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_an_audit_finds_nothing():
    command = [
        BIN / "zizmor", "--offline", "--persona", "pedantic", "--format", "plain",
        "--config", FOLDER.parent / "zizmor.yml", FOLDER,
    ]  # fmt: skip
    audited = subprocess.run(command, capture_output=True, text=True)
    assert audited.returncode == 0, audited.stdout
    assert "No findings" in audited.stdout + audited.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_minimal_and_time_is_limited(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert workflow["concurrency"]["group"]
    # YAML reads the key "on" as true.
    assert "pull_request_target" not in workflow[True]
    assert "secrets." not in (FOLDER / f"{name}.yml").read_text()
    for key, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60
        if (name, key) != ("site", "publish"):
            assert job.get("permissions", {"contents": "read"}) == {"contents": "read"}


@pytest.mark.parametrize("text", RUN)
def test_no_expression_stands_in_a_shell_command(text):
    assert "${{" not in text


def names_of(command):
    """Return the verbs of a group of commands, and of groups in it."""
    verbs = getattr(command, "commands", {})
    found = {(name,) for name in verbs}
    return found | {(name, *rest) for name, verb in verbs.items() for rest in names_of(verb)}


@pytest.mark.parametrize("text", RUN)
def test_what_a_command_names_is_there(text):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    verbs = names_of(typer.main.get_command(app))
    for target in re.findall(r"\bmake(?: -C \w+)? (\w+)", text):
        assert target in targets
    for words in re.findall(r"\btlbench ((?:[a-z][\w-]* ?)+)", text):
        first, second = (*words.split(), "")[:2]
        assert (first, second) in verbs or ((first,) in verbs and first not in ("board", "data"))
    for path in re.findall(r"\b(?:\w+/)?(benchmarks/[\w./-]+)", text):
        assert (ROOT / path).exists()


def test_commands_are_looked_at():
    text = "\n".join(param.values[0] for param in RUN)
    for named in ("make test", "make board", "tlbench run smoke", "tlbench board verify"):
        assert named in text


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("check",), {"--baseline", "--junit", "--markdown"}),
        (("run",), {"--out"}),
        (("board", "verify"), {"--results"}),
    ],
)
def test_options_are_there(arguments, options):
    command = typer.main.get_command(app)
    for name in arguments:
        command = command.commands[name]
    assert options <= {option for parameter in command.params for option in parameter.opts}


def test_every_python_that_is_promised_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    promised = [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
    (job,) = WORKFLOWS["tests"]["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == promised
    for workflow in WORKFLOWS.values():
        for step in steps(workflow):
            version = step.get("with", {}).get("python-version")
            assert version is None or version in [*promised, "${{ matrix.python }}"]


def test_submissions_are_read_by_the_base():
    (job,) = WORKFLOWS["submission"]["jobs"].values()
    first, second = (
        s["with"] for s in job["steps"] if s.get("uses", "").startswith("actions/check")
    )
    assert first["path"] == "base"
    assert first["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert second["path"] == "head"
    # Of the head nothing is run: it is only ever an argument of git and of the verifier.
    for step in job["steps"]:
        for word in re.findall(r"\S*\bhead\b\S*", step.get("run", "")):
            assert word in ("head", "head/leaderboard/results", "'s#^#head/#'")
            assert "make -C head" not in step["run"]


@pytest.fixture
def proposed(tmp_path):
    """Return a function that makes a merged pull request of changes and runs the guard on it."""
    guard, verifying = (
        s["run"] for s in steps(WORKFLOWS["submission"]) if "git -C head diff" in s.get("run", "")
    )
    verifier = tmp_path / "base" / ".venv" / "bin" / "tlbench"
    verifier.parent.mkdir(parents=True)
    verifier.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    verifier.chmod(0o755)
    head = tmp_path / "head"
    old = head / "leaderboard" / "results" / "suite" / "old"

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(
            ["git", "-C", str(head), *identity, *arguments], check=True, capture_output=True
        )

    def run(change):
        old.mkdir(parents=True)
        (old / "records.jsonl.gz").write_text("old")
        (head / "code.py").write_text("old")
        git("init", "-b", "main")
        git("add", "-A")
        git("commit", "-m", "base")
        git("checkout", "-b", "submission")
        change(head)
        git("add", "-A")
        git("commit", "-m", "submission", "--allow-empty")
        git("checkout", "main")
        git("merge", "--no-ff", "-m", "merged", "submission")
        script = f"{guard}\n{verifying}"
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True
        )

    return run


def added(head, *parts, text="new"):
    path = head.joinpath("leaderboard", "results", *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_new_submissions_are_let_in_and_verified(proposed):
    def change(head):
        added(head, "suite", "new", "records.jsonl.gz")
        added(head, "suite", "--summaries", "suite.json")

    done = proposed(change)
    assert done.returncode == 0, done.stdout + done.stderr
    results = "head/leaderboard/results"
    assert done.stdout == (
        f"<board><verify><--results><{results}><{results}/suite/--summaries><{results}/suite/new>"
    )


CHANGES = {
    "changed": lambda head: added(head, "suite", "old", "records.jsonl.gz"),
    "removed": lambda head: (head / "leaderboard/results/suite/old/records.jsonl.gz").unlink(),
    "renamed": lambda head: (head / "leaderboard/results/suite/old").rename(
        head / "leaderboard/results/suite/older"
    ),
    "code": lambda head: (head / "code.py").write_text("new"),
    "new code": lambda head: (head / "more.py").write_text("new"),
    "link": lambda head: (head / "leaderboard/results/suite/link").symlink_to("/etc"),
    "link beside": lambda head: added(head, "suite", "n", "a").with_name("b").symlink_to("a"),
    "executable": lambda head: added(head, "suite", "new", "a").chmod(0o755),
    "above a submission": lambda head: added(head, "suite", "stray"),
    "below a submission": lambda head: added(head, "suite", "new", "deep", "a"),
    "beside": lambda head: added(head, "..", "results2", "s", "n", "a"),
    "strange name": lambda head: added(head, "suite", "new", "a\n:000000"),
    "nothing": lambda head: None,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_all_else_is_refused(proposed, change):
    def with_a_submission(head):
        if change is not CHANGES["nothing"]:
            added(head, "suite", "fine", "records.jsonl.gz")
        change(head)

    assert proposed(with_a_submission).returncode == 1
