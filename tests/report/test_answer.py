"""The first sentences of a report say what the intervals carry, and no more."""

import re
from pathlib import Path

import learners
import numpy as np
import one_budget
import pytest
from analyses import analysis_of, record_of
from learned import Submission
from learners import Learner, Learners
from made_up_dynamics import model, of

from tlbench.cli.live import Display
from tlbench.engine.run.runner import Report
from tlbench.report.analysis import Analysis
from tlbench.report.content import Section, Sentences
from tlbench.report.data_notes import NO_NOTES
from tlbench.report.html import write_report
from tlbench.report.markdown import markdown
from tlbench.report.sections.answer import answer, comparisons, side_of
from tlbench.results.costs import Cost
from tlbench.results.results import Results
from tlbench.run import Run
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

NOISE = (0.01, -0.02, 0.0, 0.015, -0.005, 0.01, -0.01, 0.02)


def arm(factor, strategy="finetune", n_pairs=8, spread=1.0, **where):
    """Return records of an arm whose errors are ``factor`` times those from scratch, and noise."""
    errors = [factor * 100 * (1 + spread * NOISE[seed]) for seed in range(n_pairs)]
    return [
        record_of(strategy, error, subset_seed=s, init_seed=s, job=f"{strategy}{s}", **where)
        for s, error in enumerate(errors)
    ]


def scratch(n_pairs=8, **where):
    return arm(1.0, "scratch", n_pairs, spread=-1.0, **where)


def said(records, suite=None, **results):
    suite = suite or load_suite("smoke", [*one_budget.SMOKE.items(), *pairs(8)])
    analysis = Analysis(Results(records, **results), suite, ("force_mae",))
    return [sentence for section in answer(analysis) for sentence in section.sentences]


def pairs(count):
    seeds = str(list(range(count)))
    return [("subset_seeds", seeds), ("init_seeds", seeds), ("pairing", "zip")]


def test_a_gain_is_given_with_its_interval_place_and_number_of_pairs():
    found = said([*scratch(), *arm(0.6)])
    assert 3 <= len(found) <= 5
    assert found[0].startswith(
        "Si → Ge: the error is lower with transfer: the force_mae of b, finetune, N = 10, is 0.60"
    )
    assert found[0].endswith("times that of scratch at this budget.")
    assert "Holm's correction for 1 comparison, over 8 pairs; it compares how fast" in found[1]
    assert "not shown to be converged" in found[1]
    assert found[-1] == "Nothing that was tested went wrong; not tested: stability and convergence."


def test_a_loss_is_named():
    found = said([*scratch(), *arm(1.5)])
    assert found[0].startswith(
        "Si → Ge: the error is higher with transfer: the force_mae of b, finetune, N = 10, is"
    )
    assert "lower with" not in " ".join(found)
    assert found[-1].startswith(
        "What went wrong: larger errors than scratch in force_mae (b, finetune);"
    )


def test_no_difference_is_no_claim():
    found = said([*scratch(), *arm(1.0, spread=10.0)])
    assert found[0].startswith("Si → Ge: no difference is claimed: ")
    assert "nothing can be claimed" in found[1]
    assert not {"lower", "higher", "helps", "hurts"} & {*" ".join(found).replace(":", "").split()}


@pytest.mark.parametrize("n_pairs", [1, 2, 3, 4])
def test_fewer_than_five_pairs_carry_no_claim_however_large_the_difference(n_pairs):
    found = said([*scratch(n_pairs), *arm(0.1, n_pairs=n_pairs)])
    assert "no claim can be made from fewer than 5 pairs" in found[0]
    assert "lower with" not in found[0]
    assert "a claim needs at least 5, so more subset seeds and init seeds are needed" in found[1]
    assert f"missing pairs in 2 of 2 arms (the fewest {n_pairs} of 8)" in found[-1]
    assert "harm by transfer, for lack of pairs" in found[-1]


def test_five_pairs_carry_one():
    assert "lower with transfer" in said([*scratch(5), *arm(0.5, n_pairs=5)])[0]


def test_an_interval_that_excludes_one_is_no_claim_after_correction_for_many_comparisons():
    # Each interval ends at 0.99; of twenty such comparisons one is expected by chance.
    shift = 0.97
    assert "lower with transfer" in said([*scratch(), *arm(shift)])[0]
    many = [r for n in range(1, 21) for r in (*scratch(size=n), *arm(shift, size=n))]
    assert "no difference is claimed" in said(many)[0]


