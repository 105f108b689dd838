"""What is said of the protocol of a suite: budgets, structures of validation, draws."""

from pathlib import Path

import one_budget
import pytest
from analyses import record_of

from tlbench.cli.live import Display
from tlbench.engine.run.runner import Report
from tlbench.report.html import write_report
from tlbench.report.markdown import markdown
from tlbench.report.wording import budget_label, budget_note, draw_note
from tlbench.results.results import Results
from tlbench.run import Run
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

RANDOM = "the draw of training and validation structures is random."
STRATIFIED = RANDOM.replace("random", "stratified by group and phase")


@pytest.mark.parametrize(
    ("suite", "settings", "said"),
    [
        ("smoke", [], f"validated on at most N structures; {RANDOM}"),
        ("si-ge-dft", [], f"validated on at most N structures; {STRATIFIED}"),
        ("si-ge-dft", [("subsets", "random")], f"validated on at most N structures; {RANDOM}"),
        (
            "si-ge-dft",
            [("validation", "{size: 22}")],
            f"on 22 structures (more than they are trained on at N = 1 and 10); {STRATIFIED}",
        ),
        ("smoke", [("validation", "{size: 1}")], f"validated on 1 structure; {RANDOM}"),
        ("matrix-cpu", [("subsets", "random")], f"validated on all there are; {RANDOM}"),
    ],
)
def test_structures_of_validation_and_the_draw_are_named(suite, settings, said):
    assert draw_note(resolve(load_suite(suite, settings))).endswith(said)


def test_suites_of_the_earlier_protocol_are_described_as_they_were():
    assert draw_note(resolve(load_suite("matrix-cpu"))) == ""


def test_every_rendering_names_them(tmp_path, capsys):
    study = resolve(load_suite("smoke"))
    results = Results(
        [record_of(size=4, updates=20), record_of("finetune", 90, size=4, updates=20)]
    )
    said = draw_note(study)
    write_report(tmp_path / "report.html", study, {}, results, [])
    assert said in (tmp_path / "report.html").read_text()
    assert f"\n\n{said}\n" in markdown(results, ["force_mae"], study.suite, draws=said)
    Display().finish(Run(plan(study), Report({}), results, Path("runs/mine")))
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("strategies", "named"), [('["scratch"]', False), ('["finetune"]', True)])
def test_source_models_are_named_where_there_are_some(strategies, named):
    suite = load_suite("smoke", [*one_budget.SMOKE.items(), ("strategies", strategies)])
    assert ("source models" in budget_note(suite)) == named


def test_with_one_budget_convergence_is_not_judged():
    one, two = load_suite("smoke", [("budgets", "[400]")]), load_suite("smoke")
    assert budget_label(one) == ("400 updates: one budget, convergence cannot be judged; untuned")
    assert "convergence judged arm by arm" in budget_label(two)
    said = "With one budget convergence cannot be judged"
    assert said in budget_note(one)
    assert "are converged are compared" not in budget_note(one)
    assert said not in budget_note(two)
    assert "speed of learning" in budget_label(one_budget.smoke())
