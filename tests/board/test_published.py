"""What is published can be read, and tables of it are made of its records."""

import re
import shutil
from pathlib import Path

import pytest

from tlbench.board.reading import submission_folders
from tlbench.board.site.build import build_site
from tlbench.board.verification import Verdict, verify_all

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "leaderboard" / "results"
SUBMISSIONS = submission_folders(RESULTS)


@pytest.fixture(scope="module")
def verdicts() -> dict[Path, Verdict]:
    """Return folder → verdict of all that is published, which takes a while."""
    return {verdict.folder: verdict for verdict in verify_all(RESULTS)}


@pytest.mark.parametrize("folder", SUBMISSIONS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_submission_is_whole_and_all_its_numbers_follow(folder, verdicts):
    verdict = verdicts[folder]
    # A suite may share models with another, and a part of one be published before the whole.
    repeated = "Its models are those of "
    assert verdict.problems == [n for n in verdict.notes if not n.startswith(repeated)] == []
    assert verdict.recomputed == len(verdict.entry.results.records) > 0
    assert verdict.coverage.found == verdict.coverage.expected


def test_the_site_is_built_of_them_and_the_readme_has_its_tables(verdicts, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "tlbench.board.site.build.verify_all", lambda results, private: [*verdicts.values()]
    )
    kept = ROOT / "leaderboard" / "README.md"
    copy = shutil.copyfile(kept, tmp_path / "README.md")
    built = build_site(RESULTS, tmp_path / "site", [copy])
    assert built.left_out == []
    assert built.n_submissions == len(SUBMISSIONS)
    assert copy.read_text() == kept.read_text()
    front = (tmp_path / "site" / "index.html").read_text()
    # Other versions say their budget, and what was compared by forces also by energies.
    assert "<code>si-ge-dft-cpu</code> version 1" in front
    assert ". 400 updates: speed of learning, not shown to be converged; untuned.</li>" in front
    # backbones-cpu and matrix-cpu are the suites with results whose data have not changed since.
    assert front.count("at this budget, energy_mae") == 2
    # A suite that trains nothing says how good the potentials are as they are.
    assert "<dt>As they are, force_mae</dt>" in front
    assert re.search(r"sevennet-l3i5 99\.2, sevennet-0 134\.2, chgnet-0\.3\.0 208\.\d meV", front)


def test_no_table_of_results_is_typed():
    """The board makes the table of the README from the records, the manual those of its pages."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*/*.md")]
    typed = [page for page in pages if page.parent.name != "generated"]
    assert len(typed) > 20
    for page in typed:
        text = page.read_text()
        assert not re.search(r"^\| (backbone|source|distance) +\|", text, re.MULTILINE), page
