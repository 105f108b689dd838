"""The workflows: well-formed, safe, and naming only what there is."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tlbench.cli import app

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
BIN = Path(sys.executable).parent


LOWEST_EXTRAS = ("distances", "e3nn", "nequip", "parsl", "tune")
"""What can be installed beside each other; mace-torch needs an older e3nn."""


ACTIONS = r"(actions/[\w-]+|pypa/gh-action-pypi-publish)"


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
    # YAML reads the key "on" as true. This event takes the workflow from the base: right for what
    # judges a pull request, dangerous for what runs one.
    assert ("pull_request_target" in workflow[True]) == (name == "submission")
    assert not (name == "submission" and "pull_request" in workflow[True])
    assert "secrets." not in (FOLDER / f"{name}.yml").read_text()
    for key, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60
        if (name, key) == ("release", "publish"):
            # The index trusts it by its name; it runs no code of the repository.
            assert job["permissions"] == {"id-token": "write"}
            assert all("run" not in step for step in job["steps"])
        elif (name, key) != ("site", "publish"):
            assert job.get("permissions", {"contents": "read"}) == {"contents": "read"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_digest_with_their_version(name):
    lines = (FOLDER / f"{name}.yml").read_text().splitlines()
    used = [line for line in lines if re.match(r"\s*(- )?uses:", line)]
    assert len(used) == sum("uses" in step for step in steps(WORKFLOWS[name]))
    for line in used:
        assert re.search(rf"uses: {ACTIONS}@[0-9a-f]{{40}} # v\d+\.\d+\.\d+$", line)


def entries(path):
    """Return name and version of each pinned package of a file of requirements, with its lines."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
    found = [entry for entry in re.split(r"\n(?=\w)", text.replace("\\\n", "")) if entry.strip()]
    return {re.sub(r"[._-]+", "-", entry.split(maxsplit=1)[0].lower()): entry for entry in found}


def test_what_workflows_install_is_locked_by_digest():
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            said = [step["run"] for step in job["steps"] if "run" in step]
            assert not re.search(r"\b(pip|uv|pipx|npm|curl|wget|install)\b", "\n".join(said))
            made = [re.findall(r"\bmake (?:-C \w+ )?(\w+)", text) for text in said]
            assert [targets for targets in made if targets][:1] in ([], [["locked"]])
    recipe = (ROOT / "Makefile").read_text().partition("\nlocked:\n")[2].partition("\n\n")[0]
    installs = re.findall(r"pip install (.*)", recipe)
    assert all("--require-hashes" in each or "--no-index --no-deps" in each for each in installs)
    locked, pinned = entries(FOLDER.parent / "requirements.txt"), entries(ROOT / "constraints.txt")
    assert pinned.keys() <= locked.keys()
    names = ("docs", "lowest", "release")
    others = [entries(FOLDER.parent / f"{name}.txt").values() for name in names]
    for entry in [*locked.values(), *itertools.chain(*others)]:
        assert re.fullmatch(r"[\w.-]+==\S+( ;[^\n]*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry)


def test_the_lowest_versions_are_those_that_the_project_promises():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: project["optional-dependencies"][name] for name in LOWEST_EXTRAS}
    promised = [Requirement(each) for each in sum(extras.values(), project["dependencies"])]
    locked = entries(FOLDER.parent / "lowest.txt").values()
    pinned = dict(entry.split(maxsplit=1)[0].split("==") for entry in locked)
    for each in promised:
        (lowest,) = each.specifier
        assert lowest.operator == ">="
        assert Version(pinned[each.name]) == Version(lowest.version), each


def test_the_lowest_versions_run_the_smoke_suite():
    said = [step["run"] for step in WORKFLOWS["tests"]["jobs"]["lowest"]["steps"] if "run" in step]
    install, smoke, *_ = said
    dry = subprocess.run(["make", "--dry-run", *install.split()[1:]], cwd=ROOT, capture_output=True)
    assert b"--require-hashes --requirement .github/lowest.txt" in dry.stdout
    assert smoke == ".venv/bin/tlbench run smoke --device cpu"


def test_the_lowest_versions_of_every_extra_are_used():
    steps = WORKFLOWS["tests"]["jobs"]["lowest"]["steps"]
    said = "\n".join(step.get("run", "") for step in steps)
    uses = {
        "distances": "tlbench data distances",
        "e3nn": "tlbench check-backbone equivariant",
        "nequip": "tlbench check-backbone nequip",
        "parsl": "--executor parsl",
        "tune": "tlbench tune",
    }
    assert uses.keys() == set(LOWEST_EXTRAS)
    assert all(command in said for command in uses.values())


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


