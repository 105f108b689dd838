"""A hundred thousand records: how long the site takes, what it needs, and how large it gets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import publish

pytestmark = [pytest.mark.slow, pytest.mark.alone]

FIVE = "[0, 1, 2, 3, 4]"
SETTINGS = [("pairing", "zip"), ("subset_seeds", FIVE), ("init_seeds", FIVE)]
"""Five pairs that share nothing; with five backbones and what errors are broken down by."""
SUBMISSIONS = 28
RECORDS = 100_000
LOOPS, MEGABYTES, PAGE = 125, 1000, 2_000_000
"""Time of the processor, in that of a loop of Python (0.5 s on a slow machine), timed before and
after, as a machine may become slower meanwhile; and sizes."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "results"
    for number in range(SUBMISSIONS):
        publish(folder, f"group-{number}", "backbones-cpu", SETTINGS, seed=number)
    return folder


def test_it_is_built_in_time_and_memory_and_its_pages_are_small(large: Path):
    out = large.parent / "site"
    code = (
        "import resource, time; from pathlib import Path\n"
        "def used():\n"
        "    found = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    return found.ru_utime + found.ru_stime\n"
        "def loop():\n"
        "    started = used(); sum(n * n for n in range(5_000_000)); return used() - started\n"
        "loops = [loop()]\n"
        "from tlbench.board.site.build import build_site\n"
        f"built = build_site(Path({str(large)!r}), Path({str(out)!r}))\n"
        "taken = used() - loops[0]; loops.append(loop())\n"
        "most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(2 * taken / sum(loops), most, built.boards[0][1])"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **threads}
    )
    assert finished.returncode == 0, finished.stderr
    # Machines differ twofold in speed, and other work on them does not count.
    loops, megabytes, n_rows = map(float, finished.stdout.split())
    assert _n_records(large) >= RECORDS
    assert loops <= LOOPS
    assert megabytes < MEGABYTES
    for page in out.rglob("*.html"):
        own = [page, *page.parent.glob("rows-*.js")]
        assert sum(path.stat().st_size for path in own) <= PAGE
    board = json.loads((out / "board.json").read_text())
    assert sum(len(each["rows"]) for each in board["boards"]) == n_rows


def test_its_table_is_usable_at_once(large: Path, browser):
    site = large.parent / "site"
    page = browser.new_page()
    (path,) = site.glob("suites/backbones-cpu/*/index.html")
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector("#rows tbody tr")
    times = page.evaluate(
        """() => {
          const time = action => {
            const start = performance.now(); action(); return performance.now() - start;
          };
          const click = name => document.querySelector(`th[data-column=${name}] button`).click();
          const choose = (name, value) => {
            const select = document.querySelector(`[name=${name}]`);
            select.value = value;
            select.dispatchEvent(new Event("change", { bubbles: true }));
          };
          return [time(() => click("value")), time(() => choose("backbone", "schnet"))];
        }"""
    )
    assert max(times) < 500, "sorting and filtering take milliseconds"
    page.close()


def _n_records(results: Path) -> int:
    from tlbench.base.files import read_bounded

    return sum(read_bounded(path).count(b"\n") for path in results.rglob("records.jsonl.gz"))
