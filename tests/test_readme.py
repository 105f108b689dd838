"""The README says what records and code say."""

import itertools
import re
import statistics

import numpy as np
import pytest
from published import (
    INTERVAL,
    RESULTS,
    ROOT,
    analysis_of,
    correlations,
    force_errors,
    runs_of,
    script,
)

from tlbench.board.reading import read_submission
from tlbench.data.marks import is_unmarked
from tlbench.metrics.statistics import wilson_interval
from tlbench.report.forgetting.retention import retained
from tlbench.report.rows import ratio_between
from tlbench.report.sections.costs import costs_by_device, seconds_of
from tlbench.report.sections.starts import best_starts, mean_text, start_of, start_table, starts_of
from tlbench.report.wording import ratio_text

SEVEN, CHGNET, OURS = "sevennet-0", "chgnet-0.3.0", "dimenetpp"


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def text(readme):
    """Return the README without its line breaks."""
    return " ".join(readme.split())


@pytest.fixture(scope="module")
def universal(readme):
    """Return the run of universal-cpu that the README has a table of, as its report shows it."""
    (label,) = re.findall(r"<!-- starts (\S+) -->", readme)
    return analysis_of(RESULTS / label, "force_mae")


@pytest.fixture(scope="module")
def longer():
    """Return the runs of part of universal-cpu with more updates: of DimeNet++, of potentials."""
    runs = (RESULTS / f"universal-cpu/2026-11-29-two-cores-{updates}" for updates in (2400, 400))
    return [analysis_of(run, "force_mae", "energy_mae") for run in runs]


def test_the_readme_is_one_page(readme):
    assert len(readme.splitlines()) <= 150


def ratios(folder, metric="force_mae"):
    """Return the ratios of errors to those from scratch in a run, after any updates."""
    rows = analysis_of(folder, metric).every_row
    return {ratio_text(row.ratio, flagged=False) for row in rows if row.ratio and not row.tested}


def test_ratios_in_the_text_are_those_of_published_runs(readme, universal, longer):
    text = re.sub(r"<!-- starts.*<!-- end of starts -->", "", readme, flags=re.DOTALL).split()
    stated = re.findall(INTERVAL, " ".join(text))
    assert len(stated) > 10
    *_, latest = runs_of("properties-sw-cpu")
    known = {*ratios(latest), *correlations(latest), *to_the_best(universal).values()}
    forgotten = [each.ratio for each in retained(universal, "force_mae") if each.ratio]
    known |= {ratio_text(ratio, flagged=False) for ratio in forgotten}
    known |= {ratio for folder in runs_of("universal-cpu") for ratio in ratios(folder)}
    for suite in ("si-ge-dft-cpu", "universal-li-cpu", "equal-updates-sw-cpu"):
        known |= {ratio for folder in runs_of(suite) for ratio in ratios(folder)}
    known |= {*ratios(LITHIUM / "2026-11-30-two-cores", "energy_mae")}
    known |= {*to_lithium_from_scratch(), *schnet_to_other_scratch()}
    known |= {*to_the_scratch_of_as_many_updates(longer)}
    assert set(stated) - known == set()


def to_the_best(universal):
    """Return (N, start) → its ratio to the best start of that N."""
    header, *lines = start_table(starts_of(universal.of_metric("force_mae")), {})
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return {(row["structures"].partition(",")[0], row["start"]): row["/ best"] for row in rows}


