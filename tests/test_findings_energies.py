"""What README and findings say of energies in the loss is what published runs say."""

from statistics import geometric_mean

import numpy as np
import pytest
from published import (
    BEST_WITH_ENERGIES,
    ENERGIES,
    FINDINGS,
    RESULTS,
    ROOT,
    SAID,
    SCRATCH,
    TUNED,
    WHOLE_TEST,
    entry_of,
    of_energies,
    of_forces,
    rows,
    script,
    to_forces_alone,
)
from test_findings_tables import line

from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text
from tlbench.study.plan import PRETRAIN

LINES = ((1e-3, 10, 1600), (3e-3, 10, 1600), (3e-3, 195, 6400))
"""Rate, number of structures and updates of each line of the table."""

BOTH = (TUNED, SCRATCH)

README = " ".join((ROOT / "README.md").read_text().split())


def run_of(rate, size):
    return f"{ENERGIES}{'' if size == 10 else f'-n{size}'}-rate-{rate:g}"


def energy_line(rate, size, updates):
    cells = []
    for metric in ("force_mae", "energy_mae"):
        scratch, ours = (of_energies(rate, arm, metric, size, updates) for arm in (SCRATCH, TUNED))
        cells += [mean_text(scratch), mean_text(ours), ratio_text(ours.ratio, flagged=False)]
    return line(f"{size}", f"{1e3 * rate:g}", f"{updates:,}", *cells)


@pytest.mark.parametrize("trained", LINES)
def test_lines(trained):
    assert energy_line(*trained) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| N (energies) |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(LINES)


def test_the_better_rates():
    for rate, arm in BEST_WITH_ENERGIES:
        means = {r: of_energies(r, arm, "force_mae").mean.value for r in (1e-3, 3e-3)}
        assert min(means, key=means.get) == rate


def text_of(ratio):
    return ratio_text(ratio, flagged=False)


def test_what_energies_in_the_loss_change():
    said = []
    for metric in ("energy_mae", "force_mae"):
        ours, scratch = (text_of(to_forces_alone(*each, metric)) for each in BEST_WITH_ENERGIES)
        said.append(f"{ours} times as large from silicon and {scratch} times from scratch")
    alone = text_of(to_forces_alone(1e-3, SCRATCH, "force_mae"))
    assert f"errors of energies are {said[0]}" in SAID
    assert f"those of forces {said[1]} ({alone} from scratch at 10⁻³)" in SAID
    before, after = (
        [of(*each, "energy_mae").mean.value for each in BEST_WITH_ENERGIES]
        for of in (of_forces, of_energies)
    )
    assert (
        f"energy errors fall from {before[0]:.1f} to {after[0]:.1f} meV/atom from silicon and from "
        f"{before[1]:.1f} to {after[1]:.1f} from scratch"
    ) in SAID
    forces = [to_forces_alone(*each, "force_mae") for each in BEST_WITH_ENERGIES]
    assert all(ratio.interval.high < 1.1 for ratio in forces)
    assert (
        f"their errors fall from {before[0]:.0f} to {after[0]:.1f} meV/atom from silicon, from "
        f"{before[1]:.0f} to {after[1]:.1f} from scratch; those of forces change much "
        f"less ({text_of(forces[0])} and {text_of(forces[1])})"
    ) in README


def test_what_transfer_gains_with_them():
    """At the rates of the lower force errors, beside the same with forces alone."""
    (force, energy), (alone, energy_alone) = (
        [
            text_of(ratio_between(*(of(*each, metric) for each in BEST_WITH_ENERGIES)))
            for metric in ("force_mae", "energy_mae")
        ]
        for of in (of_energies, of_forces)
    )
    assert f"silicon has {force} times the force error from scratch after as many" in SAID
    assert (
        f"(with forces alone {alone}), and {energy} times its energy error ({energy_alone})" in SAID
    )
    assert f"Silicon lowers both: forces {force}, energies {energy}; with all 195 this" in README
    for metric in ("force_mae", "energy_mae"):
        interval = of_energies(3e-3, TUNED, metric, 195, 6400).ratio.interval
        assert interval.low < 1 < interval.high


def test_what_reports_claim():
    submission_text = script("generate").submission_text
    claims = {
        size: "the error is lower with transfer"
        in submission_text(entry_of(RESULTS / run_of(rate, size)))
        for rate, size, _ in LINES
    }
    assert claims == {10: True, 195: False}
    assert "both runs with 10 structures claim lower force errors" in SAID


def test_the_published_test_file():
    run = RESULTS / run_of(3e-3, 195)
    means = {
        metric: [
            f"{rows(run, metric, WHOLE_TEST)[*arm, 195, 6400].mean.value:.1f}"
            for arm in (TUNED, SCRATCH)
        ]
        for metric in ("force_mae", "energy_mae")
    }
    (forces, of_scratch), (energies, energies_of_scratch) = means.values()
    ratios = [
        text_of(ratio_between(*(rows(run, each, WHOLE_TEST)[*a, 195, 6400] for a in BOTH)))
        for each in means
    ]
    assert (
        f"they have {forces} meV/Å and {energies} meV/atom from silicon, {of_scratch} and "
        f"{energies_of_scratch} from scratch (ratios {ratios[0]} and {ratios[1]})"
    ) in SAID
    assert (
        f"with energies in the loss, {forces} meV/Å and {energies} meV/atom from silicon, "
        f"{of_scratch} and {energies_of_scratch} from scratch"
    ) in README
    assert max(float(forces), float(of_scratch)) < 50, "the published error of GAP and MTP"


def test_where_pretraining_ends():
    records = entry_of(RESULTS / run_of(3e-3, 10)).results.records
    means = [
        geometric_mean(
            r.value
            for r in records
            if (r.model.strategy, r.metric) == (PRETRAIN, metric) and not r.condition
        )
        for metric in ("force_mae", "energy_mae")
    ]
    assert f"ends at {means[0]:.1f} meV/Å and {means[1]:.1f} meV/atom on silicon" in SAID


def test_the_part_of_the_surface():
    entry = entry_of(RESULTS / run_of(3e-3, 195))
    whole = {each.data: each for each in entry.tests() if "Surface" in each.groups}
    parts = []
    for errors in entry.errors():
        if tests := whole.get(errors.data):
            per_atom = 1000 * np.abs(errors.energy) / np.array(tests.n_atoms)
            parts.append(per_atom[tests.groups.index("Surface")] / len(per_atom))
    assert len(parts) == 10
    assert {round(part) for part in parts} == {4, 5}
    for text in (SAID, README):
        assert "contributes 4 to 5 of our meV/atom" in text


def test_weights_of_the_loss():
    for rate, size, _ in LINES:
        suite = entry_of(RESULTS / run_of(rate, size)).suite
        for part in (suite.training, suite.pretraining):
            assert (part.loss.energy, part.final_loss.energy) == (1e-3, 10)
            assert part.loss.forces == part.final_loss.forces == 1
    assert "grows exponentially from 10⁻³ to 10 during training" in SAID
