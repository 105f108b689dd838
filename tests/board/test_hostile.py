"""Hostile submissions: each is refused, with its reason, and nothing else happens."""

import json
import os
import re

import forged_extras  # noqa: F401
import forged_files  # noqa: F401  # registers its forgeries
import forged_numbers  # noqa: F401
import pytest
from forging import FORGERIES, copied, edit_lines, seal, write

from tlbench.board.reading import read_submission
from tlbench.board.verification import verify, verify_all


def test_there_are_many_forgeries():
    assert len(FORGERIES) >= 30


@pytest.mark.parametrize("name", FORGERIES)
def test_is_refused_with_its_reason(name, tmp_path):
    results = tmp_path / "results"
    folder = copied(results)
    reason, forge = FORGERIES[name]
    forge(folder)
    if not os.path.lexists(folder):
        folder = next(results.glob("*/*"))
    verdict = verify(folder, results)
    assert verdict.problems
    assert verdict.recomputed == 0
    assert re.search(reason, "\n".join(verdict.problems)), verdict.problems
    assert all(problem.isprintable() for problem in verdict.problems)


def test_the_submission_that_they_are_made_from_is_good(tmp_path):
    assert verify(copied(tmp_path), tmp_path).problems == []


def test_a_suite_runs_nothing(tmp_path):
    folder, mark = copied(tmp_path / "results"), tmp_path / "owned"
    suite = f"name: !!python/object/apply:os.system [touch {mark}]\n"
    write(folder / "suite.json", suite)
    seal(folder)
    assert verify(folder, tmp_path / "results").problems
    assert not mark.exists()


def repeated(results, **changes):
    """Return a copy of a good submission under another name, which stands beside it."""
    copy = copied(results).with_name("mine")
    (results / "quick" / "2026-11-23-two-cores").rename(copy)
    copied(results)
    seal(copy, name="mine", **changes)
    return copy


def test_a_new_submission_of_the_models_of_another_is_refused(tmp_path):
    copy = repeated(tmp_path, created="2025-01-01", authors=["Thief"])
    # Also if its numbers are not quite the same.
    edit_lines(copy, "errors", lambda rows: scaled(rows, 1 + 1e-8))
    (verdict,) = verify_all(tmp_path, [copy])
    assert verdict.problems == [
        f"{copy}: Its models are those of quick/2026-11-23-two-cores, judging by their errors."
    ]


def scaled(rows, factor):
    for r in rows:
        r["force_abs"] = [float(f"{factor * total:.9g}") for total in r["force_abs"]]


def test_nobody_is_left_out_because_somebody_copied_it(tmp_path):
    repeated(tmp_path, created="2025-01-01", authors=["Thief"])
    verdicts = verify_all(tmp_path)
    assert [v.problems for v in verdicts] == [[], []]
    assert all("Its models are those of" in v.notes[0] for v in verdicts)


def test_a_lie_about_test_structures_shares_no_table_with_the_truth(tmp_path):
    honest = copied(tmp_path, "backbones-cpu/2026-11-23-two-cores")
    before = read_submission(honest).about.comparable
    about = json.loads((honest / "submission.json").read_text())
    about["data"][1]["tests"] = "0" * 64
    seal(honest, data=about["data"])
    assert read_submission(honest).about.comparable != before
    seal(honest, reference="0" * 64)
    assert len({before, read_submission(honest).about.comparable}) == 2
