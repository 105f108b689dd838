"""What a release says of itself agrees with the package, in every file that says it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = {"torch": "pytorch", "torch-geometric": "pytorch_geometric"}
"""Packages that conda-forge calls otherwise."""

SORTS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_the_citation_is_of_this_version_and_of_the_schema():
    path = ROOT / "CITATION.cff"
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.citation-file-format", path]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    citation = yaml.safe_load(path.read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    first, *releases = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    dates = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", each) for each in releases]
    assert all(dates), releases
    assert [d[2] for d in dates] == sorted((d[2] for d in dates), reverse=True)
    # Each heading has a link, and the newest release is this version or an earlier one.
    for name in ["Unreleased", *(d[1] for d in dates)]:
        assert re.search(rf"^\[{re.escape(name)}\]: https://", text, re.MULTILINE)
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        sorts = re.findall(r"^### (.*)$", part, re.MULTILINE)
        assert sorts == [each for each in SORTS if each in sorts]


def test_the_conda_recipe_needs_what_the_package_needs():
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    assert recipe["build"]["noarch"] == "python"
    assert recipe["context"]["version"] == PROJECT["version"]
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {where}" for name, where in PROJECT["scripts"].items()
    ]
    found = {
        name: bounds
        for name, _, bounds in (r.partition(" ") for r in recipe["requirements"]["run"])
    }
    wanted = {"python": PROJECT["requires-python"]}
    for text in PROJECT["dependencies"]:
        need = Requirement(text)
        wanted[CONDA.get(need.name, need.name)] = str(need.specifier)
    assert found == wanted


def test_the_image_copies_what_there_is_and_runs_quick_by_default():
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    sources = [s for line in lines if line.startswith("COPY") for s in line.split()[1:-1]]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert let_in == set(sources)
    assert all((ROOT / source).exists() for source in sources)
    assert lines[-2:] == ['ENTRYPOINT ["tlbench"]', 'CMD ["run", "quick"]']
    assert next(line for line in lines if line.startswith("FROM")) == "FROM python:3.12-slim"
    assert "Programming Language :: Python :: 3.12" in PROJECT["classifiers"]
    # Not as root, whatever the suite or a plugin does.
    assert "USER tlbench" in lines


def test_pre_commit_runs_the_tools_of_make_lint():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    recipe = (ROOT / "Makefile").read_text().partition("\nlint: ")[2].partition("\n\n")[0]
    assert hooks == set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe))


@pytest.mark.parametrize(
    ("schema", "names"),
    [("github-issue-forms", ("bug", "feature")), ("github-issue-config", ("config",))],
)
def test_issue_forms_are_what_the_schema_says(schema, names):
    files = [ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml" for name in names]
    command = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