def test_starts_from_universal_potentials(text, universal):
    ratio = to_the_best(universal)
    for size in ("N = 1", "N = 10", "N = 40"):
        assert ratio[size, "SevenNet-0 → Ge, lora"] == "–", "the best"
    some, many = (ratio[size, "Si → Ge, head-only"] for size in ("N = 10", "N = 40"))
    assert f"(`head-only`): ratios are {some} and {many}" in text
    for each in (some, many):
        low, high = map(float, re.findall(r"\[(.*), (.*)\]", each)[0])
        assert low < 1 < high
    as_it_is = ratio["N = 1", "SevenNet-0 → Ge, zero-shot"]
    assert f"SevenNet-0 as it is ({as_it_is} times the lowest error)" in text
    low, high = map(float, re.findall(r"\[(.*), (.*)\]", as_it_is)[0])
    assert low < 1 < high
    assert (
        "chance. Two of the five structures that are trained on there have hardly any forces."
        in text
    )
    (trained,) = (
        row.values.values()
        for row in universal.of_metric("force_mae")
        if (row.place.backbone, row.place.strategy, row.place.size) == (OURS, "finetune", 1)
    )
    assert sum(value > 250 for value in trained) == 2
    said, _ = best_starts(starts_of(universal.of_metric("force_mae")), "")
    assert "CHGNet is worse than both." in text
    assert not any("CHGNet" in each or "others" in each for each in said[1:])
    assert all("Si → Ge, head-only" in each for each in said)


def test_what_is_not_trained_on_the_test_structures_of_the_table(readme, text, universal):
    """Errors of potentials as they are, over the structures that the others are tested on."""
    (label,) = re.findall(r"<!-- starts (\S+) -->", readme)
    (tests,) = (e for e in read_submission(RESULTS / label).tests() if e.element == "Ge")
    counted = is_unmarked(tests.marks, len(tests.n_atoms))
    assert f"the [{counted.sum()} test structures]" in text
    entry = read_submission(RESULTS / "zero-shot-cpu/2026-11-29-two-cores")
    (as_there,) = (each for each in entry.tests() if each.element == "Ge")
    assert [*as_there.n_atoms] == [*tests.n_atoms]
    jobs = {r.job: r.model.backbone for r in entry.results.records if r.model.target == "Ge"}
    found = {
        jobs[each.job]: 1e3
        * np.array(each.force_abs)[counted].sum()
        / (3 * np.array(tests.n_atoms)[counted].sum())
        for each in entry.errors()
        if each.data == as_there.data
    }
    rows = universal.of_metric("force_mae")
    means = {start_of(row): row.mean.value for row in rows if row.place.size == 1}
    assert found[SEVEN] == pytest.approx(means["SevenNet-0 → Ge, zero-shot", SEVEN], rel=1e-4)
    assert found["sevennet-l3i5"] < min(means.values())
    assert f"has {found['sevennet-l3i5']:.1f} here, less than every arm" in text


def test_cost_and_forgetting_of_universal_potentials(text, universal):
    seconds = {each.n_parameters: each.force_call_seconds for each in universal.results.costs}
    # SevenNet-0 has the most parameters, DimeNet++ the fewest.
    assert round(seconds[max(seconds)] / seconds[min(seconds)]) == 12
    assert "a force call takes a twelfth of the time" in text
    kept = {
        (each.target.place.backbone, each.target.place.strategy): each.ratio
        for each in retained(universal, "force_mae")
        if each.target.place.size == 10
    }
    ours = [kept[OURS, arm].value for arm in ("finetune", "lora", "head-only")]
    assert (
        f"With 10 structures the error on silicon becomes {min(ours):.1f} to {max(ours):.1f} times "
        "as large for DimeNet++, however it is adapted, and "
        f"{ratio_text(kept[SEVEN, 'finetune'], flagged=False)} times by fine-tuning SevenNet-0"
    ) in text
    with_lora = kept[SEVEN, "lora"].interval
    assert with_lora.low < 1 < with_lora.high


def rows_of_40(analysis, metric):
    """Return (network, arm) → the row of its models of 40 structures."""
    rows = analysis.of_metric(metric)
    return {(r.place.backbone, r.place.strategy): r for r in rows if r.place.size == 40}


def times(analysis, row):
    """Return how long training and pretraining of models take, in the middle, s."""
    (placed,) = costs_by_device(analysis.results.records, analysis.results.costs).values()
    own, before = zip(*map(seconds_of, placed[row.arm].values()), strict=True)
    return statistics.median(own), statistics.median(before)