def test_a_release_is_published_only_after_all_checks_and_from_a_tag():
    release = WORKFLOWS["release"]
    assert release[True]["push"] == {"tags": ["v*"]}
    jobs = release["jobs"]
    assert jobs["try"]["needs"] == "build"
    assert jobs["publish"]["needs"] == ["build", "try"]
    assert "github.ref_type == 'tag'" in jobs["publish"]["if"]
    assert jobs["publish"]["environment"]["name"] == "pypi"
    pythons = WORKFLOWS["tests"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert jobs["try"]["strategy"]["matrix"]["python"] == pythons
    # What is published is what was tried: the files are built once.
    built = [name for name, job in jobs.items() if "make package" in str(job)]
    assert built == ["build"]
    recipe = (ROOT / "Makefile").read_text().partition("\npackage: ")[2].partition("\n\n")[0]
    assert "twine check --strict dist/*" in recipe
    locked = entries(FOLDER.parent / "release.txt")
    assert any(name.startswith("twine==") for name in locked)


def test_a_tag_of_another_version_stops_the_release(tmp_path):
    (run,) = (
        s["run"] for s in steps(WORKFLOWS["release"]) if "GITHUB_REF_NAME" in s.get("run", "")
    )
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "tlbench-0.2.0-py3-none-any.whl").touch()
    for tag, code in (("v0.2.0", 0), ("v0.2.1", 1), ("0.2", 1)):
        environment = {**os.environ, "GITHUB_REF_NAME": tag}
        assert subprocess.run(["bash", "-c", run], cwd=tmp_path, env=environment).returncode == code


def test_every_python_that_is_promised_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    promised = [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
    job = WORKFLOWS["tests"]["jobs"]["test"]
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
    assert second["ref"] == "refs/pull/${{ github.event.pull_request.number }}/merge"
    assert all(
        s["with"]["persist-credentials"] is False
        for s in job["steps"]
        if "path" in s.get("with", {})
    )
    # Of the head nothing is run: it is only ever an argument of git and of the verifier.
    for step in job["steps"]:
        for word in re.findall(r"\S*\bhead\b\S*", step.get("run", "")):
            assert word in ("head", "head/leaderboard/results", "'s#^#head/#'")
            assert re.search(r"git -C head|--results head|sed 's#", step["run"])
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
        """Run git on the pull request, and return what it prints."""
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null"]
        command = ["git", "-C", str(head), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def run(change, proposed=None):
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
        tip = git("rev-parse", "submission").strip()
        git("checkout", "main")
        git("merge", "--no-ff", "-m", "merged", "submission")
        script = f"{guard}\n{verifying}"
        env = {**os.environ, "PROPOSED": proposed or tip}
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=env
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
        f"<board><verify><--commits><base><--results><{results}><{results}/suite/--summaries><{results}/suite/new>"
    )


def test_what_was_pushed_after_the_check_had_begun_is_left_to_its_own_check(proposed):
    done = proposed(lambda head: added(head, "suite", "new", "records.jsonl.gz"), "0" * 40)
    assert done.returncode == 1
    assert "its newer check counts" in done.stdout
    assert "<verify>" not in done.stdout


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


def test_one_submission_does_not_keep_the_site_from_being_published(tmp_path):
    jobs = WORKFLOWS["site"]["jobs"]
    (build,) = (each["run"] for each in jobs["build"]["steps"] if each.get("id") == "board")
    (complete,) = (each["run"] for each in jobs["complete"]["steps"])
    assert "complete" not in jobs["publish"]["needs"]
    for code, incomplete in ((0, ""), (2, "true")):
        folder = tmp_path / str(code)
        (folder / "leaderboard/site").mkdir(parents=True)
        (folder / "leaderboard/site/index.html").touch()
        (folder / "make").write_text(f"#!/bin/sh\nexit {code}\n")
        (folder / "make").chmod(0o755)
        said = folder / "said"
        said.touch()
        path = f"{folder}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "GITHUB_OUTPUT": str(said)}
        subprocess.run(["bash", "-e", "-c", build], cwd=folder, env=environment, check=True)
        assert said.read_text().strip() == (f"incomplete={incomplete}" if incomplete else "")
        environment = {**os.environ, "INCOMPLETE": incomplete}
        done = subprocess.run(["bash", "-e", "-c", complete], env=environment)
        assert (done.returncode == 0) == (code == 0)
