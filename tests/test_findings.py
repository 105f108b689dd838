"""What README and findings say of silicon and germanium is what published runs say."""

import re
from collections import defaultdict
from statistics import geometric_mean

import pytest
from published import (
    ALL_STRUCTURES,
    AT_RATES,
    DOCS,
    LONG_SCRATCH,
    LONGEST,
    OF_NETWORK,
    RESULTS,
    ROOT,
    SAID,
    WHOLE_TEST,
    entry_of,
    lowest,
    lowest_of_scratch,
    of_rates,
    ratio_to_scratch,
    rows,
    runs_of,
    script,
    silicon_to_lithium,
    to_the_lowest_of_scratch,
)

from tlbench.report.budgets.outcomes import BEST
from tlbench.report.rows import ratio_between
from tlbench.report.wording import ratio_text

ARMS = ("finetune", "scratch")
SCRATCH = ("dimenetpp", "scratch")
TEN = (10, 6400)


@pytest.fixture(scope="module")
def answers():
    """Return the README without its line breaks."""
    return " ".join((ROOT / "README.md").read_text().split())


def text_of(ratio):
    return ratio_text(ratio, flagged=False)


def test_learning_rates(answers):
    """Of both arms the best rate lies between others that were tried."""
    ours, scratch = (lowest(10, arm, 1600) for arm in ARMS)
    ratio = text_of(ratio_to_scratch(10, 1600, 1600))
    means = f"{ours.mean.value:.1f} against {scratch.mean.value:.1f} meV/Å"
    assert f"DimeNet++ from silicon has {means} ({ratio})" in answers
    assert f"from scratch brings at best {lowest_of_scratch(10).mean.value:.1f}." in answers
    assert (
        f"Each at its best rate (chosen by these errors) they have {means}, a ratio of {ratio}."
    ) in SAID
    less = 100 * (1 - ratio_to_scratch(10, 1600, 1600).value)
    faq = " ".join((DOCS / "faq.md").read_text().split())
    assert f"from silicon has {less:.0f} % lower force errors than from scratch" in faq
    by_rate = of_rates(10, "finetune", 1600)
    ratios = {rate: row.ratio for rate, row in by_rate.items() if row.ratio}
    low, high = min(ratios), max(ratios)
    said = f"{text_of(ratios[low])} at {1e3 * low:g}·10⁻³, {text_of(ratios[high])} at "
    assert f"{said}{1e3 * high:g}·10⁻³" in answers
    assert [*ratios.values()] == sorted(ratios.values(), key=lambda r: r.value)
    assert all(each.value < 1 for each in ratios.values())
    assert "At the four rates tried for both" in SAID
    assert len(ratios) == 4
    resolved = [f"{1e3 * rate:g}" for rate, each in ratios.items() if each.interval.high < 1]
    assert f"the intervals exclude 1 at {resolved[0]} and at {resolved[1]}·10⁻³." in SAID
    for arm in ARMS:
        errors = {rate: row.mean.value for rate, row in of_rates(10, arm, 1600).items()}
        assert min(errors, key=errors.get) not in (min(errors), max(errors)), arm


def test_errors_that_rise_again():
    """The longest training with 10 structures, of last weights and of the best."""
    last, best = (rows(RESULTS / LONGEST, "force_mae", tested) for tested in ((), BEST))
    ours, long = ("Si", "dimenetpp", "finetune", *TEN), ("", "dimenetpp", "scratch-long", *TEN)
    assert (
        "After 6,400 updates at 3·10⁻³ both are overtrained; the best weights have a ratio of "
        f"{text_of(best[ours].ratio)}."
    ) in SAID
    values = [f"{found[long].mean.value:.1f}" for found in (last, best)]
    assert f"last weights have {values[0]} and best weights {values[1]} meV/Å." in SAID
    least = lowest_of_scratch(10)
    assert least is rows(RESULTS / LONG_SCRATCH, "force_mae", BEST)["", *SCRATCH, *TEN]
    assert (
        f"The lowest error from scratch, {least.mean.value:.1f} meV/Å, is that of the best "
        "weights of 6,400 updates at 10⁻³; relative to it, the lowest from silicon has "
        f"{text_of(to_the_lowest_of_scratch(10, 1600))}."
    ) in SAID
    for key in (ours, ("", *SCRATCH, *TEN)):
        assert ratio_between(best[key], last[key]).interval.high < 1, "training went on too long"
    assert all(found[long].ratio.interval.low > 1 for found in (last, best)), "more does not help"


def test_all_structures(answers):
    found = rows(RESULTS / ALL_STRUCTURES, "force_mae")
    ours = [found["Si", "dimenetpp", "finetune", 195, updates] for updates in (1600, 6400)]
    ratios = [text_of(row.ratio) for row in ours]
    assert f"is {ratios[0]} after 1,600 updates, and {ratios[1]} after 6,400." in SAID
    late = text_of(ratio_to_scratch(195, 1600, 6400))
    assert f"1,600 after pretraining have at best {late}: no gain over as many" in SAID
    forty = text_of(ratio_to_scratch(40, 1600, 6400))
    assert f"({forty} with 40 structures, {late} with all 195)" in answers
    assert [*of_rates(195, "scratch", 6400)] == [3e-3], "from scratch one rate was tried"
    means = [f"{lowest(size, 'scratch', 1600).mean.value:.1f}" for size in (10, 40, 195)]
    assert f"structures give {means[0]}, {means[1]} and {means[2]} meV/Å" in SAID


