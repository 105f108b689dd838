"""What README and findings say of energies in the loss is what published runs say."""

from statistics import geometric_mean

import pytest
from published import (
    ALL_STRUCTURES,
    BEST_WITH_ENERGIES,
    DOCS,
    ENERGIES,
    RESULTS,
    ROOT,
    SCRATCH,
    TUNED,
    WHOLE_TEST,
    of_energies,
    rows,
    to_forces_alone,
    with_energies,
)
from test_findings_tables import line

from tlbench.board.reading import read_submission
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text
from tlbench.study.plan import PRETRAIN

LINES = ((1e-3, 10, 1600), (3e-3, 10, 1600), (3e-3, 195, 6400))
"""Rate, number of structures and updates of each line of the table."""

FINDINGS = (DOCS / "findings.md").read_text()
TEXT = " ".join(FINDINGS.split())
README = " ".join((ROOT / "README.md").read_text().split())


def run_of(rate, size):
    return f"{ENERGIES}{'' if size == 10 else f'-n{size}'}-rate-{rate:g}"


def energy_line(rate, size, updates):
    cells = []
    for metric in ("force_mae", "energy_mae"):
        scratch, ours = (of_energies(rate, arm, metric, size, updates) for arm in (SCRATCH, TUNED))
        cells += [mean_text(scratch), mean_text(ours), ratio_text(ours.ratio, flagged=False)]
    name = run_of(rate, size).partition("/")[2]
    return line(f"{size}", f"{1e3 * rate:g}", f"{updates:,}", *cells, f"`{name}`")


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


def test_what_energies_in_the_loss_change():
    said = []
    for metric in ("energy_mae", "force_mae"):
        ours, scratch = (
            ratio_text(to_forces_alone(*each, metric), flagged=False) for each in BEST_WITH_ENERGIES
        )
        said.append(f"{ours} times as large from silicon and {scratch} times from scratch")
    assert f"errors of energies are {said[0]}" in TEXT
    assert f"those of forces {said[1]}" in TEXT
    forces, energies = (
        ratio_text(with_energies(metric), flagged=False) for metric in ("force_mae", "energy_mae")
    )
    assert f"silicon has {forces} times the force error from scratch" in TEXT
    assert f"and {energies} times its energy error" in TEXT
    means = [f"{of_energies(*each, 'energy_mae').mean.value:.1f}" for each in BEST_WITH_ENERGIES]
    assert f"{means[0]} meV/atom from silicon and {means[1]} from scratch" in README


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
    assert (
        f"they have {forces} meV/Å and {energies} meV/atom from silicon, {of_scratch} and "
        f"{energies_of_scratch} from scratch"
    ) in TEXT
    assert (
        f"with energies in the loss, {forces} meV/Å and {energies} meV/atom from silicon, "
        f"{of_scratch} and {energies_of_scratch} from scratch"
    ) in README
    assert max(float(forces), float(of_scratch)) < 50, "the published error of GAP and MTP"


def test_where_pretraining_ends():
    records = read_submission(RESULTS / run_of(3e-3, 10)).results.records
    means = [
        geometric_mean(
            r.value
            for r in records
            if (r.model.strategy, r.metric) == (PRETRAIN, metric) and not r.condition
        )
        for metric in ("force_mae", "energy_mae")
    ]
    assert f"ends at {means[0]:.1f} meV/Å and {means[1]:.1f} meV/atom on silicon" in TEXT


def test_without_energies_in_the_loss_those_of_the_test_file_are_five_times_as_large():
    for arm in (TUNED, SCRATCH):
        found = (
            rows(RESULTS / run, "energy_mae", WHOLE_TEST)[*arm, 195, 6400].mean.value
            for run in (run_of(3e-3, 195), ALL_STRUCTURES)
        )
        ours, alone = found
        assert round(alone / ours) == 5
    assert "they have a fifth of these" in TEXT


def test_weights_of_the_loss():
    for rate, size, _ in LINES:
        suite = read_submission(RESULTS / run_of(rate, size)).suite
        for part in (suite.training, suite.pretraining):
            assert (part.loss.energy, part.final_loss.energy) == (1e-3, 10)
            assert part.loss.forces == part.final_loss.forces == 1
    assert "whose weight grows from 10⁻³ to 10" in TEXT
