"""What README and findings say of silicon and germanium is what published runs say."""

import re
from collections import defaultdict
from statistics import geometric_mean

import pytest
from published import (
    ALL_STRUCTURES,
    AT_RATES,
    DOCS,
    FORTY,
    LONG_SCRATCH,
    LONGEST,
    RESULTS,
    ROOT,
    WHOLE_TEST,
    arm_of_ten,
    best_of_rates,
    longest_ratios,
    of_forty,
    of_rates,
    ratios_by_rate,
    rows,
    script,
    silicon_to_lithium,
    ten_to_forty,
    to_the_best_scratch,
)

from tlbench.board.reading import read_submission
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

ARMS = ("finetune", "scratch")
TEN = ("scratch", 10, 6400)


@pytest.fixture(scope="module")
def findings():
    """Return the findings without their line breaks."""
    return " ".join((DOCS / "findings.md").read_text().split())


@pytest.fixture(scope="module")
def answers():
    """Return the README without its line breaks."""
    return " ".join((ROOT / "README.md").read_text().split())


def text_of(ratio):
    return ratio_text(ratio, flagged=False)


def test_learning_rates(findings, answers):
    """Of both arms the best rate lies between others that were tried."""
    ours, scratch = (best_of_rates(arm) for arm in ARMS)
    ratio = text_of(ratio_between(ours, scratch))
    means = f"{ours.mean.value:.1f} against {scratch.mean.value:.1f} meV/Å"
    assert f"DimeNet++ from silicon has {means} ({ratio})" in answers
    assert f"from scratch brings at best {to_the_best_scratch()[1].mean.value:.1f}." in answers
    assert (
        f"Each at its best rate (chosen by these errors) they have {means}, a ratio of {ratio}."
    ) in findings
    less = 100 * (1 - ratio_between(ours, scratch).value)
    faq = " ".join((DOCS / "faq.md").read_text().split())
    assert f"from silicon has {less:.0f} % lower force errors than from scratch" in faq
    ratios = ratios_by_rate()
    low, high = min(ratios), max(ratios)
    said = f"{text_of(ratios[low])} at {1e3 * low:g}·10⁻³, {text_of(ratios[high])} at "
    assert f"{said}{1e3 * high:g}·10⁻³" in answers
    assert [*ratios.values()] == sorted(ratios.values(), key=lambda r: r.value)
    assert all(each.value < 1 for each in ratios.values())
    assert "At the four rates tried for both" in findings
    assert len(ratios) == 4
    resolved = [f"{1e3 * rate:g}" for rate, each in ratios.items() if each.interval.high < 1]
    assert f"the intervals exclude 1 at {resolved[0]} and at {resolved[1]}·10⁻³." in findings
    for arm in ARMS:
        errors = {rate: row.mean.value for rate, row in of_rates(arm).items()}
        assert min(errors, key=errors.get) not in (min(errors), max(errors)), arm


def test_errors_that_rise_again(findings):
    """The longest training with 10 structures, of last weights and of the best."""
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    *_, late = longest_ratios()
    long = [arm_of_ten(found, "scratch-long", 6400) for found in (last, best)]
    assert (
        "After 6,400 updates at 3·10⁻³ both are overtrained; the best weights have a ratio of "
        f"{text_of(late)}."
    ) in findings
    values = [f"{row.mean.value:.1f}" for row in long]
    assert f"last weights have {values[0]} and best weights {values[1]} meV/Å." in findings
    ratio, lowest = to_the_best_scratch()
    assert lowest is rows(RESULTS / LONG_SCRATCH, "force_mae", BEST)["", "dimenetpp", *TEN]
    assert (
        f"The lowest error from scratch, {lowest.mean.value:.1f} meV/Å, is that of the best "
        "weights of 6,400 updates at 10⁻³; relative to it, the lowest from silicon has "
        f"{text_of(ratio)}."
    ) in findings
    for arm in ARMS:
        gain = ratio_between(arm_of_ten(best, arm, 6400), arm_of_ten(last, arm, 6400))
        assert gain.interval.high < 1, "training went on too long"
    assert all(row.ratio.interval.low > 1 for row in long), "more updates do not help"


def test_all_structures(findings, answers):
    found = rows(RESULTS / ALL_STRUCTURES, "force_mae")
    key = "dimenetpp", "scratch", 195
    early, late = (found["", *key, updates] for updates in (1600, 6400))
    ours = [found["Si", "dimenetpp", "finetune", 195, updates] for updates in (1600, 6400)]
    ratios = [text_of(row.ratio) for row in ours]
    assert (
        f"The ratio is {ratios[0]} after 1,600 updates, and {ratios[1]} after 6,400."
    ) in findings
    assert f"silicon have {text_of(ratio_between(ours[0], late))} times the error of" in findings
    shown = [text_of(ratio) for ratio in (of_forty()[1], ratio_between(ours[0], late))]
    assert (
        f"DimeNet++ has {shown[0]} (40 structures) and {shown[1]} (195) times the error of"
    ) in answers
    ten = best_of_rates("scratch")
    forty = rows(RESULTS / FORTY, "force_mae")["", "dimenetpp", "scratch", 40, 1600]
    means = [mean_text(row).partition(" ")[0] for row in (ten, forty, early)]
    assert f"structures give {means[0]}, {means[1]} and {means[2]} meV/Å" in findings