def to_the_scratch_of_as_many_updates(longer):
    """Return the ratios of DimeNet++ from silicon, and of SevenNet-0, to scratch-long."""
    ours, theirs = (rows_of_40(each, "force_mae") for each in longer)
    long = ours[OURS, "scratch-long"]
    for row in (ours[OURS, "finetune"], theirs[SEVEN, "finetune"]):
        yield ratio_text(ratio_between(row, long), flagged=False)


def test_longer_training(readme, text, longer):
    """DimeNet++ for as many updates with and without pretraining, and universal potentials."""
    table = readme.partition("| start | network |")[2]
    ours, theirs = longer
    pretrained = ours.suite.pretraining.updates
    for start, network, arm, run, updates in (
        ("scratch", OURS, "scratch", ours, "2,400"),
        ("scratch-long", OURS, "scratch-long", ours, f"{pretrained + 2400:,}"),
        ("Si, finetune", OURS, "finetune", ours, f"{pretrained:,} + 2,400"),
        ("SevenNet-0, finetune", SEVEN, "finetune", theirs, "400"),
        ("CHGNet 0.3.0, finetune", CHGNET, "finetune", theirs, "400"),
        ("scratch", CHGNET, "scratch", theirs, "400"),
    ):
        forces, energies = (
            rows_of_40(run, metric)[network, arm] for metric in ("force_mae", "energy_mae")
        )
        own, before = times(run, forces)
        taken = f"{before:.0f} + {own:.0f}" if before else f"{own:.0f}"
        cells = (start, network, updates, taken, mean_text(forces), mean_text(energies))
        assert f"| {' | '.join(cells)} |" in table
    forces = rows_of_40(ours, "force_mae")
    short = ratio_text(forces[OURS, "finetune"].ratio, flagged=False)
    long, seven = to_the_scratch_of_as_many_updates(longer)
    assert f"as many updates on germanium: ratio {short}. After as many in all" in text
    assert f"cannot be distinguished from scratch: {long}; nor can SevenNet-0: {seven}" in text


def test_ranks_after_equal_updates_are_not_those_after_equal_time(text, universal, longer):
    lora = rows_of_40(universal, "force_mae")[SEVEN, "lora"]
    scratch = rows_of_40(longer[0], "force_mae")[OURS, "scratch"]
    assert (
        f"takes {times(universal, lora)[0]:.0f} s for {lora.mean.value:.1f} meV/Å; DimeNet++ from "
        f"scratch reaches {scratch.mean.value:.1f} in {times(longer[0], scratch)[0]:.0f} s"
    ) in text


def test_as_many_updates_in_all(text):
    ours = {"backbone": "dimenetpp", "size": 10}
    shorter, _ = force_errors("si-ge-dft-cpu", strategy="finetune", **ours)
    _, longer = force_errors("si-ge-dft-cpu", strategy="scratch", **ours)
    assert (
        f"{shorter:.1f} meV/Å with 2,000 on silicon and 400 on germanium, {longer:.1f} "
        "from scratch with 2,400"
    ) in text


def test_gains_on_dft_data(text):
    shorter, _ = runs_of("si-ge-dft-cpu")
    (properties,) = runs_of("properties-dft-cpu")
    found = [
        row.ratio
        for folder in (shorter, properties)
        for row in analysis_of(folder, "force_mae").every_row
        if (row.metric, row.place.strategy) == ("force_mae", "finetune")
        and row.place.updates in (None, 400)
        and not row.tested
        and row.place.size >= 10
    ]
    assert len(found) == 12
    assert all(ratio.interval.high < 1 for ratio in found)
    ratios = [ratio.value for ratio in found]
    low, high = (round(100 * (1 - each)) for each in (max(ratios), min(ratios)))
    assert f"After 400 updates (*N* ≥ 10), force errors are {low} to {high} % lower from" in text


