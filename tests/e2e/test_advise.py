"""Advice on germanium whose answer is known: silicon helps, and wrong labels hurt."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace

import pytest
import torch
import yaml
from ase.build import bulk
from inline import inline
from own_data import write_crystals
from pydantic import create_model

from tlbench import load_potential
from tlbench.advice import advise as advising
from tlbench.advice import answer as answers
from tlbench.advice import calibration, candidates, plan, rates, stability
from tlbench.advice.advise import advise
from tlbench.advice.answer import answer_of
from tlbench.advice.calibration import PER_JOB, calibrate
from tlbench.advice.design import Design
from tlbench.advice.potential import write_best
from tlbench.advice.question import Question
from tlbench.advice.run_context import RunContext
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError, StoreError
from tlbench.engine.run.runner import Resources
from tlbench.engine.store.store import State, Store
from tlbench.jobs import train
from tlbench.metrics.statistics import Convergence, Interval, Ratio, geometric_mean
from tlbench.models.backbones import BACKBONES
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import BEST
from tlbench.study import models
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

SMALL = {"hidden_channels": 16, "n_filters": 16, "n_interactions": 2, "n_gaussians": 16}


@pytest.fixture(scope="module", autouse=True)
def _small():
    """Let the backbone be small, comparisons of one size and few updates, simulations short."""
    settings = {name: (int, value) for name, value in SMALL.items()}
    with pytest.MonkeyPatch.context() as patch:
        small = create_model("SmallSchNet", __base__=SchNetConfig, **settings)
        patch.setitem(BACKBONES._entries, "schnet", small)
        for module in (plan, candidates):
            patch.setattr(module, "CUTOFF", 4.0)
        patch.setattr(plan, "SCALES", (plan.Scale(1, 32, True),))
        patch.setattr(plan, "LARGEST", 16)
        # With ten times these rates so small a network learns from scratch as fast as from silicon.
        for module in (rates, calibration):
            patch.setattr(module, "RATES", (1e-3, 3e-4, 1.5e-3))
            patch.setattr(module, "HIGHEST", 1.8e-3)
        patch.setattr(stability, "LENGTHS_PS", (0.2,))
        # Of 16 structures, 32 updates see each four times.
        patch.setattr(answers, "FEWEST_PASSES", 4)
        # Potentials trained on first principles do not know this energy surface, and take time.
        patch.setattr(advising, "published", lambda card: candidates.Candidates((), ()))
        yield


class StoppedError(Exception):
    """Raised in the middle of a run."""


def question_in(folder):
    card = str(folder / "wrong.yaml")
    return Question(str(folder / "ge.extxyz"), 1e6, ("sw-si-8", card), "schnet")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Return advice that was stopped and asked for again, with what happened to jobs.

    It was stopped in the middle of the trials, then of the comparison, and of the simulations.
    """
    folder = tmp_path_factory.mktemp("advise")
    # Of larger forces than its own, so that a model of silicon has to be fine-tuned.
    data = write_crystals(folder / "ge.extxyz", "Ge", 50, seed=1, sign=1.5)
    # Its forces point the other way.
    wrong = write_crystals(folder / "wrong.extxyz", "Ge", 40, seed=2, sign=-1.0)
    card, _, _ = target_card(str(wrong), folder)
    question = Question(str(data), 1e6, ("sw-si-8", card), "schnet")
    started: list[list[str]] = [[], [], [], []]
    said: list[list[str]] = [[], [], [], []]

    def ask(attempt, stops=lambda job: False):
        def note(event, job, **fields):
            if event == "finished" and not fields["reused"]:
                started[attempt].append(job.key)
                if stops(job):
                    raise StoppedError

        return advise(
            question,
            folder / "out",
            folder / "store",
            Resources(1, "cpu", executor=(inline, 1)),
            on_event=note,
            say=said[attempt].append,
        )

    with pytest.raises(StoppedError):
        ask(0, lambda job: "trial at 0.001, finetune" in job.label)
    assert "tuned" not in yaml.safe_load((folder / "out" / "suite.yaml").read_text())
    with pytest.raises(StoppedError):
        ask(1, lambda job: len(started[1]) == 40)
    planned = (folder / "out" / "suite.yaml").read_bytes()
    with pytest.raises(StoppedError):
        ask(2, lambda job: job.kind == "simulate")
    # Without more time, what was begun is brought to its end.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability, "LENGTHS_PS", ())
        found = ask(3)
    assert (folder / "out" / "suite.yaml").read_bytes() == planned
    return found, folder, started, said


