"""Models of one submission that have the same errors, or nearly the same."""

import pytest
from forging import copied, edit_lines, follow

from tlbench.leaderboard.verification import verify


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
    problems = verify(folder, folder.parents[1], summaries=False).problems
    assert problems == []


def test_models_with_the_same_errors_are_named(folder):
    give_the_errors_of_the_first_model_to_the_second(folder, 1)
    (problem,) = verify(folder, folder.parents[1], summaries=False).problems
    assert "have the same errors on every structure: " in problem
    names = problem.partition("structure: ")[2].partition(". If")[0].split("; ")
    assert len(set(names)) == 2
    assert all("schnet" in name or "dimenetpp" in name for name in names)
    assert all(", N " in name and ", seeds " in name for name in names)