def schnet(folder):
    """Return (arm, updates) → the row of SchNet with 10 structures in a run on Stillinger–Weber."""
    wanted = ("force_mae", "schnet", 10)
    rows = (row for row in analysis_of(folder, "force_mae").every_row if not row.tested)
    found = [r for r in rows if (r.metric, r.place.backbone, r.place.size) == wanted]
    return {(row.place.strategy, row.place.updates): row for row in found}


def schnet_rows():
    """Return the rows with one rate, those after 1,600 updates of another run, and tuned rows."""
    one = {
        arm: row for folder in runs_of("properties-sw-cpu") for arm, row in schnet(folder).items()
    }
    (run,) = runs_of("equal-updates-sw-cpu")
    return one, schnet(run)


def schnet_to_other_scratch():
    """Return the ratios of tuned SchNet from silicon to scratch at one rate, and scratch-long."""
    one, tuned = schnet_rows()
    for scratch in (one["scratch", 1600], tuned["scratch-long", 1600]):
        yield ratio_text(ratio_between(tuned["finetune", 1600], scratch), flagged=False)


def test_tuned_rates_on_stillinger_weber_data(text):
    rows = schnet_rows()
    one, tuned = (
        {updates: each["finetune", updates].ratio for updates in (100, 1600)} for each in rows
    )
    untuned, scratch = (each["scratch", 1600].mean.value for each in rows)
    short, long, short_tuned, long_tuned = (
        ratio_text(ratio, flagged=False) for each in (one, tuned) for ratio in each.values()
    )
    to_one, to_long = schnet_to_other_scratch()
    assert f"At this rate SchNet has {short} times the force error from scratch after 100" in text
    assert f"the best of eight rates, chosen on one pair, {short_tuned} ([run]" in text
    assert (
        f"the ratio is {long} at this rate and {long_tuned} tuned, where the rate found for "
        f"scratch is no better than this one ({scratch:.0f} to {untuned:.0f} meV/Å); "
        f"to untuned scratch it is {to_one}, to `scratch-long` {to_long}."
    ) in text
    # Most of the gain, by the logarithm of the ratio.
    assert np.log(tuned[100].value) > np.log(one[100].value) / 2
    for each in (to_one, to_long):
        low, high = map(float, re.findall(r"\[(.*), (.*)\]", each)[0])
        assert low < 1 < high


LITHIUM = RESULTS / "universal-li-cpu"


def lithium(metric="force_mae"):
    """Return (network, arm) → the row of its models of 10 structures; and the run."""
    run = analysis_of(LITHIUM / "2026-11-30-two-cores", metric)
    rows = [row for row in run.of_metric(metric) if row.place.size == 10]
    return run, {(row.place.backbone, row.place.strategy): row for row in rows}


def lithium_from_scratch(rate=""):
    """Return the run of DimeNet++ from scratch with 1,600 updates, and its row."""
    run = analysis_of(LITHIUM / f"2026-11-29-two-cores-1600{rate}", "force_mae")
    (row,) = run.of_metric("force_mae")
    return run, row


def to_lithium_from_scratch():
    """Return the ratios of SevenNet-0 and CHGNet to DimeNet++ from scratch after 1,600 updates."""
    _, forces = lithium()
    _, scratch = lithium_from_scratch()
    for each in ((SEVEN, "finetune"), (CHGNET, "lora")):
        yield ratio_text(ratio_between(forces[each], scratch), flagged=False)


