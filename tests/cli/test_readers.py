"""Whoever reads the output may go away, or never have been there: verbs go on to their end."""

import json
import os
import shutil
import subprocess
import sys

import pytest

VERBS = {
    "--version": 0,
    "ls suites": 0,
    "show suite smoke": 0,
    "plan smoke --store store": 0,
    "status out": 2,
    "log out schnet": 2,
    "store ls --store store": 2,
    "board verify out": 2,
}
"""Verbs that end soon, and their exit codes."""

ENDS = {
    "nobody": "{} | true",
    "closed": "{} >&-",
    "both": "{} >&- 2>&-",
    "errors": "{} 2>&1 | true",
}


def shell(line, **options):
    """Run a line of bash, whose ``$T`` is the command line; a pipe has the code of its first."""
    env = {**os.environ, "T": f"{sys.executable} -m tlbench"}
    script = f"{line}; exit ${{PIPESTATUS[0]}}"
    command = ["bash", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, **options)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_nobody_reads_is_quiet_and_ends_as_it_would(verb, tmp_path):
    # One that succeeds and one that fails meet all ends.
    ends = list(ENDS) if verb in ("--version", "status out") else ["nobody", "both"]
    lines = [ENDS[end].format(f"$T {verb}") + "; echo ${PIPESTATUS[0]}" for end in ends]
    done = shell("\n".join(lines), cwd=tmp_path)
    assert done.stdout.split() == [str(VERBS[verb])] * len(ends)
    complaints = [line for line in done.stderr.splitlines() if line]
    assert all(line.startswith("tlbench: ") for line in complaints)
    # One sentence where the errors are read, if there is one.
    read = {"nobody", "closed"} & {*ends}
    assert len(complaints) == (len(read) if VERBS[verb] else 0)


def test_a_run_goes_on_when_its_reader_goes_away(smoke, tmp_path):
    store, out = smoke.copy_store(tmp_path / "store"), tmp_path / "out"
    jobs = map(json.loads, (smoke.out / "provenance.jsonl").read_text().splitlines()[1:])
    for job in [job["job"] for job in jobs if job["kind"] == "evaluate"][:2]:
        shutil.rmtree(store / job)
    # Each job that is done prints a line, before the results are written.
    done = shell(f"$T run smoke --workers 1 --store {store} --out {out} | true", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "records.jsonl").read_bytes() == smoke.records
    assert (out / "report.html").exists()


def test_what_cannot_be_written_is_said(tmp_path):
    done = shell("$T ls suites > /dev/full", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "tlbench: No space left on device.\n"
