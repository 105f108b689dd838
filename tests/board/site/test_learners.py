"""Arms whose learning is known go from errors to report and board, which say that and no more."""

import csv
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import learners
import pytest
from learned import Submission
from learners import Learner, Learners

from tlbench.board.site.build import build_site
from tlbench.board.site.exports import board_csv, board_json
from tlbench.board.site.overview import overview_table
from tlbench.metrics.conditions import Weights
from tlbench.metrics.statistics import Convergence, Interval, Ratio
from tlbench.report.budgets.outcomes import Outcome
from tlbench.report.budgets.words import sentences
from tlbench.report.html import figures_json
from tlbench.study.model_key import ModelKey, Place, Transfer

ARMS = {
    "scratch": learners.SCRATCH,
    "finetune": learners.ONLY_FASTER,
    "l2-sp": learners.LOWER,
    "layerwise-lr": learners.SLOWER_BUT_LOWER,
    "head-only": learners.HIGHER,
    "freeze-embedding": learners.FASTER_BUT_HIGHER,
    "freeze-interactions": learners.RISING,
    "mixed": learners.OPEN,
    "finetune+mean": learners.UNCLEAR,
    "l2-sp+random": learners.LOWER,
}
ALL = Learners(ARMS, energies={"l2-sp+random": learners.HIGHER})
OPEN = {"mixed": "not converged", "finetune+mean": "unresolved"}
"""Arms that are not shown to be converged, and the state of each."""

OPEN_FINETUNING = {"scratch": learners.SCRATCH, "finetune": learners.OPEN}


class OpenAtFew(Learners):
    """Learners of which fine-tuning on four structures is not converged."""

    def errors(self, model: ModelKey, weights: Weights = "last") -> tuple[float, float]:
        """Return the errors of forces and energies."""
        return Learners(OPEN_FINETUNING if model.size == 4 else self.forces).errors(model, weights)


CLAIMS = re.compile(r"\b(ends (lower|higher)|end lower|better|worth|once both|once neither)\b")


RATIO = Ratio(0.8, 5, Interval(0.78, 0.82), 1e-5)
SAME = Ratio(1.0, 5, Interval(0.98, 1.02), 0.9)
CONVERGENCE = Convergence(Ratio(0.99, 5, Interval(0.98, 1.0), 0.1), (100, 400))


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def made(case: str) -> Submission:
        found, n_pairs = {
            "all": (ALL, 5),
            "two pairs": (Learners({"scratch": ARMS["scratch"], "finetune": learners.LOWER}), 2),
            # Scratch still falls by 2.8 % in the last step, to where finetune has been all along.
            "one asymptote": (
                Learners(
                    {
                        "scratch": Learner(100.0, excess=0.065, rate=800.0),
                        "finetune": Learner(100.0, excess=0.0),
                    }
                ),
                5,
            ),
            "longer is lower": (
                Learners(
                    {
                        "scratch": Learner(100.0),
                        "finetune": learners.LOWER,
                        "scratch-long": Learner(60.0),
                    }
                ),
                5,
            ),
            "longer is no higher": (
                Learners(
                    {
                        "scratch": Learner(72.0),
                        "finetune": learners.LOWER,
                        "scratch-long": Learner(70.5),
                    }
                ),
                5,
            ),
            "slow scratch": (
                Learners({"scratch": Learner(50.0, rate=2000.0), "finetune": Learner(50.0)}), 5,
            ),
            "open at few structures": (
                OpenAtFew({"scratch": ARMS["scratch"], "finetune": learners.LOWER}), 5,
            ),
            "open beside another": (
                Learners({**OPEN_FINETUNING, "l2-sp": learners.LOWER}), 5,
            ),
            "open energies": (
                Learners(
                    {"scratch": ARMS["scratch"], "finetune": learners.LOWER},
                    energies={"finetune": learners.OPEN},
                ),
                5,
            ),
        }[case]  # fmt: skip
        arms = [arm for arm in found.forces if arm != "scratch-long"]
        return Submission(tmp_path_factory.mktemp("learners"), found, arms, n_pairs)

    return made


@pytest.fixture(scope="module")
def every(submission: Any) -> Submission:
    found: Submission = submission("all")
    return found


