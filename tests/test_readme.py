"""The README and the findings say what records and code say."""

import re
import statistics

import numpy as np
import pytest
from published import (
    FINDINGS,
    INTERVAL,
    RESULTS,
    ROOT,
    SAID,
    analysis_of,
    energies_of_ten,
    entry_of,
    of_long_training,
    of_properties,
    ratios_at_one_rate,
    ratios_of_energies,
    ratios_of_strategies,
    ratios_of_structures,
    runs_of,
    silicon_to_lithium,
)
from real_data import MLEARN, needs_mlearn
from test_findings_crystals import rates_by_model as rates_of_crystals
from test_findings_stability import of_hot_crystals, rates_by_model
from test_findings_temperature import of_all_temperatures

from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.marks import is_unmarked, marked_frames
from tlbench.data.splits import chosen
from tlbench.metrics.statistics import wilson_interval
from tlbench.report.forgetting.retention import retained
from tlbench.report.rows import ratio_between
from tlbench.report.sections.costs import costs_by_device, seconds_of
from tlbench.report.sections.starts import best_starts, mean_text, start_of, start_table, starts_of
from tlbench.report.wording import ratio_text
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

SEVEN, CHGNET, OURS = "sevennet-0", "chgnet-0.3.0", "dimenetpp"


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def answers(readme):
    """Return the README without its line breaks."""
    return " ".join(readme.split())


@pytest.fixture(scope="module")
def board():
    """Return the page of the leaderboard without its line breaks."""
    return " ".join((ROOT / "leaderboard" / "README.md").read_text().split())


GERMANIUM = RESULTS / "universal-cpu/2026-11-29-two-cores"


@pytest.fixture(scope="module")
def universal():
    """Return the run of universal-cpu that the leaderboard has a table of, as its report shows."""
    return analysis_of(GERMANIUM, "force_mae")


@pytest.fixture(scope="module")
def longer():
    """Return the runs of part of universal-cpu with more updates: of DimeNet++, of potentials."""
    runs = (RESULTS / f"universal-cpu/2026-11-29-two-cores-{updates}" for updates in (2400, 400))
    return [analysis_of(run, "force_mae", "energy_mae") for run in runs]


def test_the_readme_is_one_page(readme):
    lines = readme.splitlines()
    assert len(lines) <= 120
    assert max(len(line) for line in lines if not line.startswith(("|", "!["))) <= 100


def test_ratios_in_the_text_are_those_of_published_runs(readme, universal, longer):
    # Tables have tests of their own.
    lines = [*readme.splitlines(), *FINDINGS.splitlines()]
    prose = (line for line in lines if not line.startswith("|"))
    stated = re.findall(INTERVAL, " ".join(" ".join(prose).split()))
    assert len(stated) > 10
    known = {*to_the_best(universal).values(), *to_lithium_from_scratch()}
    known |= {*to_the_scratch_of_as_many_updates(longer), schnet_to_scratch_at_one_rate()}
    known |= {
        ratio_text(ratio, flagged=False)
        for ratio in (
            *of_long_training(),
            *ratios_of_energies(),
            *ratios_of_structures(),
            *of_properties().values(),
            *ratios_of_strategies().values(),
            *ratios_at_one_rate().values(),
            *of_all_temperatures(),
            *of_hot_crystals(),
            silicon_to_lithium(),
            energies_of_ten(),
        )
    }
    known |= {*rates_by_model(), *rates_of_crystals()}
    assert set(stated) - known == set()


def to_the_best(universal):
    """Return (N, start) → its ratio to the best start of that N."""
    header, *lines = start_table(starts_of(universal.of_metric("force_mae")), {})
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return {(row["structures"].partition(",")[0], row["start"]): row["/ best"] for row in rows}


def test_starts_from_universal_potentials(board, universal):
    ratio = to_the_best(universal)
    for size in ("N = 1", "N = 10", "N = 40"):
        assert ratio[size, "SevenNet-0 → Ge, lora"] == "–", "the best"
    some, many = (ratio[size, "Si → Ge, head-only"] for size in ("N = 10", "N = 40"))
    assert (
        f"(`head-only`) cannot be distinguished from it (ratio {some} with 10 structures, {many} "
        "with 40), and is 12 to 15 times as fast."
    ) in SAID
    for each in (some, many):
        low, high = map(float, re.findall(r"\[(.*), (.*)\]", each)[0])
        assert low < 1 < high
    said, _ = best_starts(starts_of(universal.of_metric("force_mae")), "")
    assert not any("CHGNet" in each or "others" in each for each in said[1:])
    assert all("Si → Ge, head-only" in each for each in said)


def test_what_is_not_trained_on_the_test_structures_of_the_table(board, universal):
    """Errors of potentials as they are, over the structures that the others are tested on."""
    (tests,) = (e for e in entry_of(GERMANIUM).tests() if e.element == "Ge")
    counted = is_unmarked(tests.marks, len(tests.n_atoms))
    assert f"on the {counted.sum()} test structures of germanium" in SAID
    assert f"on the {counted.sum()} test structures that are not copies" in board
    entry = entry_of(RESULTS / "zero-shot-cpu/2026-11-29-two-cores")
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
    said = f"has {found['sevennet-l3i5']:.1f} meV/Å on these {counted.sum()} structures"
    assert said in board


def test_cost_and_forgetting_of_universal_potentials(board, universal):
    # SevenNet-0 has the most parameters, DimeNet++ the fewest.
    times_as_fast = [
        round(calls[max(calls)] / calls[min(calls)])
        for calls in (
            {each.n_parameters: each.force_call_seconds for each in run.results.costs}
            for run in (universal, lithium()[0])
        )
    ]
    assert times_as_fast == [12, 15]
    assert "is 12 to 15 times as fast" in SAID
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
    ) in board
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