def test_the_published_test_file():
    whole = rows(RESULTS / ALL_STRUCTURES, "force_mae", WHOLE_TEST)
    keys = (("Si", "dimenetpp", "finetune", 195, 6400), ("", "dimenetpp", "scratch", 195, 6400))
    ours, scratch = (f"{whole[key].mean.value:.1f}" for key in keys)
    assert f"{ours} meV/Å from silicon and {scratch} from scratch" in SAID
    assert max(float(ours), float(scratch)) < 50, "the published error of GAP and MTP"
    energies = rows(RESULTS / ALL_STRUCTURES, "energy_mae", WHOLE_TEST)
    both = " and ".join(f"{energies[key].mean.value:.0f}" for key in keys)
    assert f"errors of {both} meV/atom" in SAID


def test_forty_structures(answers):
    ours, scratch = (lowest(40, arm, 1600).mean.value for arm in ARMS)
    ratio = text_of(ratio_to_scratch(40, 1600, 1600))
    assert f"silicon have {ours:.1f} against {scratch:.1f} meV/Å, a ratio of {ratio}." in SAID
    long = lowest(40, "scratch", 6400).mean.value
    late, longer = (text_of(ratio_to_scratch(40, updates, 6400)) for updates in (1600, 6400))
    assert (
        f"6,400 updates from scratch end at {long:.1f} meV/Å; relative to these, 1,600 after "
        f"pretraining, 8,000 in all, have {late}, and 6,400 after pretraining, twice as many in "
        f"all, {longer}."
    ) in SAID
    saved = text_of(ratio_between(lowest(10, "finetune", 1600), lowest(40, "scratch", 6400)))
    assert f"10 from silicon is {saved} times that of 40 from scratch" in SAID
    of_all = text_of(ratio_to_scratch(195, 6400, 6400))
    assert f"6,400 on both have {longer} and {of_all} times that error." in answers


def test_a_hundred_structures():
    row = of_rates(100, "finetune", 1600)[1e-3]
    assert f"the only rate tried: {text_of(row.ratio)} after 1,600 updates." in SAID
    assert [*of_rates(100, "scratch", 1600)] == [1e-3]


def test_schnet(answers):
    ours = lowest(10, "finetune", 1600, "schnet").mean.value
    ratio = text_of(ratio_to_scratch(10, 1600, 1600, "schnet"))
    scratch = lowest(10, "scratch", 1600).mean.value
    assert f"SchNet from silicon has {ratio} times the error from scratch." in SAID
    assert f"{ours:.1f} meV/Å it is far from DimeNet++ from scratch ({scratch:.1f})" in SAID
    at_the_rate_of_scratch = min(
        of_rates(10, "scratch", 1600, "schnet").items(), key=lambda item: item[1].mean.value
    )[0]
    beside = of_rates(10, "finetune", 1600, "schnet")[at_the_rate_of_scratch].ratio
    assert beside.interval.low < 1 < beside.interval.high


def test_lithium(answers):
    assert f"raises them ({text_of(silicon_to_lithium())}), but lowers those of" in answers
    energies = silicon_to_lithium("energy_mae")
    assert 0.4 < energies.value < 0.6 < 1 > energies.interval.high


def test_universal_and_small(answers):
    found = rows(RESULTS / "universal-cpu/2026-11-29-two-cores", "force_mae")
    ours = found["Si", "dimenetpp", "head-only", 10, 100]
    best = found["SevenNet-0", "sevennet-0", "lora", 10, 100]
    means = [row.mean.value for row in (ours, best)]
    assert (
        f"({text_of(ratio_between(ours, best))}; {means[0]:.1f} and {means[1]:.1f} meV/Å)."
    ) in answers


def test_what_reports_claim():
    submission_text = script("generate").submission_text
    claimed = {
        (network, folder.name.removeprefix("2026-11-30-two-cores"))
        for network, suite in OF_NETWORK.items()
        for folder in runs_of(suite)
        if folder.name.startswith("2026-11-30")
        and "the error is lower with transfer" in submission_text(entry_of(folder))
    }
    endings = {
        "dimenetpp": (
            "-rate-0.001",
            "-rate-0.001-r2",
            "-n40",
            "-n40-rate-0.001",
            "-n100-rate-0.001",
        ),
        "schnet": ("-rate-0.0003", "-rate-0.001"),
    }
    assert claimed == {(network, each) for network, of in endings.items() for each in of}
    assert (
        "for DimeNet++ at 10⁻³ with 10, 40 and 100 structures and at 3·10⁻³ with 40, and for "
        "SchNet at 3·10⁻⁴ and at 10⁻³, all after 1,600 updates"
    ) in SAID


def test_stability(answers):
    """Of the simulations of the models of 10 structures at 1e-3."""
    found = defaultdict(lambda: defaultdict(list))
    entry = entry_of(RESULTS / f"{AT_RATES[1e-3]}-r2")
    for record in entry.results.records:
        found[record.metric][record.model.strategy].append(record.value)
    stable = {arm: round(4 * sum(found["stability_rate"][arm])) for arm in ARMS}
    assert {len(found["stability_rate"][arm]) for arm in ARMS} == {5}
    said = f"{stable['scratch']} of 20 simulations from scratch and {stable['finetune']} of 20 from"
    assert said in SAID
    assert f"liquids do in {stable['finetune']} and {stable['scratch']}." in answers
    angles = {arm: geometric_mean(found["adf_error"][arm]) for arm in ARMS}
    report = script("generate").submission_text(entry)
    assert "a wrong structure in simulations of 9 of 10 models" in report
    errors = re.findall(r"RDF error (\S+) \(above the (\S+) of a perfect model", report)
    (scratch, floor), (ours, _) = errors
    assert (
        f"RDF errors beyond the core are {scratch} and {ours}, where a perfect model, judged by so "
        f"few frames, has {floor}. Above 0.25, in nine of the ten models"
    ) in SAID
    assert f"(ADF error {angles['finetune']:.3f} against {angles['scratch']:.3f})" in SAID