def test_lithium_from_universal_potentials(text):
    run, forces = lithium()
    _, energies = lithium("energy_mae")
    seven, chgnet = forces[SEVEN, "finetune"], forces[CHGNET, "lora"]
    ratio, of_chgnet = (ratio_text(row.ratio, flagged=False) for row in (seven, chgnet))
    (tests,) = (
        e for e in read_submission(LITHIUM / "2026-11-30-two-cores").tests() if e.element == "Li"
    )
    counted = is_unmarked(tests.marks, len(tests.n_atoms)).sum()
    assert f"five pairs, {counted} test structures ([all starts]" in text
    assert (
        f"SevenNet-0, fine-tuned, has {mean_text(seven)} meV/Å and "
        f"{mean_text(energies[SEVEN, 'finetune'])} meV/atom; its ratio of force errors to the same "
        f"architecture from scratch is {ratio}, that of CHGNet with `lora` {of_chgnet}."
    ) in text
    at_rate, scratch = lithium_from_scratch()
    assert scratch.mean.value < lithium_from_scratch("-rate-0.001")[1].mean.value
    first, second = to_lithium_from_scratch()
    assert (
        f"in {times(run, seven)[0]:.0f} s, it has {first} times the force error of DimeNet++ from "
        f"scratch after 1,600 updates and {times(at_rate, scratch)[0]:.0f} s"
    ) in text
    assert f"CHGNet (`lora`, {times(run, chgnet)[0]:.0f} s) has {second}." in text


def test_lithium_from_other_elements(text):
    _, forces = lithium()
    arms = ("finetune", "head-only", "lora")
    least, _, most = sorted((forces[OURS, arm].ratio for arm in arms), key=lambda r: r.value)
    assert (least, most) == tuple(forces[OURS, arm].ratio for arm in ("finetune", "lora"))
    first, last = (ratio_text(ratio, flagged=False) for ratio in (least, most))
    _, energies = lithium("energy_mae")
    of_energy = [energies[OURS, arm].ratio for arm in ("finetune", "lora")]
    assert (
        f"ratios to scratch are {first} (`finetune`) to {last} (`lora`), but of energy errors "
        f"{' and '.join(ratio_text(ratio, flagged=False) for ratio in of_energy)}."
    ) in text
    found = []
    for backbone, size in itertools.product(("dimenetpp", "schnet"), (10, 40)):
        model = {"target": "Li", "backbone": backbone, "size": size}
        (scratch,) = force_errors("matrix-cpu", strategy="scratch", **model)
        for source in ("Si", "Ge", "Mo"):
            (tuned,) = force_errors("matrix-cpu", strategy="finetune", source=source, **model)
            found.append(tuned / scratch)
    between = f"{min(found):.2f} to {max(found):.2f}"
    assert f"no gain is shown from silicon, germanium or molybdenum: {between}" in text


def test_failures_that_are_not_excluded(text):
    """No model of three per arm fails in any of its simulations."""
    low = wilson_interval(1.0, 3)[0]
    assert f"three models per arm, up to {100 * (1 - low):.0f} % of models could still fail" in text


def test_the_figure_is_where_the_records_say():
    """Heights of the drawn points are those of logarithms of the numbers, to a tenth of a pixel."""
    picture = script("picture")
    drawn = re.findall(
        r'class="point" transform="translate\(([\d.]+),([\d.]+)\)"', picture.PICTURE.read_text()
    )
    run = picture.analysis()
    traces = [t for t in picture.figure_of(run).data if t.mode and "markers" in t.mode]
    numbers = [
        (float(x), float(y)) for trace in traces for x, y in zip(trace.x, trace.y, strict=True)
    ]
    records = {
        round(r.value, 6)
        for r in run.results.records
        if r.metric == picture.METRIC and not r.condition and r.model.size
    }
    shown = [y for trace in traces if trace.mode == "markers" for y in trace.y]
    assert len(shown) > 20
    assert {round(y, 6) for y in shown} <= records
    assert len(drawn) == len(numbers)
    heights, logs = np.array([float(y) for _, y in drawn]), np.log10([y for _, y in numbers])
    slope, start = np.polyfit(logs, heights, 1)
    assert slope < 0
    assert np.abs(slope * logs + start - heights).max() < 0.1
