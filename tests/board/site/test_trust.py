"""Rows and pages say how far a submission has been checked."""

import csv
import json
import re
from datetime import date
from hashlib import sha256
from itertools import count
from pathlib import Path

import one_budget
import pytest
from synthetic import publish
from typer.testing import CliRunner

from tlbench.board.checks.agreement import Findings
from tlbench.board.checks.files import read_checks, write_check
from tlbench.board.checks.record import (
    EVALUATED,
    TOLERANCES,
    TRAINED,
    CheckedModel,
    Machine,
    draw,
    source_jobs,
)
from tlbench.board.checks.trust import Trust, summary
from tlbench.board.reading import read_submission
from tlbench.board.site.assembly import Assembly
from tlbench.board.site.best_models import best_models
from tlbench.board.site.boards import Member
from tlbench.board.site.build import Built, build_site
from tlbench.board.verification import verify_all
from tlbench.board.verification.models import measured_models
from tlbench.cli import app
from tlbench.study.loading import load_suite

EVIL = "<script>alert(1)</script>"
MACHINE = Machine(
    device="Processor <b>, 2 cores",
    kernels="cc 12",
    instructions="AVX2",
    python="3.11.7",
    packages={"torch": "2.13.0+cpu"},
    tlbench="0.1.0",
    git_commit="c0ffee" + "0" * 34,
    git_dirty=False,
)


def seed_without_sources(entry, number):
    """Return a seed that draws models of which none starts from another."""
    models = measured_models(entry)

    def sources(seed):
        drawn = [model.job for model in draw(entry, number, seed)]
        return source_jobs(models, drawn) - set(drawn)

    return next(seed for seed in count() if not sources(seed))


def findings(entry, kind=TRAINED, number=2, largest=0.0, differing=()):
    """Return findings of the first models drawn; those with the numbers ``differing`` differ."""
    models = list(measured_models(entry).values())
    seed, drawn = None, None
    if kind == TRAINED:
        seed, drawn = seed_without_sources(entry, number), number
        models = draw(entry, number, seed)
    checked = [
        CheckedModel(
            model=model.where.label(),
            job=model.job,
            numbers=len(model.records),
            largest=0.25 if n in differing else largest,
            same_weights=largest == 0,
        )
        for n, model in enumerate(models[:number])
    ]
    return Findings(kind, checked, seed=seed, drawn=drawn)


def record(folder: Path, by: str | None = None, kind=TRAINED, **how) -> Path:
    entry = read_submission(folder)
    check = findings(entry, kind, **how).check(entry, TOLERANCES[kind], by, MACHINE)
    return write_check(check, folder.parents[1])