def test_learners_verify(every: Submission):
    assert every.problems == []


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (
            "finetune",
            r"it learns faster: its error is 0\.69 .* after 100 updates; once neither .* is 1\.00",
        ),
        ("l2-sp", r"it learns faster and ends lower: .* 0\.70 \[.* once both are converged\."),
        ("layerwise-lr", r"it ends lower: converged, its error is 0\.70"),
        ("head-only", r"it ends higher: converged, its error is 1\.30 .*\(negative transfer\)"),
        ("freeze-embedding", r"it learns faster but ends higher: its error is 0\.85 .* 1\.30"),
        (
            "freeze-interactions",
            r"it learns faster and ends lower: .* 0\.70 .*lowest validation error",
        ),
        ("mixed", r"not shown to be converged \(mixed\): after 1,600 .*0\.72.*after 100 .*0\.62"),
        ("finetune+mean", r"not shown to be converged \(finetune\+mean\): .* how fast they"),
    ],
)
def test_each_arm_is_said_to_do_what_it_does(every: Submission, arm: str, said: str):
    sentence, *others = every.said(arm)
    assert re.match(rf", N = 4 and 10: {said}", sentence)
    assert (sentence.count("faster") > 0) == ("faster" in said)
    assert bool(CLAIMS.search(sentence)) == (arm not in OPEN)
    # The weights of an arm that got worse were better before.
    rising = arm == "freeze-interactions"
    assert len(others) == rising
    assert not rising or "its error rises with more updates: after 1,600 it is 1.42" in others[0]


def test_only_what_ends_lower_in_forces_and_energies_is_better(every: Submission):
    assert re.match(
        ", N = 4 and 10: it ends higher", every.said("l2-sp+random", "errors-energy_mae")[0]
    )
    both = [arm for arm in ARMS if any(" both end lower" in s for s in every.said(arm, "budgets"))]
    assert both == ["l2-sp", "layerwise-lr", "freeze-interactions"]
    (against,) = every.said("l2-sp+random", "budgets")
    assert against == ": at N = 4 and 10, one of force_mae and energy_mae ends lower, one higher."
    (without,) = [
        s for s in every.section("budgets").sentences if s.startswith("With no training set")
    ]
    named = set(without.partition("scratch: ")[2].rstrip(".").split("; "))
    assert named == {f"schnet, {arm}" for arm in ARMS.keys() - {"scratch", *both}}


def test_convergence_is_tabulated_with_its_rule(every: Submission):
    assert "falls by less than 3 % or rises" in every.summary
    compared = "rise with more updates: of these the weights of the lowest validation error are"
    assert f"freeze-interactions, N = 10 {compared} compared." in every.summary
    states = {
        line["arm"]: line["converged?"]
        for line in every.table("budgets", "Converged or not, force_mae")
        if line["N"] == "10"
    }
    assert {arm: states[arm] for arm in OPEN} == OPEN
    assert states["freeze-interactions"] == "converged, rising"
    assert {states[arm] for arm in states.keys() - {*OPEN, "freeze-interactions"}} == {"converged"}
    (line, _) = every.table("sources", "Source models")
    assert line["converged?"] == "converged"


def test_ranks_and_numbers_of_structures_are_of_converged_cells(every: Submission):
    (ranks,) = [t for t in every.section("errors-force_mae").tables if "Ranks" in t.title]
    assert ranks.title == "Ranks at N = 10 of converged models"
    assert ranks.note.endswith(
        "not shown to be converged: schnet, mixed; schnet, finetune+mean; schnet, scratch-long."
    )
    groups = {line[0].removeprefix("schnet, "): line[2] for line in ranks.lines[1:]}
    assert groups.keys() == ARMS.keys() - OPEN.keys()
    assert groups["l2-sp"] == groups["layerwise-lr"] == "1"
    assert groups["finetune"] == groups["scratch"] == "2"
    assert {row.place.strategy for row in every.rows() if row.standing} == {*groups}
    assert {row.place.strategy: str(row.group) for row in every.rows() if row.standing} == groups
    assert not any(row.standing for row in every.rows(updates=400))
    worth = {line["arm"] for line in every.table("budgets", "Worth in structures, force_mae")}
    assert worth == groups.keys() - {"scratch", "freeze-interactions"}


def test_hypotheses_name_the_sizes_that_are_not_converged(every: Submission):
    lines = {line["arm"]: line for line in every.table("budgets", "Tests, force_mae")}
    assert lines.keys() == ARMS.keys() - {"scratch"}
    assert {
        a: line["not converged at N"] for a, line in lines.items() if a in OPEN
    } == dict.fromkeys(OPEN, "4, 10")
    assert float(lines["finetune"]["p (Holm)"]) > 0.5
    assert float(lines["l2-sp"]["p (Holm)"]) < 1e-6


