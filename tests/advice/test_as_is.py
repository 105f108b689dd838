"""Published potentials as they are: measured first, and what their errors decide."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from inline import inline
from made_up_advice import DESIGN, GAIN, PAIRS, SIZE, UPDATES, analysis, constant, row, said
from own_data import write_crystals
from scipy.stats import binom

from tlbench import load_potential
from tlbench.advice import advise as module
from tlbench.advice.advise import SHARE, advise, too_short
from tlbench.advice.answer import FEWEST_PASSES, Answer, answer_of
from tlbench.advice.as_is import AsIs, as_is_value, measured_as_is
from tlbench.advice.calibration import planned
from tlbench.advice.candidates import CUTOFF, Candidate, Candidates, candidates
from tlbench.advice.plan import SCALES, Target, TooShortError
from tlbench.advice.question import Question
from tlbench.advice.run_context import RunContext
from tlbench.advice.section import WORDS, advice_section
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.fetch import locate
from tlbench.engine.run.runner import Resources
from tlbench.engine.store.store import Store
from tlbench.models.potential import build_potential
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite

SEVENNET = Candidate("SevenNet-0", {"potential": "sevennet-0"}, "sevennet-0")
CHGNET = Candidate("CHGNet 0.3.0", {"potential": "chgnet-0.3.0"}, "chgnet-0.3.0")
SILICON = Candidate("Si", {"card": "sw-si-8", "backbones": ["schnet"]}, "schnet")


@pytest.mark.parametrize("some", [[SILICON, SEVENNET, CHGNET], [SEVENNET]])
def test_the_jobs_are_those_of_the_comparison(some):
    target = Target("sw-ge-8", load_card("sw-ge-8"))
    value = as_is_value(target, [SEVENNET], "schnet")
    jobs = plan(resolve(Suite.model_validate(value))).jobs
    assert {job.kind for job in jobs.values()} == {
        "dataset",
        "weights",
        "train",
        "evaluate",
        "speed",
    }
    assert jobs.keys() <= planned(target, some, "schnet", SCALES[0]).jobs.keys()


def test_a_potential_that_is_better_as_it_is_comes_before_the_start_that_learns_best():
    section, text = said(GAIN, as_is={"SevenNet-0": 20.0}.items())
    first, second, *_ = section.sentences
    assert first.startswith(
        "Nothing trained is recommended over SevenNet-0 as it is: without training on these data, "
        "its force error on 22 test structures is 20.0 meV/Å; that of models from SevenNet-0, "
        "which lead what was trained, is 30.9 meV/Å, 1.55 ["
    )
    assert "in which each of the 40 structures was seen 20 times" in first
    assert second.startswith("Of what was trained, SevenNet-0 has the lowest error beside that")
    assert "Start from" not in text


def test_an_error_that_is_not_shown_to_be_lower_is_not_recommended_either():
    assert said(GAIN, as_is={"SevenNet-0": 31.0}.items())[1].startswith("Nothing trained is rec")
    assert said(GAIN, as_is={"SevenNet-0": 60.0}.items())[1].startswith("Start from SevenNet-0")


def test_a_potential_that_was_not_compared_counts_as_well_and_is_in_the_table():
    answer = answer_of(analysis(GAIN), "dimenetpp", DESIGN, {"CHGNet": constant(10.0, "CHGNet")})
    section = advice_section(answer)
    assert section.sentences[0].startswith("Nothing trained is recommended over CHGNet as it is")
    assert "CHGNet as it is" in [line[0] for line in section.tables[0].lines]
    assert answer.recommended is None
    both = replace(answer, as_is={**answer.as_is, "SevenNet-0": constant(9.0, "SevenNet-0")})
    first, second, *_ = advice_section(both).sentences
    assert "over SevenNet-0 as it is" in first
    assert second.endswith("better than CHGNet as it is (10.0 meV/Å).")


def test_a_potential_as_it_is_comes_first_where_no_start_helps_either():
    text = said({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0},
                as_is={"SevenNet-0": 20.0}.items())[1]  # fmt: skip
    assert text.startswith("Nothing trained is recommended over SevenNet-0 as it is")
    assert "No start is recommended" in text


@pytest.mark.parametrize(("true", "least", "most"), [(1.0, 0.0, 0.025), (0.6, 0.9, 1.0)])
def test_training_is_recommended_over_what_is_as_good_as_it_is_at_half_the_level(true, least, most):
    rng, studies, claims = np.random.default_rng(8), 1000, 0
    for _ in range(studies):
        scratch = row(300 * np.exp(rng.normal(0, 0.1, PAIRS)))
        start = row(100 * true * np.exp(rng.normal(0, 0.1, PAIRS)), "s0")
        answer = Answer(
            {SIZE: scratch}, {"s0": {SIZE: start}}, DESIGN, as_is={"u": constant(100.0)}
        )
        claims += answer.recommended is not None
    assert least <= claims / studies
    assert claims <= binom.ppf(0.999, studies, most)


@pytest.mark.parametrize(
    ("size", "batch_size", "times"), [(400, 1, "once"), (400, 2, "twice"), (50, 1, "8 times")]
)
def test_after_few_passes_the_fastest_start_is_named_without_a_recommendation(
    size, batch_size, times
):
    design = {"batch_size": batch_size, "sizes": (20, size)}
    section, text = said({**GAIN, "Si": 300.0}, design, sizes=(20, size))
    first = section.sentences[0]
    assert first.startswith(
        "Of what was compared, SevenNet-0 learns fastest: after 400 updates, in which each of the "
        f"{size} structures was seen {times}, its force error on 22 test structures is 0.4"
    )
    assert first.endswith("; with so few updates this is not a recommendation.")
    assert "tart from" not in first
    assert "Higher than from scratch with so few updates: Si" in text
    assert "Do not start" not in text


def test_ten_passes_are_enough():
    assert UPDATES / SIZE == FEWEST_PASSES
    assert said(GAIN, {"batch_size": 1})[1].startswith("Start from SevenNet-0: after 400 updates")


def test_the_words_of_tables_are_explained_below_them():
    note = said(GAIN, {"batch_size": 3})[0].tables[0].note
    assert WORDS.format(batch_size=3) in note
    assert "on 3 structures" in note


FOUND = AsIs({"SevenNet-0": constant(99.3, "SevenNet-0")}, 17)


@pytest.fixture
def _measured(monkeypatch):
    """Let SevenNet-0 be the only candidate, and be measured as it is."""
    some = Candidates((SEVENNET,), ())
    for name in ("candidates", "published"):
        monkeypatch.setattr(module, name, lambda *about: some)
    monkeypatch.setattr(module, "measured_as_is", lambda *about: FOUND)


def test_the_error_is_that_of_the_potential_on_the_test_structures(tmp_path):
    data = write_crystals(tmp_path / "ge.extxyz", "Ge", 20, seed=4)
    name, card, _ = target_card(str(data), tmp_path)
    own = build_potential("schnet", {"cutoff": CUTOFF})
    own.reference_energy[32] = -1.0
    own.save(tmp_path / "mine.safetensors")
    some = candidates(card, "schnet", [str(tmp_path / "mine.safetensors")]).found
    context = RunContext(Store(tmp_path / "store"), Resources(1, "cpu", executor=(inline, 1)))
    found = measured_as_is(Target(name, card), some, "schnet", context)
    errors = []
    for atoms in card.read(locate(card))["test"].to_ase():
        expected = atoms.get_forces()
        atoms.calc = load_potential(tmp_path / "mine.safetensors").calculator()
        errors.append(abs(atoms.get_forces() - expected).mean())
    (row,) = found.rows.values()
    assert found.n_test == len(errors) == 5
    assert row.mean.value == pytest.approx(1e3 * np.mean(errors), rel=1e-4)


@pytest.mark.parametrize("sources", [None, ("sw-si-8",)])
@pytest.mark.usefixtures("_measured")
def test_potentials_as_they_are_are_shown_before_anything_is_timed(tmp_path, monkeypatch, sources):
    shown = []

    def begin(*about):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "calibrate", begin)
    question = Question("sw-ge-8", 60.0, sources)
    with pytest.raises(KeyboardInterrupt):
        advise(question, tmp_path / "out", tmp_path / "store", show=shown.append)
    (table,) = shown
    assert table.lines == [["as it is", "force MAE (meV/Å)"], ["SevenNet-0", "99.3"]]
    assert "on 17 test structures" in table.note


@pytest.mark.usefixtures("_measured")
def test_where_the_time_is_too_short_they_are_the_answer(tmp_path, monkeypatch):
    slow = SimpleNamespace(found=[SEVENNET], failures=[], seconds=lambda found, scale: 920.0)
    monkeypatch.setattr(module, "calibrate", lambda *about: slow)
    with pytest.raises(InputError) as refused:
        advise(Question("sw-ge-8", 1140.0), tmp_path / "out", tmp_path / "store")
    said = str(refused.value)
    assert said.startswith(
        "The time is too short to train anything: the least comparison, of SevenNet-0 with "
        "training from scratch over 5 pairs after 50 updates, takes about 15 min 20 s. Type --time "
        "20m or give other candidates with --sources."
    )
    assert said.endswith(
        "As they are, without training, published potentials have the force errors: SevenNet-0 "
        "99.3 meV/Å."
    )


def test_the_time_that_a_refusal_names_is_enough():
    spent, taken = 130.0, 900.0
    said = str(too_short(TooShortError("It takes long", taken), FOUND, spent, "schnet"))
    minutes = int(said.partition("--time ")[2].partition("m ")[0])
    assert SHARE * (60 * minutes - spent) >= taken > SHARE * (60 * (minutes - 1) - spent)
    assert "--backbone" not in said
    default = too_short(TooShortError("It takes long", taken), FOUND, spent, "dimenetpp")
    assert f"--time {minutes}m, --backbone schnet, which is faster, or" in str(default)


def test_they_are_shown_where_there_is_no_answer():
    section = advice_section(None, as_is=FOUND)
    assert section.tables[0].lines == FOUND.table.lines