def test_the_known_answer_is_given_first(asked):
    first, *others = asked[0].section.sentences
    assert first.startswith(
        "Start from Si: after 32 updates, in which each of the 16 structures was seen 4 times, its "
        "force error on 5"
    )
    # Its learning rate is the highest that was tried, so that it is not advised against.
    worse = "Higher than from scratch with the learning rates that were tried: Ge (wrong)"
    assert any(worse in each for each in others)
    ratios = {line[0]: line[-1] for line in asked[0].section.tables[0].lines[1:]}
    assert float(ratios["Si"].split()[0]) < 0.8
    assert float(ratios["Ge (wrong)"].split()[0]) > 1.2


def test_no_job_is_done_twice_and_the_plan_is_kept(asked):
    _, _, started, said = asked
    assert len(started[1]) == 40
    assert all(started)
    every = [key for some in started for key in some]
    assert len(set(every)) == len(every)
    for again in said[1:]:
        assert any("Going on with the comparison planned in" in each for each in again)


def test_every_start_has_the_learning_rate_of_the_best_of_its_trials(asked):
    found, folder, _, said = asked
    store, suite = Store(folder / "store"), found.run.plan.suite
    untuned = suite.model_copy(update={"tuned": None})
    every = (*rates.RATES, rates.LOWEST, rates.HIGHEST, *rates.BETWEEN)
    trials = [rates.trial_of(untuned, rate) for rate in every]
    names = {arm: arm[2] or arm[1] for arm in trials[0].trained}
    assert sorted(names.values()) == ["Ge (wrong)", "Si", "scratch"]
    expected = {}
    for arm, name in names.items():
        errors = {
            each.rate: store.result(each.trained[arm], train.Result).validation_force_mae
            for each in trials
            if store.state(each.trained[arm]) is State.FINISHED
        }
        assert errors.keys() == {*rates.RATES, rates.next_rate(errors)}
        expected[name] = min(errors, key=errors.get)
    for cell in found.run.plan.cells:
        if cell.model.strategy in ("scratch", "finetune"):
            name = "scratch" if cell.model.strategy == "scratch" else cell.model.source
            training = found.run.plan.jobs[cell.trained].settings.training
            assert training.learning_rate == expected[name]
    # The best trial is one of the models that are compared.
    compared = {cell.trained for cell in found.run.plan.cells}
    for arm, name in names.items():
        assert {each.rate for each in trials if each.trained[arm] in compared} == {expected[name]}
    assert rates.Choice.of(found.run.plan.study).rates == expected
    (sentence,) = [
        s for s in found.section.sentences if s.startswith("Each start has the best of 4")
    ]
    assert all(f"{rate:g} (" in sentence for rate in expected.values())
    assert [any(s.startswith("Choosing learning rates") for s in each) for each in said] == [
        True, True, False, False,
    ]  # fmt: skip


def test_models_of_the_recommended_start_and_from_scratch_are_simulated(asked):
    found, folder, _, said = asked
    (sentence,) = [each for each in found.section.sentences if "stable for" in each]
    assert re.fullmatch(
        r"(All 5|\d of 5) models from Si were stable for 0.2 ps at 600 K \(twice room temperature, "
        r"because the data state none\); of those from scratch, (all 5|\d of 5) were\.",
        sentence,
    )
    table = found.section.tables[1]
    assert [line[:3] for line in table.lines[1:]] == [["Si", "schnet", "16"],
                                                      ["scratch", "schnet", "16"]]  # fmt: skip
    assert sentence in (folder / "out" / "advice.md").read_text()
    assert "stable for 0.2 ps" in (folder / "out" / "report.html").read_text()
    assert any("Simulating models from Si and scratch for 0.2 ps" in each for each in said[2])
    (untested,) = [each for each in found.section.sentences if each.startswith("Not tested")]
    assert "stability" not in untested


def test_simulations_that_do_not_fit_the_time_are_left_out_with_the_estimate(
    asked, tmp_path, monkeypatch
):
    _, folder, _, _ = asked
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    planned = json.loads((out / "advice.json").read_text())
    (out / "advice.json").write_text(json.dumps(planned | {"time_ps": None, "spare_seconds": 2.5}))
    monkeypatch.setattr(stability, "LENGTHS_PS", (20.0, 10.0))
    found = advise(
        question_in(folder), out, folder / "store", Resources(1, "cpu", executor=(inline, 1))
    )
    said = found.section.sentences
    (why,) = [each for each in said if each.startswith("Stability in molecular dynamics")]
    assert re.search(r"10 ps of 10 models at 600 K would take about .*, and 2 s were left\.", why)
    assert any(each.startswith("Not tested: stability in molecular dynamics") for each in said)
    assert len(found.section.tables) == 1
    assert why in (out / "advice.md").read_text()