def test_equal_updates_are_compared_at_the_largest_budget(every: Submission):
    lines = every.table("budgets", "Equal data, and equal updates in all, force_mae")
    assert {line["updates"] for line in lines} == {"1,600"}
    assert {line["arm"] for line in lines} == ARMS.keys() - {"scratch"}
    (line,) = [each for each in lines if (each["arm"], each["N"]) == ("l2-sp", "10")]
    assert line["equal data: / scratch"].startswith("0.70 [")
    assert line["equal updates in all: / scratch-long"].startswith("0.70 [")
    costs = [line[f"with {n}"] for n in ("1 target", "5 targets", "20 targets")]
    assert costs == ["3,600", "2,000", "1,700"]


def test_the_best_weights_of_what_gets_worse_are_lower(every: Submission):
    lines = every.table("budgets", "Last and best weights after 1,600 updates, force_mae")
    ratios = {line["arm"]: line["best / last"][:4] for line in lines if line["N"] == "10"}
    assert ratios["freeze-interactions"] == "0.50"
    assert {ratios[arm] for arm in ratios.keys() - {"freeze-interactions", *OPEN}} == {"1.00"}


def test_a_board_says_what_is_converged(every: Submission):
    head = every.board.headline
    assert (head.claim, head.range_text(), head.best_of) == (
        "once converged", "1.00", "of converged models",
    )  # fmt: skip
    assert head.best is not None
    assert head.best.place.strategy in ("l2-sp", "l2-sp+random", "layerwise-lr")
    above, _, _, _, line = overview_table([every.board]).splitlines()
    assert above.endswith(" Convergence of forces and energies is shown in every line.")
    assert line.endswith("| 1,600 | 1.00 | 1.00 | 5 pairs |")


NOT_SHOWN = "after 1,600 updates, not shown to be converged"


@pytest.mark.parametrize(
    ("case", "claim", "ratios", "energies", "best_of", "best"),
    [
        ("open at few structures", NOT_SHOWN, "0.70 to 0.72", NOT_SHOWN, "after 1,600 updates",
         "finetune"),
        ("open beside another", NOT_SHOWN, "0.72 to 0.73", NOT_SHOWN, "after 1,600 updates",
         "l2-sp"),
        ("open energies", "once converged", "0.70", NOT_SHOWN, "of converged models", "finetune"),
    ],
)  # fmt: skip
def test_a_headline_is_of_one_arm_and_converged_only_where_every_cell_is(
    submission: Any, case: str, claim: str, ratios: str, energies: str, best_of: str, best: str
):
    found: Submission = submission(case)
    head = found.board.headline
    assert (head.arm, head.claim, head.range_text()) == ("finetune", claim, ratios)
    assert len(head.ratios) == 2
    assert head.beside is not None
    assert head.beside.claim == energies
    assert head.best is not None
    assert (head.best_of, head.best.place.strategy) == (best_of, best)
    above, _, _, _, line = overview_table([found.board]).splitlines()
    assert above == "The arm is finetune in every line. " + (
        "Convergence of forces is shown in every line."
        if claim == "once converged"
        else "Convergence is shown in no line."
    )
    assert line.endswith(f"| 1,600 | {ratios} | {head.beside.range_text()} | 5 pairs |")


def test_every_row_is_exported_with_budget_and_state(every: Submission):
    content = json.loads(board_json([every.board]))
    lines = [
        dict(zip(content["columns"], row, strict=True)) for row in content["boards"][0]["rows"]
    ]
    table = list(csv.DictReader(io.StringIO(board_csv([every.board]))))
    assert len(lines) == len(table) == len(every.board.rows)
    for line, cells in zip(lines, table, strict=True):
        assert cells["updates"] == ("" if line["updates"] is None else str(line["updates"]))
        assert cells["convergence"] == (line["convergence"] or "")
        if line["strategy"] == "zero-shot" or line["updates"] != 1600:
            assert line["convergence"] is line["settled"] is line["rank"] is None
        elif line["strategy"] in OPEN and line["size"] == 10 and not line["condition"]:
            assert line["convergence"] == OPEN[line["strategy"]]
            assert (line["settled"], line["rank"]) == (False, None)
    assert {line["updates"] for line in lines} == {*learners.BUDGETS}


def test_where_scratch_is_not_converged_nothing_is_claimed(submission: Any):
    found: Submission = submission("slow scratch")
    assert found.problems == []
    (sentence,) = found.said("finetune")
    assert "not shown to be converged (scratch)" in sentence
    assert "compares how fast they learn, not how they end" in sentence
    assert not CLAIMS.search(sentence)
    assert not any("both end lower" in s for s in found.section("budgets").sentences)
    assert not any("Worth" in table.title for table in found.section("budgets").tables)
    assert found.board.headline.claim == "after 1,600 updates, not shown to be converged"
    assert overview_table([found.board]).startswith(
        "The arm is finetune in every line. Convergence is shown in no line.\n"
    )
    assert {row.place.strategy for row in found.rows() if row.standing} == {"finetune"}
    assert {row.is_settled for row in found.rows()} == {False}


