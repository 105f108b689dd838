"""Completion in a shell: it can be installed, and completes verbs and options."""

import os
import shutil
import subprocess
import sys

import pytest

START = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'tlbench'; from tlbench.cli import main; main()",
]


def completed(words):
    environment = {
        **os.environ, "_TLBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }  # fmt: skip
    ran = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=300)
    return ran.stdout.split()


def test_verbs_and_options_are_completed():
    assert completed("tlbench doc") == ["doctor"]
    assert "--dry-run" in completed("tlbench run --dr")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_it_is_installed_for_a_shell(tmp_path):
    # Else typer looks for a shell among the processes that have started this one.
    named = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
    environment = {**os.environ, "HOME": str(tmp_path), named: "1"}
    ran = subprocess.run(
        [*START, "--install-completion", "bash"],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (script,) = tmp_path.glob("**/tlbench.sh")
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "_TLBENCH_COMPLETE" in script.read_text()
