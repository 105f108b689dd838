"""Models that have the same errors, or nearly the same, in one submission or in two."""

import re
import time
from itertools import permutations

import numpy as np
import pytest
from forging import PUBLISHED, copied, edit_lines, follow, seal, write
from synthetic import publish

from tlbench.board.reading import read_submission, submission_folders
from tlbench.board.verification import verify, verify_all
from tlbench.board.verification.duplicates import ALIKE, fingerprint, share_in
from tlbench.results.frame_errors import ModelErrors


def resemble(mine, theirs):
    """Return whether nearly all models of the first are in the second."""
    return share_in(mine, theirs) >= ALIKE


@pytest.fixture
def folder(tmp_path):
    return copied(tmp_path)


def give_the_errors_of_the_first_model_to_the_second(folder, factor):
    def change(rows):
        for name, power in (("force_abs", 1), ("force_square", 2)):
            rows[1][name] = [float(f"{factor**power * value:.9g}") for value in rows[0][name]]

    edit_lines(folder, "errors", change)
    follow(folder)


def test_arms_that_differ_in_the_sixth_digit_only_are_two_models(folder):
    """As fine-tuning with and without a weak penalty, after a few updates."""
    give_the_errors_of_the_first_model_to_the_second(folder, 1 + 3e-7)
    problems = verify(folder, folder.parents[1]).problems
    assert problems == []


def test_models_with_the_same_errors_are_named(folder):
    give_the_errors_of_the_first_model_to_the_second(folder, 1)
    (problem,) = verify(folder, folder.parents[1]).problems
    assert "have the same errors on every structure: " in problem
    names = problem.partition("structure: ")[2].partition(". If")[0].split("; ")
    assert len(set(names)) == 2
    assert all("schnet" in name or "dimenetpp" in name for name in names)
    assert all(", N " in name and ", seeds " in name for name in names)


def test_a_copy_with_noise_is_a_copy(tmp_path):
    original = copied(tmp_path)
    copy = copied(tmp_path / "elsewhere").rename(original.with_name("mine"))
    rng = np.random.default_rng(0)

    def disguise(rows):
        for row in rows:
            noise = 1 + 1e-4 * rng.standard_normal(len(row["force_abs"]))
            row["force_abs"] = (noise * row["force_abs"]).tolist()
            row["force_square"] = (noise**2 * row["force_square"]).tolist()

    seal(copy, name="mine")
    edit_lines(copy, "errors", disguise)
    follow(copy)
    (verdict,) = verify_all(tmp_path, [copy])
    assert verdict.problems == [
        f"{copy}: Its models are those of quick/2026-11-23-two-cores, judging by their errors."
    ]


def test_of_models_that_are_partly_those_of_another_it_is_said_how_many(tmp_path):
    original = copied(tmp_path)
    copy = copied(tmp_path / "elsewhere").rename(original.with_name("mine"))

    def disguise(rows):
        for row in rows[: len(rows) // 2]:
            row["force_abs"] = [0.9 * each for each in row["force_abs"]]
            row["force_square"] = [0.81 * each for each in row["force_square"]]

    seal(copy, name="mine")
    edit_lines(copy, "errors", disguise)
    follow(copy)
    (verdict,) = verify_all(tmp_path, [copy])
    assert verdict.problems == []
    (said,) = [note for note in verdict.notes if "judging by their errors" in note]
    assert re.match(r"5\d % of its models are those of quick/2026-11-23-two-cores, judging", said)


def test_a_submission_without_a_number_is_refused_and_is_no_copy(folder):
    for name in ("records", "errors", "costs"):
        write(folder / f"{name}.jsonl.gz", "")
    seal(folder)
    assert verify(folder, folder.parents[1]).problems == [f"{folder}: It has no numbers."]
    assert not resemble({}, {})


def test_other_seeds_are_other_models(tmp_path):
    mine, theirs = (
        fingerprint(read_submission(publish(tmp_path, name, seed=seed)).errors())
        for name, seed in (("mine", 1), ("theirs", 2))
    )
    assert not resemble(mine, theirs)
    assert resemble(mine, mine)


def test_only_repetitions_for_another_version_are_found_among_what_is_published():
    found = {
        folder: fingerprint(read_submission(folder).errors())
        for folder in submission_folders(PUBLISHED)
    }
    pairs = [(a, b) for a in found for b in found if a != b and a.parent == b.parent]
    alike = {(a.name, b.name) for a, b in pairs if resemble(found[a], found[b])}
    # Version 4 of quick trains the models of version 3 on frames that are shipped.
    third, fourth = "2026-11-28-two-cores", "2026-11-29-two-cores"
    # Version 2 of properties-sw-cpu has the models of version 1, and others with more updates.
    longer = "2026-11-29-two-cores-1600-updates"
    # A revision has the models of what it replaces; others simulate them at another temperature.
    long, hot = "2026-11-30-two-cores", "2026-12-01-two-cores"
    same = [
        (third, fourth),
        (
            f"{long}-rate-0.001", f"{long}-rate-0.001-r2",
            f"{hot}-605-k-rate-0.001", f"{hot}-1200-k-rate-0.001",
        ),
        (f"{long}-n40-rate-0.001", f"{hot}-n40-1200-k-rate-0.001"),
    ]  # fmt: skip
    repeated = {pair for names in same for pair in permutations(names, 2)}
    # Their runs have other models, too.
    repeated.add((f"{hot}-1200-k-rate-0.003", long))
    repeated |= {(f"{hot}-n195-1200-k{of}", f"{long}-n195") for of in ("", "-scratch")}
    assert alike == {*repeated, (fourth, longer)}


def test_a_repetition_for_another_version_is_noted_and_not_refused():
    folder = PUBLISHED / "quick" / "2026-11-29-two-cores"
    (verdict,) = verify_all(PUBLISHED, [folder])
    assert not verdict.problems
    said = "Its models are those of quick/2026-11-28-two-cores, judging by their errors."
    assert said in verdict.notes


def of_errors(values):
    """Return models whose errors are the rows of an array."""
    return [
        ModelErrors.model_construct(job=f"{n:064x}", force_abs=row)
        for n, row in enumerate(values.tolist())
    ]


def test_fifty_thousand_models_are_compared_in_seconds():
    # All with the same sum, where none can be left out because of it.
    rng = np.random.default_rng(0)
    errors = rng.uniform(1, 2, (50_000, 30))
    errors /= errors.sum(axis=1, keepdims=True)
    mine, theirs = fingerprint(of_errors(errors)), fingerprint(of_errors(errors[::-1] * 1.2))
    started = time.process_time()
    assert not resemble(mine, theirs)
    assert time.process_time() - started < 20
