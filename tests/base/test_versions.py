"""A file of every version of every format is read; ``formats/NAME-VERSION`` has one of each.

Never change these files. A new version adds one.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from tlbench.base import formats
from tlbench.base.errors import InputError
from tlbench.board.checks.record import CHECK_FORMAT
from tlbench.board.submission import SUBMISSION_FORMAT
from tlbench.engine.run.run_log import STARTED_FORMAT
from tlbench.engine.store.plans import read_plan
from tlbench.md.folder import OBSERVABLES_FORMAT, SETTINGS_FORMAT
from tlbench.models.potential import load_potential
from tlbench.regression.comparison import COMPARED_FORMAT
from tlbench.regression.numbers import BASELINE_FORMAT
from tlbench.report.inspection.comparison import SETS_FORMAT
from tlbench.results import costs, distances, dynamics, profiles, records
from tlbench.results.frame_errors import ERRORS_FORMAT, TESTS_FORMAT
from tlbench.results.provenance import PROVENANCE_FORMAT
from tlbench.study.loading import SUITE_FORMAT, load_suite
from tlbench.study.study import resolve
from tlbench.study.tuned import TUNED_FORMAT, read_tuned
from tlbench.training.checkpoint import CURVE_FORMAT
from tlbench.tuning.ledger import LEDGER_FORMAT

FOLDER = Path(__file__).parent / "formats"
OF_LINES = {
    "records": records.RECORDS_FORMAT,
    "costs": costs.COSTS_FORMAT,
    "distances": distances.DISTANCES_FORMAT,
    "profiles": profiles.PROFILES_FORMAT,
    "errors": ERRORS_FORMAT,
    "tests": TESTS_FORMAT,
    "provenance": PROVENANCE_FORMAT,
}
OBJECTS = {
    "dynamics": dynamics.DYNAMICS_FORMAT,
    "submission": SUBMISSION_FORMAT,
    "check": CHECK_FORMAT,
    "baseline": BASELINE_FORMAT,
    "trials": LEDGER_FORMAT,
    "run": STARTED_FORMAT,
    "curve": CURVE_FORMAT,
    "simulation": SETTINGS_FORMAT,
    "observables": OBSERVABLES_FORMAT,
    "comparison": COMPARED_FORMAT,
    "sets": SETS_FORMAT,
}
IN_YAML = {"suite": SUITE_FORMAT, "tuned": TUNED_FORMAT}


def files_of(names):
    return [path for path in sorted(FOLDER.iterdir()) if path.name.partition("-")[0] in names]


def named(path):
    return path.name.partition("-")[0]


@pytest.mark.parametrize("path", files_of(OF_LINES), ids=lambda path: path.name)
def test_lines_of_every_version_are_read_and_written_as_of_today(path, tmp_path):
    form = OF_LINES[named(path)]
    found = form.read_lines(path)
    assert found
    form.write_lines(tmp_path / "today.jsonl", found)
    assert form.read_lines(tmp_path / "today.jsonl") == found
    first = (tmp_path / "today.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"format": form.version}


@pytest.mark.parametrize("path", files_of(OBJECTS), ids=lambda path: path.name)
def test_objects_of_every_version_are_read_and_written_as_of_today(path, tmp_path):
    form = OBJECTS[named(path)]
    found = form.read(path)
    assert isinstance(found, form.model)
    form.write(tmp_path / "today.json", found)
    # A submission keeps the version that its digests were taken with.
    stated = getattr(found, "format", form.version)
    assert form.read(tmp_path / "today.json") == found
    assert json.loads((tmp_path / "today.json").read_text())["format"] == stated


def test_suites_and_tuned_settings_of_every_version_are_read(tmp_path):
    for path in files_of(IN_YAML):
        shutil.copyfile(path, tmp_path / path.name)
    suites = files_of({"suite"})
    assert suites
    for path in suites:
        assert resolve(load_suite(tmp_path / path.name)).grid
    for path in files_of({"tuned"}):
        assert read_tuned(path).arms


def test_potentials_of_every_version_are_read():
    for path in files_of({"potential"}):
        assert load_potential(path).name == "schnet"


def test_a_plan_of_jobs_that_are_described_otherwise_is_planned_anew():
    """Their keys are other keys, so no upgrade would help."""
    with pytest.raises(InputError, match="plan it anew"):
        read_plan(FOLDER / "plan-1.jsonl.gz")


def test_there_is_a_file_of_every_version():
    present = {tuple(re.split(r"[-.]", path.name)[:2]) for path in FOLDER.iterdir()}
    every = OF_LINES | OBJECTS | IN_YAML
    wanted = {
        (name, str(version))
        for name, form in every.items()
        for version in range(formats.FIRST, form.version + 1)
    }
    assert wanted <= present