def test_at_most_one_in_twenty_runs_of_arms_that_do_not_differ_claims_anything():
    generator = np.random.default_rng(0)
    n_runs, n_claims = 100, 0
    for _ in range(n_runs):
        factors = np.exp(0.1 * generator.normal(size=(3, 2, 6)))
        records = [
            record_of(
                name, 100 * factors[n, side, seed], subset_seed=seed, init_seed=seed, size=n + 1
            )
            for n in range(3)
            for side, name in enumerate(("scratch", "finetune"))
            for seed in range(6)
        ]
        found = comparisons(analysis_of(records), "force_mae")
        n_claims += any(side_of(each) in ("lower", "higher") for each in found)
    # Binomial: more than 11 of 100 at a rate of 0.05 have a probability below 0.005.
    assert 0 < n_claims <= 11


def test_each_transfer_speaks_for_itself_and_many_share_a_sentence():
    two = [
        *scratch(), *arm(0.6),
        *scratch(source="Sn"), *arm(1.5, source="Sn"),
    ]  # fmt: skip
    found = said(two)
    assert found[0].startswith("Si → Ge: the error is lower with transfer")
    assert found[1].startswith("Sn → Ge: the error is higher with transfer")
    many = [r for s in ("C", "Pb", "Sb") for r in (*scratch(source=s), *arm(0.6, source=s))]
    found = said([*two, *many])
    assert found[0].startswith(
        "5 transfers: the error is lower with transfer: the force_mae of b, finetune is 0.60"
    )
    assert re.search(
        r"higher with transfer: the force_mae of b, finetune is 1.5\d \[.*\] \(Sn → Ge, N", found[0]
    )
    assert 3 <= len(found) <= 5


def test_of_many_arms_the_range_is_given_with_its_ends_named():
    names = ["finetune", "freeze-embedding", "head-only", "l2-sp"]
    records = [r for n, name in enumerate(names) for r in arm(0.5 + 0.1 * n, name)]
    first = said([*scratch(), *records])[0]
    assert "the force_mae of 4 arms is 0.50 [" in first
    assert "(b, finetune, N = 10) to 0.80 [" in first
    assert "(b, l2-sp, N = 10)" in first


def test_without_a_baseline_nothing_is_judged_and_without_results_nothing_said():
    (only,) = said(arm(0.6))
    assert "cannot be judged" in only
    assert said([]) == []


@pytest.mark.parametrize(
    ("pretraining", "said_of_it"),
    [
        (300.0, ", after 300 s of pretraining that its source model shares with others, and"),
        # That of a published potential is nobody's here.
        (0.0, " and"),
    ],
)
def test_costs_are_those_of_the_models(pretraining, said_of_it):
    def cost(record, seconds, pretraining):
        return Cost(
            trained=record.trained, device="A CPU, 2 cores", threads=1, n_parameters=1, updates=1,
            updates_per_second=1.0, wall_seconds=1e6, cpu_seconds=seconds,
            pretraining_wall_seconds=pretraining, pretraining_cpu_seconds=pretraining,
            peak_memory_mib=1, force_call_seconds=None,
        )  # fmt: skip

    records = [r.model_copy(update={"trained": r.job}) for r in (*scratch(), *arm(0.6))]
    costs = [
        cost(r, *((11.0, None) if r.model.strategy == "scratch" else (12.0, pretraining)))
        for r in records
    ]
    (found,) = [s for s in said(records, costs=costs) if "took" in s]
    assert found == (
        f"A model took 12 s to train with transfer{said_of_it} 11 s from scratch (medians on one "
        "device; see Costs)."
    )


def test_unstable_simulations_and_wrong_structures_are_named():
    simulated = of(
        *(model("scratch", seed, failed=[1.0, 2.0, 3.0], stable=1) for seed in range(3)),
        *(model("finetune", seed, errors=(0.5, 0.1)) for seed in range(3)),
    )
    trouble = said([*scratch(), *arm(0.6)], dynamics=simulated)[-1]
    assert "unstable simulations in 1 of 2 arms, down to a stability rate of 0.25 [" in trouble
    assert "(b, scratch, N = 10)" in trouble
    assert "a wrong structure in simulations of 3 of 6 models" in trouble
    stable = of(
        *(model(s, seed, errors=(0, 0)) for s in ("scratch", "finetune") for seed in (0, 1))
    )
    found = said([*scratch(), *arm(0.6)], dynamics=stable)
    assert found[-1] == "Nothing that was tested went wrong; not tested: convergence."