SMALL = [
    *one_budget.QUICK.items(),
    ("sizes", "[10]"),
    ("by", "[]"),
    ("metrics", "[force_mae]"),
]
"""One size and budget, of forces alone."""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "results"
    made = {
        name: publish(folder, name, settings=SMALL, seed=seed)
        for seed, name in enumerate(["untouched", "weighed", "trained", "failed", "spoilt"])
    }
    record(made["weighed"], kind=EVALUATED, number=5, largest=1e-5)
    record(made["trained"], by=EVIL, largest=2.5e-3)
    record(made["trained"], kind=EVALUATED, number=9)
    record(made["failed"], kind=EVALUATED, number=9)
    record(made["failed"], differing=[1])
    record(made["spoilt"]).with_name("2026-01-01-trained-again-00000000.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def built(results) -> Built:
    return build_site(results, results.parent / "site")


@pytest.fixture(scope="module")
def site(results, built) -> Path:
    return results.parent / "site"


LEVELS = {
    "untouched": ("recomputed", 16),
    "weighed": ("evaluated again", 5),
    "trained": ("trained again", 2),
    "failed": ("check failed", 1),
    "spoilt": ("trained again", 2),
}


def test_every_row_of_the_data_has_the_level_of_its_submission(results, site):
    n_models = len(measured_models(read_submission(next(results.glob("*/untouched")))))
    with (site / "board.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {r["submission"]: (r["verification"], r["models_checked"], r["models"]) for r in rows}
    wanted = {name: (level, str(count), str(n_models)) for name, (level, count) in LEVELS.items()}
    assert found == wanted
    board = json.loads((site / "board.json").read_text())["boards"][0]
    about = {each["name"]: each for each in board["submissions"]}
    assert about["failed"]["models_differing"] == 1
    assert about["trained"]["models_trained_again"] == 2
    assert about["trained"]["models_evaluated_again"] == 9
    assert [check["kind"] for check in about["failed"]["checks"]] == [EVALUATED, TRAINED]
    assert about["failed"]["checks"][1]["machine"]["git_dirty"] is False
    assert about["untouched"]["checks"] == []


def test_a_page_says_who_found_what_when_and_on_which_machine(site):
    page = (site / "submissions/quick/trained/index.html").read_text()
    assert "trained again: 2 of 16 models" in page
    assert "<dd>2 of 16, drawn at random (seed " in page
    assert (
        "0.0025, relative; up to 0.01 counts as agreement, and 0.001 where the weights are "
        "identical" in page
    )
    assert "0 of 2 the same, byte for byte" in page
    assert "<dd><q><bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></q></dd>" in page
    assert EVIL not in page
    assert "<bdi>Processor &lt;b&gt;, 2 cores (AVX2)</bdi>" in page
    assert f"tlbench <bdi>0.1.0</bdi>, {MACHINE.git_commit}; Python" in page
    assert page.count('<td class="word">agrees</td>') == 11
    assert "failed" not in page


def test_models_and_their_simulations_are_counted_apart(site):
    page = (site / "submissions/quick/trained/index.html").read_text()
    assert "<dt>models</dt><dd>16 models, 14 of them also simulated</dd>" in page


def test_the_words_fit_a_single_model(tmp_path):
    folder = publish(tmp_path / "results", "mine", settings=SMALL)
    record(folder, number=1)
    build_site(tmp_path / "results", tmp_path / "site")
    page = (tmp_path / "site/submissions/quick/mine/index.html").read_text()
    assert "<summary>The model</summary>" in page
    assert "<dd>1 of 16, drawn at random (seed " in page
    assert "All published numbers" not in page
    (suite,) = (tmp_path / "site").glob("suites/quick/*/index.html")
    assert f"<bdi>{load_suite('quick').title}</bdi> (changed)</h1>" in suite.read_text()


def test_what_nobody_has_checked_is_said(site):
    page = (site / "submissions/quick/untouched/index.html").read_text()
    assert "No model was evaluated or trained again" in page
    assert "submitter's word" in page


def test_a_failed_check_is_said_on_every_page_that_shows_the_submission(site):
    for path in ("submissions/quick/failed/index.html", "suites/quick/*/index.html"):
        page = next(site.glob(path)).read_text()
        assert "Check failed: 1 model of the submission failed did not give the published" in page
    page = (site / "submissions/quick/failed/index.html").read_text()
    assert page.count('<td class="word failed">differs</td>') == 1
    front = (site / "index.html").read_text()
    assert (
        "1 with a failed check; 1 only recomputed; 1 with models evaluated again; "
        "2 with models trained again"
    ) in front


def test_what_failed_a_check_has_no_rank_and_is_in_no_summary(tmp_path):
    settings = [
        ("sizes", "[10]"), ("by", "[]"), ("metrics", "[force_mae]"), ("dynamics", "null"),
        ("subset_seeds", "[0, 1, 2, 3, 4]"), ("init_seeds", "[0, 1, 2, 3, 4]"),
        ("backbones", "{schnet: {}}"),
    ]  # fmt: skip
    results = tmp_path / "results"
    for seed, name in enumerate(("good", "bad")):
        folder = publish(results, name, settings=settings, seed=seed)
    before = Assembly().site(_members(results))
    assert {row.submission for row in before.published[0].rows if row.standing} == {
        "good", "bad",
    }  # fmt: skip
    record(folder, differing=[0])
    (published,) = Assembly().site(_members(results)).published
    marked = {row.submission: row.trust.level for row in published.rows}
    assert marked == {"good": "recomputed", "bad": "check failed"}
    assert {row.submission for row in published.rows if row.standing} == {"good"}
    good = {row.ratio for row in published.rows if row.submission == "good"}
    assert set(published.headline.ratios) <= good
    assert published.headline.best.submission == "good"
    assert {name for name, _ in best_models(published.board, published.rows)} == {"good"}


def test_where_every_submission_failed_a_check_the_page_is_made_without_headline(tmp_path):
    folder = publish(tmp_path / "results", "bad", settings=SMALL)
    record(folder, differing=[0])
    made = Assembly().site(_members(tmp_path / "results"))
    assert made.failures == []
    page = made.files[next(p for p in made.files if re.fullmatch(r"suites/quick.*/index.html", p))]
    assert "Check failed: 1 model of the submission bad" in page.decode()
    assert made.published[0].headline.ratios == []


def _members(results):
    return [
        Member(v.entry, v.coverage, (), tuple(read_checks(v.entry, results)[0]))
        for v in verify_all(results)
    ]


def test_a_record_that_does_not_fit_is_named_and_the_site_is_built(built, site):
    (problem,) = built.bad_checks
    assert "2026-01-01-trained-again-00000000.json" in problem
    assert built.left_out == built.failures == []
    assert (site / "submissions/quick/spoilt/index.html").is_file()


def test_the_command_names_it_too(results, tmp_path, command):
    made = command("board", "build", "--results", results, "--out", tmp_path / "site")
    assert made.returncode == 1
    assert "left out: " in made.stderr
    assert "2026-01-01-trained-again-00000000.json" in made.stderr
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_model_that_differs_once_is_not_taken_for_checked():
    def trust(trained, evaluated, differing):
        return Trust(trained, evaluated, differing, 40)

    assert trust(0, 0, 0).text == "recomputed"
    assert trust(0, 40, 0).text == "evaluated again: 40 of 40 models"
    assert trust(3, 40, 0).text == "trained again: 3 of 40 models"
    assert trust(3, 40, 2).text == "check failed: 2 of 40 models differ"
    assert trust(3, 40, 1).text == "check failed: 1 of 40 models differs"
    assert summary([trust(3, 0, 0)]) == "trained again: 3 of 40 models"
    several = [trust(3, 0, 0), trust(0, 0, 0), trust(1, 0, 1), trust(0, 0, 0)]
    assert summary(several) == (
        "1 with a failed check; 2 only recomputed; 1 with models trained again"
    )


def test_checks_of_one_submission_are_taken_together(results):
    entry = read_submission(next(results.glob("*/trained")))

    def check(**how):
        return findings(entry, **how).check(entry, TOLERANCES[TRAINED], None, MACHINE)

    good, bad = check(number=3), check(number=3, differing=[0])
    assert Trust.of([good, good], 16) == Trust(3, 0, 0, 16)
    assert Trust.of([good, bad], 16) == Trust.of([bad, good], 16) == Trust(2, 0, 1, 16)


def test_a_later_check_of_the_same_kind_supersedes(results):
    entry = read_submission(next(results.glob("*/trained")))

    def check(day, kind=TRAINED, **how):
        found = findings(entry, kind, **how).check(entry, TOLERANCES[kind], None, MACHINE)
        return found.model_copy(update={"date": date(2026, 1, day)})

    bad, good = check(1, number=3, differing=[0]), check(2, number=3)
    assert Trust.of([bad, good], 16) == Trust.of([good, bad], 16) == Trust(3, 0, 0, 16)
    assert Trust.of([check(1, number=3), check(2, number=3, differing=[0])], 16).differing == 1
    # Weights that give the published errors do not show how they were trained.
    weighed = check(2, EVALUATED, number=16)
    assert Trust.of([bad, weighed], 16) == Trust(2, 15, 1, 16)


def test_verify_says_which_check_differs_until_a_later_one_agrees(tmp_path):
    folder = publish(tmp_path / "results", "mine", settings=SMALL)
    bad = record(folder, differing=[1])
    arguments = ["board", "verify", "--results", str(tmp_path / "results")]
    failed = CliRunner().invoke(app, arguments)
    day = bad.name[:10]
    assert failed.exit_code == 1
    assert f"DIFFERS  check of {day}: 1 model differs from what is published" in failed.output
    text = bad.read_text().replace(day, "2026-01-01")
    bad.unlink()
    ending = sha256(text.encode()).hexdigest()[:8]
    bad.with_name(f"2026-01-01-trained-again-{ending}.json").write_text(text)
    record(folder)
    build_site(tmp_path / "results", tmp_path / "site")
    page = (tmp_path / "site/submissions/quick/mine/index.html").read_text()
    assert "1 model differs</span>, superseded by a later check</h3>" in page
    repeated = CliRunner().invoke(app, arguments)
    assert repeated.exit_code == 0, repeated.output
    assert "DIFFERS" not in repeated.output
    assert "1 of which DIFFER" in repeated.output
