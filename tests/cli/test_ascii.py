"""Verbs print where the locale is C and where output must be ASCII, instead of raising an error."""

import os
import subprocess
import sys

import pytest

ASCII = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
VERBS = {
    "--help": "Benchmark transfer learning",
    "run --help": "--dry-run",
    "ls suites": "Si -> Ge",
    "show metric force_mae": "meV/A",
    "show suite smoke": "Si -> Ge",
    "show dataset sw-si-64": "",
}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_print_ascii(verb, tmp_path):
    environment = {**os.environ, **ASCII, "TLBENCH_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-m", "tlbench", *verb.split()]
    ran = subprocess.run(command, capture_output=True, env=environment, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    assert ran.stdout.isascii()
    assert VERBS[verb] in ran.stdout.decode()


def test_complaints_are_ascii_too(tmp_path):
    environment = {**os.environ, **ASCII, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "tlbench", "show", "suite", "Å→×"]
    ran = subprocess.run(command, capture_output=True, env=environment, timeout=300, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.isascii()
    assert b"Traceback" not in ran.stderr