def test_two_pairs_claim_nothing(submission: Any):
    found: Submission = submission("two pairs")
    assert found.problems == []
    (sentence,) = found.said("finetune")
    assert "too few pairs for a claim" in sentence
    assert not CLAIMS.search(sentence)
    assert not any(row.standing for row in found.board.rows)
    assert {line["converged?"] for line in found.table("budgets", "Converged or not, force")} == {
        "unresolved"
    }
    assert not any(t.title.startswith(("Tests", "Worth")) for t in found.section("budgets").tables)
    assert "Models are not ranked: at N = 10 none is shown to be converged." in found.summary
    assert found.board.headline.best is None


def test_other_sections_name_the_largest_budget_that_they_are_of(every: Submission):
    for section in every.sections:
        texts = [getattr(block, "text", "") for block in section.blocks]
        named = any("after 1,600 updates, the largest budget" in text for text in texts)
        named |= section.title.endswith("after 1,600 updates")
        # The answer names a budget where what it says is not of converged models.
        assert named == (section.name not in ("answer", "budgets", "sources"))
    (costs,) = every.section("costs").tables
    updates = costs.lines[0].index("updates")
    assert {line[updates] for line in costs.lines[1:]} == {"0", "1,600", "3,600"}


def test_no_two_figures_or_tables_of_a_report_are_the_same(every: Submission):
    figures = [figure.name for section in every.sections for figure in section.figures]
    assert len(set(figures)) == len(figures)
    tables = [str(table.lines) for section in every.sections for table in section.tables]
    assert len(set(tables)) == len(tables)


def test_figures_show_every_budget_and_a_level_for_what_is_not_trained(every: Submission):
    drawn = json.loads(figures_json([every.section("budgets")]))
    panels = drawn["error-curves"][0]
    titles = [each["text"] for each in panels["layout"]["annotations"]]
    assert titles == ["schnet, N = 4", "schnet, N = 10"]
    for trace in panels["data"]:
        level = trace["name"].startswith("zero-shot")
        assert not level or (trace["y"][0] == trace["y"][1] and trace["line"]["dash"] == "dash")
        # That trains for 2,000 updates more, those of pretraining.
        after = [3600] if trace["name"] == "scratch-long" else learners.BUDGETS
        assert level or trace["x"] == after
    maps = drawn["ratio-maps"][0]
    assert all(trace["y"] == ["100", "400", "1,600"] for trace in maps["data"])
    (finetune,) = [t for t in maps["data"] if t["text"][2] == ["1.00", "1.00"]][:1]
    assert finetune["text"][0] == ["0.69", "0.69"]


def test_a_site_has_a_column_and_a_filter_of_budgets(every: Submission, tmp_path: Path):
    ((board, _),) = build_site(every.results, tmp_path / "site").boards
    page = (tmp_path / "site" / board.folder / "index.html").read_text()
    for part in ('data-column="updates"', 'data-column="state"', '<select name="updates">'):
        assert part in page
    assert "finetune / scratch, forces, once converged: 1.00" in page
    assert "Lowest error of converged models at the largest N: " in page


@pytest.mark.parametrize("case", ["one asymptote", "longer is no higher"])
def test_what_convergence_leaves_open_is_no_gain(submission: Any, case: str):
    for sentence in submission(case).said("finetune"):
        assert "once neither error still falls" in sentence or "converged" in sentence
        assert not re.search("ends (lower|higher)|better|worth", sentence)


def test_scratch_that_longer_training_lowers_is_not_converged(submission: Any):
    found = submission("longer is lower")
    (sentence,) = found.said("finetune")
    assert "not shown to be converged (scratch)" in sentence
    assert not any(row.is_settled for row in found.board.rows)
    assert not [t for t in found.section("budgets").tables if t.title.startswith("Worth")]


def test_an_arm_no_lower_than_scratch_of_equal_updates_says_so():
    arm = Outcome(
        "force_mae", Transfer("Si", None, "Ge"), Place("schnet", "finetune", 10),
        {100: RATIO, 400: RATIO}, CONVERGENCE, CONVERGENCE, longer=SAME, p=1e-4,
    )  # fmt: skip
    lower, beside = sentences([arm])
    assert "ends lower" in lower
    assert "pretraining is not shown to be worth its updates" in beside
