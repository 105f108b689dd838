"""What the findings say of simulations of DFT germanium."""

import re
from typing import NamedTuple

import pytest
from published import FINDINGS, RESULTS, ROOT, SAID, entry_of, rows, script
from test_findings_stability import time_text
from test_findings_tables import line

from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import arms_of, rate_of, survival_time
from tlbench.report.sections.starts import mean_text

ANSWERS = " ".join((ROOT / "README.md").read_text().split())
RUNS = "si-ge-dft-cpu/"


class Simulated(NamedTuple):
    """A run, of which the table has a line of each arm."""

    run: str
    temperature_k: float
    size: int = 10
    rate: float = 1e-3
    updates: int = 1600
    start: str = "crystal"


LIQUID = Simulated("2026-11-30-two-cores-rate-0.001-r2", 1200, start="liquid")
HOT = Simulated("2026-12-01-two-cores-1200-k-rate-0.001", 1200)
FAST = Simulated("2026-12-01-two-cores-1200-k-rate-0.003", 1200, rate=3e-3)
MORE = Simulated("2026-12-01-two-cores-n40-1200-k-rate-0.001", 1200, 40)
WHOLE = Simulated("2026-12-01-two-cores-n195-1200-k-scratch", 1200, 195, 3e-3, 6400)
WHOLE_SILICON = Simulated("2026-12-01-two-cores-n195-1200-k", 1200, 195, 3e-3, 6400)
COLD = Simulated("2026-12-01-two-cores-605-k-rate-0.001", 605)
SIMULATED = (LIQUID, COLD, HOT, FAST, MORE, WHOLE, WHOLE_SILICON)
ARMS = {"scratch": "scratch", "finetune": "from silicon"}


def simulations(run):
    """Return arm → models of a run."""
    dynamics = entry_of(RESULTS / (RUNS + run)).results.dynamics
    return dynamics, {place.strategy: some for place, some in arms_of(dynamics, []).items()}


def survived(run, arm):
    rate = rate_of(simulations(run)[1][arm])
    assert (rate.n_clusters, rate.n_replicas) == (5, 20)
    return round(20 * rate.value)


def lines_of(each):
    dynamics, arms = simulations(each.run)
    assert dynamics.reference.time_ps == 10
    errors = rows(RESULTS / (RUNS + each.run), "force_mae")
    for arm, models in arms.items():
        source = "" if arm == "scratch" else "Si"
        yield line(
            f"{each.start}, {each.temperature_k:g} K",
            f"{each.size}",
            f"{1e3 * each.rate:g}",
            f"{each.updates:,}",
            ARMS[arm],
            mean_text(errors[source, "dimenetpp", arm, each.size, each.updates]),
            f"{survived(each.run, arm)}",
            time_text(survival_time(models, dynamics.reference.time_ps)),
        )


@pytest.mark.parametrize("each", SIMULATED)
def test_lines(each):
    suite = entry_of(RESULTS / (RUNS + each.run)).suite
    assert suite.dynamics.temperature_k == each.temperature_k
    # The nearest frames are of the liquid.
    assert suite.dynamics.start == {"liquid": "nearest", "crystal": "crystal"}[each.start]
    assert (suite.training.learning_rate, suite.sizes) == (each.rate, [each.size])
    for cells in lines_of(each):
        assert cells in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| phase, temperature |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + sum(len([*lines_of(each)]) for each in SIMULATED)


def difference(each):
    """Return the difference of stability rates, as the report gives it."""
    dynamics, _ = simulations(each.run)
    found = dynamics_findings(dynamics, arms_of(dynamics, []))
    (said,) = (one for one in found if "with the same seeds: stability rate" in one)
    return said.partition("stability rate ")[2].partition("]")[0].replace("-", "−") + "]"


def by_model(each, arm):
    rate = rate_of(simulations(each.run)[1][arm])
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def rates_by_model():
    """Yield the stability rates that the text states, which look like ratios."""
    yield from (by_model(HOT, arm) for arm in ARMS)
    yield from (difference(each).removeprefix("+") for each in (HOT, FAST, MORE))


def test_crystals_that_lose_their_structure():
    for each in (HOT, FAST, MORE, WHOLE):
        _, arms = simulations(each.run)
        fired = {
            name for models in arms.values() for m in models.values() for name in m.run.criterion
        }
        assert fired <= {"structure", ""}
    assert [survived(COLD.run, arm) for arm in ARMS] == [20, 20]
    assert "At 605 K all 40 simulations survive" in SAID
    assert (
        f"by model {by_model(HOT, 'scratch')} from scratch and {by_model(HOT, 'finetune')} from "
        f"silicon, a difference of {difference(HOT)}"
    ) in SAID
    assert f"with 40 structures it is {difference(MORE)}" in SAID
    assert f"At 3·10⁻³ the interval includes 0 ({difference(FAST)})" in SAID


def test_the_most_accurate_models():
    means = {}
    for each in SIMULATED:
        found = rows(RESULTS / (RUNS + each.run), "force_mae")
        for arm in simulations(each.run)[1]:
            source = "" if arm == "scratch" else "Si"
            row = found[source, "dimenetpp", arm, each.size, each.updates]
            means[each, arm] = row.mean.value
    ours, scratch = (means[w] for w in ((WHOLE_SILICON, "finetune"), (WHOLE, "scratch")))
    assert sorted(means.values())[:2] == [ours, scratch]
    lost, kept = survived(WHOLE.run, "scratch"), survived(WHOLE_SILICON.run, "finetune")
    assert (
        "whose force errors are the lowest here and differ by "
        f"{100 * (scratch / ours - 1):.0f} %, {lost} simulations from scratch survive and {kept} "
        "from silicon"
    ) in SAID


def test_short_answers():
    ours, scratch = (survived(HOT.run, arm) for arm in ("finetune", "scratch"))
    assert scratch == 0
    fast = [survived(FAST.run, arm) for arm in ("finetune", "scratch")]
    assert (
        f"survive 10 ps in {ours} of 20 simulations from silicon and in none from scratch at 10⁻³ "
        f"({fast[0]} and {fast[1]} at 3·10⁻³)"
    ) in ANSWERS
    assert f"scratch survives, and {ours} from silicon" in SAID


def test_structure_of_crystals():
    errors = {}
    for each in (COLD, HOT, MORE):
        report = script("generate").submission_text(entry_of(RESULTS / (RUNS + each.run)))
        errors[each] = re.findall(r"RDF error (\S+) \(above the (\S+) of a perfect model", report)
    (scratch, floor), (ours, _) = errors[COLD]
    assert f"of {scratch} from scratch and {ours} from silicon, where a perfect model" in SAID
    assert f"judged by so few frames, has {floor})." in SAID
    ((few, _),), ((more, _),) = errors[HOT], errors[MORE]
    assert f"it has an error of {few} with 10 structures and {more} with 40" in SAID