def test_longer_training(longer):
    """DimeNet++ for as many updates with and without pretraining, and universal potentials."""
    table = FINDINGS.partition("| start | network |")[2]
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
    long, seven = to_the_scratch_of_as_many_updates(longer)
    assert (
        f"Relative to `scratch-long`, silicon has {long} times the force error and SevenNet-0 "
        f"{seven}."
    ) in SAID


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


def schnet_to_scratch_at_one_rate():
    """Return the ratio of tuned SchNet from silicon, after 1,600 updates, to untuned scratch."""
    one, tuned = schnet_rows()
    ratio = ratio_between(tuned["finetune", 1600], one["scratch", 1600])
    return ratio_text(ratio, flagged=False)


def test_tuned_rates_on_stillinger_weber_data():
    rows = schnet_rows()
    one, tuned = (each["scratch", 1600].mean.value for each in rows)
    first, second = (each["finetune", 100].ratio.value for each in rows)
    assert (
        f"Tuning shrinks the gain of SchNet after 100 updates ({first:.2f} to {second:.2f}); after "
        f"1,600, scratch is {100 * (tuned / one - 1):.0f} % worse at its tuned rate than at 10⁻³, "
        "and against the better one, tuned SchNet from silicon has "
        f"{schnet_to_scratch_at_one_rate()}."
    ) in SAID


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


def test_lithium_from_universal_potentials():
    run, forces = lithium()
    (tests,) = (e for e in entry_of(LITHIUM / "2026-11-30-two-cores").tests() if e.element == "Li")
    counted = is_unmarked(tests.marks, len(tests.n_atoms)).sum()
    assert f"on the {counted} of lithium" in SAID
    at_rate, scratch = lithium_from_scratch()
    assert scratch.mean.value < lithium_from_scratch("-rate-0.001")[1].mean.value
    first, second = to_lithium_from_scratch()
    seven, chgnet = (
        f"{times(run, forces[each])[0]:.0f} s" for each in ((SEVEN, "finetune"), (CHGNET, "lora"))
    )
    assert (
        f"after 1,600 updates and {times(at_rate, scratch)[0]:.0f} s, at the better of two rates"
    ) in SAID
    assert (
        f"SevenNet-0 has {first} after 100 updates and {seven}, and CHGNet (`lora`) {second} after "
        f"{chgnet}, both at the best of four." in SAID
    )


def of_one_structure(run, network, arm):
    """Return the errors of models of one structure, the lowest first, as text."""
    analysis = analysis_of(run, "force_mae")
    (row,) = (
        row
        for row in analysis.of_metric("force_mae")
        if (row.place.backbone, row.place.strategy, row.place.size) == (network, arm, 1)
    )
    return [f"{value:.0f}" for value in sorted(row.values.values())]


def test_one_structure():
    """Three draws of five on germanium, and four on lithium, are of molecular dynamics."""
    of_lithium = LITHIUM / "2026-11-30-two-cores-one-structure"
    ours = of_one_structure(GERMANIUM, OURS, "head-only")
    lora = of_one_structure(GERMANIUM, SEVEN, "lora")
    tuned = of_one_structure(of_lithium, SEVEN, "finetune")
    germanium, as_it_is = (
        of_one_structure(run, SEVEN, "zero-shot")[0] for run in (GERMANIUM, of_lithium)
    )
    assert (
        f"on germanium from {germanium} to {lora[0]}–{lora[2]} meV/Å (`lora`, three draws of "
        f"five), on lithium from {as_it_is} to {tuned[0]}–{tuned[3]} (`finetune`, four of five), "
        f"and silicon reaches {ours[0]}–{ours[2]} on germanium (`head-only`)."
    ) in SAID


@needs_mlearn
def test_which_structures_single_draws_are():
    for suite, changed, snapshots in (
        ("universal-cpu", (), [0, 1, 3]),
        ("universal-li-cpu", (("subset_seeds", "[0, 1, 2, 5, 7]"),), [0, 1, 5, 7]),
    ):
        study = resolve(load_suite(suite, changed))
        (target,) = {ends.target.digest(): ends.target for ends in study.ends}.values()
        train = target.read(fetch(target, MLEARN))["train"]
        drawn = {
            each.subset_seed: chosen(train, study.drawn(target, each))
            for each in study.training_sets()
            if each.size == 1
        }
        found = [seed for seed, frames in drawn.items() if frames.group[0].startswith("AIMD")]
        assert found == snapshots


@needs_mlearn
def test_errors_without_any_forces():
    sizes = {}
    for name in ("mlearn-ge", "mlearn-li"):
        card = load_card(name)
        tests = card.read(fetch(card, MLEARN))["test"]
        counted = np.ones(len(tests), dtype=bool)
        for marked in marked_frames(card.marked(), tests.group).values():
            counted[marked] = False
        sizes[name] = 1e3 * np.abs(tests.forces[np.repeat(counted, tests.n_atoms)]).mean()
    assert (
        f"Predicting no forces gives {sizes['mlearn-ge']:.0f} meV/Å on the 18 test structures of "
        f"germanium and {sizes['mlearn-li']:.0f} on the 24 of lithium"
    ) in SAID


def test_failures_that_are_not_excluded():
    """No model of three per arm fails in any of its simulations."""
    low = wilson_interval(1.0, 3)[0]
    assert f"three models per arm, up to {100 * (1 - low):.0f} % of models could still fail" in SAID