def test_what_models_end_at_is_claimed_of_converged_curves_alone(tmp_path):
    arms = {
        "finetune": learners.LOWER,
        "head-only": learners.ONLY_FASTER,
        "l2-sp": Learner(50.0, excess=3.0, rate=1000.0),
    }
    found = Learners({"scratch": learners.SCRATCH, **arms})
    submission = Submission(tmp_path, found, ["scratch", *arms], 8)
    first, certainty, *_, trouble = submission.section("answer").sentences
    helps, lower, rest = re.fullmatch(
        r"Si → Ge: transfer helps: (.*); the error is lower with transfer: (.*?); (.*)", first
    ).groups()
    assert helps.startswith("the force_mae of schnet, finetune, N = 4 and 10, is 0.70 [")
    assert lower.startswith("the force_mae of schnet, l2-sp, N = 4 and 10, is 0.8")
    assert re.match(r"no difference is claimed: .*schnet, head-only", rest)
    assert "it compares in part how fast models learn" in certainty
    assert "curves not shown to be converged (schnet, l2-sp)" in trouble
    assert "stability" in trouble


def test_report_summary_board_and_terminal_begin_with_it(tmp_path, capsys, monkeypatch):
    suite = load_suite("smoke", [*one_budget.SMOKE.items(), *pairs(8)])
    study, results = resolve(suite), Results([*scratch(), *arm(0.6)])
    (first, *_) = said(results.records)
    write_report(tmp_path / "r.html", study, {}, results, [])
    page = (tmp_path / "r.html").read_text()
    assert page.index('id="answer"') < page.index("<nav") < page.index('id="errors-force_mae"')
    assert page.count('id="answer"') == 1
    assert markdown(results, ["force_mae"], suite).startswith(f"**Answer**\n\n- {first}")
    monkeypatch.setenv("COLUMNS", "80")
    Display().finish(Run(plan(study), Report({}), results, Path("runs/mine"), NO_NOTES))
    shown = capsys.readouterr().out
    assert " ".join(shown.split()).startswith(first)
    table = [line for line in shown.splitlines() if line]
    assert max(map(len, table)) <= 80


def test_a_page_that_begins_with_another_answer_has_that_alone(tmp_path):
    suite = load_suite("smoke", [*one_budget.SMOKE.items(), *pairs(8)])
    advice = Section("advice", "Advice", [Sentences(["Start from Si."], title="")])
    write_report(
        tmp_path / "r.html", resolve(suite), {}, Results([*scratch(), *arm(0.6)]), [],
        first=lambda analysis: [advice],
    )  # fmt: skip
    page = (tmp_path / "r.html").read_text()
    assert page.index("Start from Si.") < page.index('id="errors-force_mae"')
    assert 'id="answer"' not in page


def test_an_arm_without_any_model_went_wrong():
    suite = load_suite("smoke", [*one_budget.SMOKE.items(), *pairs(8)])
    four, one = ({"backbone": "schnet", "size": size} for size in (4, 1))
    some = [*scratch(**four), *arm(0.6, **four), *scratch(**one)]
    assert "What went wrong: no models at all of schnet, finetune, N = 1;" in said(some, suite)[-1]
    assert "no models at all" not in said([*some, *arm(0.6, **one)], suite)[-1]


def test_an_arm_without_any_model_of_one_of_several_sources_went_wrong():
    suite = load_suite("smoke", [*one_budget.SMOKE.items(), *pairs(8), ("sizes", "[4]")])
    first, second = ({"backbone": "schnet", "size": 4, "source": name} for name in ("Si", "Sn"))
    some = [*scratch(**first), *arm(0.6, **first), *scratch(**second)]
    lost = "no models at all of Sn → Ge: schnet, finetune, N = 4;"
    assert lost in said(some, suite)[-1]
    assert "no models at all" not in said([*some, *arm(0.6, **second)], suite)[-1]
