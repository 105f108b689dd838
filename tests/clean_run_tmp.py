"""A run whose provenance is that of committed code, also while the code is being changed."""

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def clean_run(smoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the smoke run, as it is where nothing is changed."""
    run = tmp_path_factory.mktemp("run") / "smoke"
    shutil.copytree(smoke.out, run)
    lines = (run / "provenance.jsonl").read_text().splitlines()
    jobs = [{**json.loads(line), "git_dirty": False} for line in lines]
    (run / "provenance.jsonl").write_text("".join(f"{json.dumps(job)}\n" for job in jobs))
    return run
