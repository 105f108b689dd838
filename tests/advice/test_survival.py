"""How many models survived simulations, in words and as a table."""

from made_up_advice import DESIGN, GAIN, PAIRS, SIZE, analysis
from made_up_dynamics import model, of

from tlbench.advice.answer import answer_of
from tlbench.advice.section import advice_section
from tlbench.advice.stability import Conditions, Stability
from tlbench.advice.survival import stability_sentence
from tlbench.report.dynamics.models import arms_of


def runs(strategy, n_stable, size=SIZE):
    """Return the simulations of five models, the last of which were stopped after 2 ps."""
    models = [
        model(
            strategy, seed, failed=() if seed < n_stable else (2.0,), stable=int(seed < n_stable),
            size=size,
        )
        for seed in range(PAIRS)
    ]  # fmt: skip
    (arm,) = arms_of(of(*models), []).values()
    return arm


AT = Conditions(1200.0, "the highest temperature that the data state", "nearest", 64, 2.0)


def test_stability_is_stated_with_that_from_scratch():
    found = Stability(AT, 10.0, {"Si": runs("finetune", 5), "scratch": runs("scratch", 3)})
    assert stability_sentence(found) == (
        "All 5 models from Si were stable for 10 ps at 1200 K (the highest temperature that the "
        "data state); of those from scratch, 3 of 5 were."
    )
    section = advice_section(answer_of(analysis(GAIN), "dimenetpp", DESIGN), [], found)
    assert stability_sentence(found) in section.sentences
    assert "stability" not in section.sentences[-1]
    lines = section.tables[1].lines
    assert lines[1][3:] == ["5 of 5", "1.00 [0.57, 1.00]", "10"]
    # Three lasted 10 ps, and two 2 ps.
    assert lines[2][3:] == ["3 of 5", "0.60 [0.23, 0.88]", "6.8"]
    assert all(sum(map(len, line)) + 10 <= 80 for line in lines)


def test_simulations_of_scratch_alone_have_their_sentence():
    found = Stability(AT, 2.0, {"scratch": runs("scratch", 3)})
    assert stability_sentence(found).startswith("3 of 5 models from scratch were stable for 2 ps")


def test_why_there_are_no_simulations_is_stated():
    why = "Stability in molecular dynamics was not tested. 1 ps of 10 models would take 2 h."
    section = advice_section(answer_of(analysis(GAIN), "dimenetpp", DESIGN), [], why)
    assert why in section.sentences
    assert section.sentences[-1].startswith("Not tested: stability in molecular dynamics")
    assert len(section.tables) == 1