def test_a_fault_of_simulations_costs_no_answer(asked, tmp_path, monkeypatch):
    folder, out = asked[1], tmp_path / "out"
    shutil.copytree(folder / "out", out)

    def broken(*about):
        raise StoreError("what a job has written cannot be read")

    monkeypatch.setattr(advising, "simulate", broken)
    found = advise(
        question_in(folder), out, folder / "store", Resources(1, "cpu", executor=(inline, 1))
    )
    assert found.section.sentences[0].startswith("Start from Si: ")
    why = "Stability in molecular dynamics was not tested. what a job has written cannot be read"
    assert why in (out / "advice.md").read_text()


def test_what_fine_tuning_makes_of_the_data_of_each_start_is_stated(asked):
    said = [each for each in asked[0].section.sentences if each.startswith("Fine-tuning from")]
    assert len(said) == 2
    of_silicon = next(each for each in said if each.startswith("Fine-tuning from Si "))
    before, after = map(float, re.search(r"from ([\d.]+) to ([\d.]+) meV/Å", of_silicon).groups())
    records = asked[0].run.results.records
    own = [r.value for r in records if r.metric == "force_mae" and not r.condition
           and (r.model.strategy, r.model.source) == ("pretrain", "Si")]  # fmt: skip
    tuned = [r.value for r in records if r.metric == "force_mae" and "data" in r.condition
             and (r.model.source, r.model.updates) == ("Si", 32)]  # fmt: skip
    assert len(own) == len(tuned) == 5
    assert before == pytest.approx(geometric_mean(own), rel=1e-2)
    assert after == pytest.approx(geometric_mean(tuned), rel=1e-2)
    assert "forget" not in asked[0].section.sentences[-2]


def test_each_start_as_it_is_is_in_the_table(asked):
    lines = {line[0]: line for line in asked[0].section.tables[0].lines}
    records = asked[0].run.results.records
    as_is = [r.value for r in records if r.metric == "force_mae" and not r.condition
             and (r.model.source, r.model.strategy) == ("Si", "zero-shot")]  # fmt: skip
    assert float(lines["Si as it is"][3]) == pytest.approx(geometric_mean(as_is), rel=1e-2)
    assert lines["Si as it is"][2] == "0"
    assert "Ge (wrong) as it is" in lines


def test_the_suites_of_simulations_train_no_model_that_the_comparison_does_not(asked):
    found, folder, _, _ = asked
    store = Store(folder / "store")
    for name, strategy in (("stability", "finetune"), ("stability-scratch", "scratch")):
        planned = models.plan(resolve(load_suite(folder / "out" / f"{name}.yaml")))
        new = {key for key in planned.jobs if key not in found.run.plan.jobs}
        kinds = Counter(planned.jobs[key].kind for key in new)
        assert kinds == {"reference": 1, "simulate": 5, "compare": 5}
        assert all(store.state(key) is State.FINISHED for key in planned.jobs)
        simulated = {cell.model for cell in planned.simulated}
        assert {(m.strategy, m.size, m.updates) for m in simulated} == {(strategy, 16, 32)}


def test_what_is_done_of_simulations_takes_no_time_and_longer_ones_take_longer(asked, monkeypatch):
    found, folder, _, _ = asked
    context = RunContext(Store(folder / "store"), Resources(1, "cpu", executor=(inline, 1)))
    analysis = Analysis.of(found.run.results, found.run.plan.suite)
    answer = answer_of(analysis, "schnet", Design.of(found.run.plan.study))
    rows = {"Si": answer.recommended.row, "scratch": answer.baseline[16]}
    at = stability.conditions_of(found.run.plan, context.store, None)
    assert (at.temperature_k, at.n_atoms, at.start, at.timestep_fs) == (600, 8, "any", 2.0)
    plans = [stability.planned_simulations(found.run.plan, rows, at, time, context)
             for time in (0.2, 1.0, 10.0)]  # fmt: skip
    done, short, long = (each.seconds for each in plans)
    assert done == 0
    assert 0 < short < long
    # Beside the time between jobs, it is proportional to the number of steps.
    between = 21 * PER_JOB
    assert (long - between) / (short - between) == pytest.approx(10, rel=0.05)
    monkeypatch.setattr(stability, "LENGTHS_PS", (1.0, 0.4))
    with pytest.raises(InputError, match=r"0.4 ps of 10 models at 600 K would take about .* 1 s"):
        stability.longest_simulations(found.run.plan, rows, at, context, 1.0)
    hot = stability.conditions_of(found.run.plan, context.store, 900.0)
    assert (hot.temperature_k, hot.reason) == (900, "as asked for")


def test_the_page_and_the_text_begin_with_the_answer(asked):
    found, folder, _, _ = asked
    first = found.section.sentences[0]
    page = (folder / "out" / "report.html").read_text()
    assert 0 < page.index(first.partition(":")[0]) < page.index('id="data"')
    # The answer of reports has the same numbers in other words.
    assert 'id="answer"' not in page
    text = (folder / "out" / "advice.md").read_text()
    assert text.index(first.partition(":")[0]) < text.index("| start | backbone |")


