"""What README and findings say of silicon and germanium is what published runs say."""

import pytest
from published import (
    ALL_STRUCTURES,
    DOCS,
    LONGEST,
    RESULTS,
    ROOT,
    WHOLE_TEST,
    arm_of_ten,
    best_of_rates,
    longest_ratios,
    of_all_structures,
    of_rates,
    ratios_by_rate,
    rows,
    ten_to_forty,
)

from tlbench.report.budgets.outcomes import BEST
from tlbench.report.rows import ratio_between
from tlbench.report.wording import ratio_text

ARMS = ("finetune", "scratch")


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
    """Of both arms the best rate lies between others, or is the lowest."""
    ours, scratch = (best_of_rates(arm) for arm in ARMS)
    ratio = text_of(ratio_between(ours, scratch))
    means = f"{ours.mean.value:.1f} against {scratch.mean.value:.1f} meV/Å"
    assert f"{means} (ratio {ratio})" in answers
    assert f"Each at its best rate (chosen by these errors) they have {ratio} times" in findings
    ratios = ratios_by_rate()
    low, high = min(ratios), max(ratios)
    said = f"{text_of(ratios[low])} at {1e3 * low:g}·10⁻³, {text_of(ratios[high])} at "
    assert f"{said}{1e3 * high:g}·10⁻³" in answers
    assert [*ratios.values()] == sorted(ratios.values(), key=lambda r: r.value)
    assert all(each.value < 1 for each in ratios.values())
    for arm in ARMS:
        errors = {rate: row.mean.value for rate, row in of_rates(arm).items()}
        assert min(errors, key=errors.get) not in (min(errors), max(errors)), arm


def test_errors_that_rise_again(findings):
    """The longest training with 10 structures, of last weights and of the best."""
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    *_, late = longest_ratios()
    assert (
        "after 6,400 updates at 3·10⁻³ both are overtrained, and the best weights have a ratio of "
        f"{text_of(late)}."
    ) in findings
    for arm in ARMS:
        gain = ratio_between(arm_of_ten(best, arm, 6400), arm_of_ten(last, arm, 6400))
        assert gain.interval.high < 1, "training went on too long"
    for found in (last, best):
        longer = arm_of_ten(found, "scratch-long", 6400).ratio
        assert longer.interval.low > 1, "more updates from scratch do not help"


def test_ten_structures_and_forty(findings, answers):
    once, longer = map(text_of, ten_to_forty())
    assert (
        f"10 structures from silicon (10⁻³) give {once} times the force error of 40 from scratch "
        f"after as many updates (1,600 at 3·10⁻³), and {longer} times that of 40 after 5,600 (10⁻³)"
    ) in findings
    assert f"{once} times the force error" in answers
    assert f"{longer} times" in answers


def test_all_structures(findings, answers):
    found = rows(RESULTS / ALL_STRUCTURES, "force_mae")
    whole = rows(RESULTS / ALL_STRUCTURES, "force_mae", WHOLE_TEST)
    keys = (("Si", "dimenetpp", "finetune", 195, 6400), ("", "dimenetpp", "scratch", 195, 6400))
    ours, scratch = (f"{found[key].mean.value:.1f}" for key in keys)
    ratio = text_of(of_all_structures())
    assert f"{ours} against {scratch} meV/Å ({ratio})" in answers
    ours, scratch = (f"{whole[key].mean.value:.1f}" for key in keys)
    said = f"{ours} meV/Å from silicon and {scratch} from scratch"
    assert said in answers
    assert said in findings
    assert max(float(ours), float(scratch)) < 50, "the published error of GAP and MTP"
