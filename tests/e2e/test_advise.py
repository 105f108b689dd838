"""Advice on germanium whose answer is known: silicon helps, and wrong labels hurt."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
import yaml
from ase.build import bulk
from inline import inline
from own_data import write_crystals
from pydantic import create_model

from tlbench import load_potential
from tlbench.advice import candidates, plan
from tlbench.advice.advise import Question, advise
from tlbench.advice.answer import Design, answer_of
from tlbench.advice.calibration import calibrate
from tlbench.advice.potential import write_best
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError
from tlbench.engine.run.runner import Resources
from tlbench.engine.store.store import Store
from tlbench.jobs import train
from tlbench.metrics.statistics import Convergence, Interval, Ratio
from tlbench.models.backbones import BACKBONES
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import BEST

SMALL = {"hidden_channels": 16, "n_filters": 16, "n_interactions": 2, "n_gaussians": 16}


@pytest.fixture(scope="module", autouse=True)
def _small():
    """Let the backbone be small, and comparisons of one size and few updates."""
    settings = {name: (int, value) for name, value in SMALL.items()}
    with pytest.MonkeyPatch.context() as patch:
        small = create_model("SmallSchNet", __base__=SchNetConfig, **settings)
        patch.setitem(BACKBONES._entries, "schnet", small)
        for module in (plan, candidates):
            patch.setattr(module, "CUTOFF", 4.0)
        patch.setattr(plan, "SCALES", (plan.Scale(1, 32),))
        yield


class StoppedError(Exception):
    """Raised in the middle of a run."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Return advice that was stopped and asked for again, with what happened to jobs."""
    folder = tmp_path_factory.mktemp("advise")
    data = write_crystals(folder / "ge.extxyz", "Ge", 23, seed=1)
    # Its forces point the other way.
    wrong = write_crystals(folder / "wrong.extxyz", "Ge", 40, seed=2, sign=-1.0)
    card, _, _ = target_card(str(wrong), folder)
    question = Question(str(data), 1e6, ("sw-si-8", card), "schnet")
    started, said = [[], []], [[], []]

    def ask(attempt, stop_after):
        def note(event, job, **fields):
            if event == "finished" and not fields["reused"]:
                started[attempt].append(job.key)
                if len(started[attempt]) == stop_after:
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
        ask(0, 40)
    planned = (folder / "out" / "suite.yaml").read_bytes()
    found = ask(1, None)
    assert (folder / "out" / "suite.yaml").read_bytes() == planned
    return found, folder, started, said


def test_the_known_answer_is_given_first(asked):
    first, *others = asked[0].section.sentences
    assert first.startswith(
        "Start from Si: with 16 structures and 32 updates, its force error on 5"
    )
    assert any("Do not start from Ge (wrong)" in each for each in others)
    ratios = {line[0]: line[-1] for line in asked[0].section.tables[0].lines[1:]}
    assert float(ratios["Si"].split()[0]) < 0.8
    assert float(ratios["Ge (wrong)"].split()[0]) > 1.2


def test_no_job_is_done_twice_and_the_plan_is_kept(asked):
    _, _, (before, after), (_, said) = asked
    assert len(before) == 40
    assert after
    assert not set(before) & set(after)
    assert any("Going on with the comparison planned in" in each for each in said)


def test_the_page_and_the_text_begin_with_the_answer(asked):
    found, folder, _, _ = asked
    first = found.section.sentences[0]
    page = (folder / "out" / "report.html").read_text()
    assert 0 < page.index(first.partition(":")[0]) < page.index('id="answer"')
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
    models = [cell.trained for cell in found.run.plan.cells if cell.model.strategy == "finetune"]
    same = [key for key in models if (folder / "store" / key / path.name).exists()
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
    again = Question(
        str(folder / "ge.extxyz"), 1e6, ("sw-si-8", str(folder / "wrong.yaml")), "schnet"
    )
    with pytest.raises(StoppedError):
        advise(
            again, out, folder / "store", Resources(1, "cpu", executor=(inline, 1)),
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
    store, resources = Store(folder / "store"), Resources(1, "cpu", executor=(inline, 1))
    measured = calibrate(target, some, "schnet", store, resources, _ignore, _ignore)
    assert measured.found == [*some]
    # What is done takes no time, and longer trainings take longer.
    assert measured.seconds(some, plan.Scale(1, 32)) == 0
    short, long = plan.Scale(1, 64), plan.Scale(1, 640)
    assert 0 < measured.seconds(some, short) < measured.seconds(some, long)
    assert measured.seconds(some[:1], short) < measured.seconds(some, short)
    # Without a measurement it is refused, rather than taken to be no time.
    with pytest.raises(InputError, match="cannot be predicted, because no job like it"):
        replace(measured, measured={}).seconds(some, long)


def _ignore(*about, **fields):
    pass


def test_a_candidate_that_cannot_be_run_is_named_with_the_reason(asked, tmp_path, monkeypatch):
    _, folder, _, _ = asked
    name, card, _ = target_card(str(folder / "ge.extxyz"), folder)
    (some,) = candidates.candidates(card, "schnet", ["sw-si-8"]).found

    def broken(config):
        raise RuntimeError("no such symbol")

    monkeypatch.setattr(BACKBONES.get("schnet"), "build", broken)
    resources = Resources(1, "cpu", executor=(inline, 1))
    store = Store(tmp_path / "store")
    found = calibrate(
        plan.Target(name, card), [some], "schnet", store, resources, _ignore, _ignore
    )  # fmt: skip
    assert found.found == []
    assert "Si (sw-si-8) cannot be run here" in found.failures[0]
    assert "no such symbol" in found.failures[0]


def test_a_short_training_that_fails_is_stated_with_its_reason(asked, tmp_path, monkeypatch):
    _, folder, _, _ = asked
    name, card, _ = target_card(str(folder / "ge.extxyz"), folder)
    (some,) = candidates.candidates(card, "schnet", ["sw-si-8"]).found
    monkeypatch.setattr("tlbench.training.loop.train", _broken)
    resources, store = Resources(1, "cpu", executor=(inline, 1)), Store(tmp_path / "store")
    with pytest.raises(InputError, match=r"cannot be measured, because .* failed: .*no memory"):
        calibrate(plan.Target(name, card), [some], "schnet", store, resources, _ignore, _ignore)


def _broken(*about, **settings):
    raise RuntimeError("no memory")