def test_the_published_test_file(findings, answers):
    whole = rows(RESULTS / ALL_STRUCTURES, "force_mae", WHOLE_TEST)
    keys = (("Si", "dimenetpp", "finetune", 195, 6400), ("", "dimenetpp", "scratch", 195, 6400))
    ours, scratch = (f"{whole[key].mean.value:.1f}" for key in keys)
    said = f"{ours} meV/Å from silicon and {scratch} from scratch"
    assert said in answers
    assert said in findings
    assert max(float(ours), float(scratch)) < 50, "the published error of GAP and MTP"
    energies = rows(RESULTS / ALL_STRUCTURES, "energy_mae", WHOLE_TEST)
    both = " and ".join(f"{energies[key].mean.value:.0f}" for key in keys)
    assert f"with {both} meV/atom, are much worse" in answers
    assert f"errors of {both} meV/atom" in findings


def test_forty_structures(findings, answers):
    early, late, best = of_forty()
    assert f"**40 structures.** After 1,600 updates the ratio is {text_of(early)}." in findings
    long = rows(RESULTS / f"{FORTY}-scratch", "force_mae")["", "dimenetpp", "scratch", 40, 6400]
    assert (
        f"models from silicon have {text_of(late)} times the error of 6,400 from scratch, "
        f"{long.mean.value:.1f} meV/Å."
    ) in findings
    assert best.value == pytest.approx(late.value, rel=0.01), "errors do not rise"
    saved = text_of(ten_to_forty())
    assert f"10 from silicon is {saved} times that of 40 from scratch" in findings
    universal = rows(RESULTS / "universal-cpu/2026-11-29-two-cores-400", "force_mae")
    seven = universal["SevenNet-0", "sevennet-0", "finetune", 40, 400].mean.value
    errors = f"these have {long.mean.value:.1f} meV/Å, SevenNet-0 {seven:.1f} after 400 updates."
    assert f"With 40, {errors}" in answers


def test_lithium(answers):
    assert f"does not lower them ({text_of(silicon_to_lithium())}), but halves" in answers
    energies = silicon_to_lithium("energy_mae")
    assert 0.4 < energies.value < 0.6 < 1 > energies.interval.high


def test_universal_and_small(answers):
    found = rows(RESULTS / "universal-cpu/2026-11-29-two-cores", "force_mae")
    ours = found["Si", "dimenetpp", "head-only", 10, 100]
    best = found["SevenNet-0", "sevennet-0", "lora", 10, 100]
    means = [row.mean.value for row in (ours, best, best_of_rates("scratch"))]
    assert (
        f"({text_of(ratio_between(ours, best))}; {means[0]:.1f} and {means[1]:.1f} meV/Å); 1,600 "
        f"updates from scratch give {means[2]:.1f}."
    ) in answers


def test_what_reports_claim(findings):
    submission_text = script("generate").submission_text
    claimed = {
        run
        for run in (*AT_RATES.values(), FORTY, ALL_STRUCTURES)
        if "the error is lower with transfer" in submission_text(read_submission(RESULTS / run))
    }
    assert claimed == {AT_RATES[1e-3], FORTY}
    assert "claim lower errors from silicon with 10 structures at 10⁻³ and with 40" in findings


def test_stability(findings, answers):
    """Of the simulations of the models of 10 structures at 1e-3."""
    found = defaultdict(lambda: defaultdict(list))
    entry = read_submission(RESULTS / f"{AT_RATES[1e-3]}-r2")
    for record in entry.results.records:
        found[record.metric][record.model.strategy].append(record.value)
    stable = {arm: round(4 * sum(found["stability_rate"][arm])) for arm in ARMS}
    assert {len(found["stability_rate"][arm]) for arm in ARMS} == {5}
    said = f"{stable['scratch']} of 20 simulations from scratch and {stable['finetune']} of 20 from"
    assert said in findings
    assert said in answers
    angles = {arm: geometric_mean(found["adf_error"][arm]) for arm in ARMS}
    report = script("generate").submission_text(entry)
    assert "a wrong structure in simulations of 9 of 10 models" in report
    assert "nine of the ten models give a wrong structure" in answers
    errors = re.findall(r"RDF error (\S+) \(above the (\S+) of a perfect model", report)
    (scratch, floor), (ours, _) = errors
    assert (
        f"RDF errors beyond the core are {scratch} and {ours}, where a perfect model, judged by so "
        f"few frames, has {floor}. Above 0.25, in nine of the ten models"
    ) in findings
    assert f"(ADF error {angles['finetune']:.3f} against {angles['scratch']:.3f})" in findings