def test_the_best_potential_of_the_recommended_start_lies_beside_it(asked):
    found, folder, _, _ = asked
    path = folder / "out" / "potential.safetensors"
    atoms = bulk("Ge", "diamond", 5.65)
    torch.set_num_threads(1)
    atoms.calc = load_potential(path).calculator()
    assert abs(atoms.get_forces()).max() < 1e-3
    assert any(str(path) in each for each in found.section.sentences)
    tuned = [cell.trained for cell in found.run.plan.cells if cell.model.strategy == "finetune"]
    same = [key for key in tuned if (folder / "store" / key / path.name).exists()
            and (folder / "store" / key / path.name).read_bytes() == path.read_bytes()]  # fmt: skip
    (model,) = {c.model for c in found.run.plan.cells if c.trained in same}
    assert (model.source, model.size, model.updates) == ("Si", 16, 32)


def test_the_suite_that_is_written_repeats_the_comparison(asked):
    _, folder, _, _ = asked
    suite = yaml.safe_load((folder / "out" / "suite.yaml").read_text())
    assert [each["card"] for each in suite["sources"]] == ["sw-si-8", str(folder / "wrong.yaml")]
    assert suite["budgets"] == [8, 32]
    stated = json.loads((folder / "out" / "suite.json").read_text())
    assert stated["budgets"] == suite["budgets"]


def test_advice_on_another_question_is_not_overwritten(asked):
    _, folder, _, _ = asked
    before = (folder / "out" / "suite.yaml").read_bytes()
    again = Question(str(folder / "ge.extxyz"), 600, ("sw-si-8",), "schnet")
    with pytest.raises(InputError, match=r"differs in time and sources; choose.*--out"):
        advise(again, folder / "out", folder / "store")
    assert (folder / "out" / "suite.yaml").read_bytes() == before
    assert (folder / "out" / "potential.safetensors").exists()


def test_a_potential_of_before_does_not_outlast_the_start_of_a_run(asked, tmp_path):
    _, folder, _, _ = asked
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    with pytest.raises(StoppedError):
        advise(
            question_in(folder), out, folder / "store", Resources(1, "cpu", executor=(inline, 1)),
            on_change=_stop,
        )  # fmt: skip
    assert not (out / "potential.safetensors").exists()


def _stop(*about):
    raise StoppedError


def test_where_errors_rise_the_potential_has_the_best_weights(asked, tmp_path):
    found, folder, _, _ = asked
    analysis = Analysis.of(found.run.results, found.run.plan.suite)
    answer = answer_of(analysis, "schnet", Design.of(found.run.plan.study))
    rising = Convergence(Ratio(1.5, 5, Interval(1.4, 1.6), 1e-4), (8, 32))
    answer = replace(answer, converged={name: {16: rising} for name in ("scratch", "Si")})
    assert answer.recommended.row.tested == BEST
    write_best(found.run.plan, Store(folder / "store"), answer, tmp_path)
    written = (tmp_path / "potential.safetensors").read_bytes()
    same = [path for path in (folder / "store").glob("*/best.safetensors")
            if path.read_bytes() == written]  # fmt: skip
    result = json.loads((same[0].parent / "result.json").read_text())
    errors = [
        Store(folder / "store").result(c.trained, train.Result).best_validation_force_mae
        for c in found.run.plan.cells
        if (c.model.source, c.model.strategy, c.model.updates) == ("Si", "finetune", 32)
    ]
    assert result["best_validation_force_mae"] == min(errors)


def test_the_time_of_a_comparison_is_predicted_from_what_was_measured(asked):
    _, folder, _, _ = asked
    name, card, _ = target_card(str(folder / "ge.extxyz"), folder)
    target = plan.Target(name, card)
    some = candidates.candidates(card, "schnet", ["sw-si-8", str(folder / "wrong.yaml")]).found
    context = RunContext(Store(folder / "store"), Resources(1, "cpu", executor=(inline, 1)))
    measured = calibrate(target, some, "schnet", context)
    assert measured.found == [*some]
    # Trials of learning rates take time, and longer trainings take longer.
    compared, chosen = (measured.seconds(some, plan.Scale(1, 32, each)) for each in (False, True))
    assert compared <= chosen < measured.seconds(some, plan.Scale(1, 128))
    short, long = plan.Scale(1, 64), plan.Scale(1, 640)
    assert compared < measured.seconds(some, short)
    assert measured.seconds(some, short) < measured.seconds(some, plan.Scale(1, 64, True))
    assert 0 < measured.seconds(some, short) < measured.seconds(some, long)
    assert measured.seconds(some[:1], short) < measured.seconds(some, short)
    # Without a measurement it is refused, rather than taken to be no time.
    with pytest.raises(InputError, match="cannot be predicted, because no job like it"):
        replace(measured, measured={}).seconds(some, long)
