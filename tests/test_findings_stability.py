"""What the findings say of crystals that are simulated hotter than the training structures."""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest
from published import FINDINGS, RESULTS, ROOT, SAID, entry_of, rows, script
from test_findings_tables import line

from tlbench.report.dynamics.models import arms_of, rate_of, survival_time
from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import mean_text
from tlbench.report.wording import ratio_text

ANSWERS = " ".join((ROOT / "README.md").read_text().split())

RUNS = "stability-sw-cpu/2026-11-30-two-cores"
STARTS = {"scratch": "scratch", "finetune": "from silicon", "zero-shot": "silicon as it is"}
REPLICAS = 4


class Simulated(NamedTuple):
    """The models of one line of the table."""

    run: str
    arm: str
    size: int = 10
    rate: float | None = 3e-3
    updates: int | None = 1600
    structures: str = "300 K"
    source: str = ""

    @property
    def start(self):
        """What they start from, in words; of some of the silicon, of which."""
        named = STARTS[self.arm]
        return named if self.arm == "scratch" else named.replace("silicon", f"silicon{self.source}")


LINES = (
    Simulated("n1-3000-k", "scratch", 1),
    Simulated("n1-3000-k", "finetune", 1),
    Simulated("n10-3000-k", "scratch"),
    Simulated("n10-3000-k", "finetune"),
    Simulated("n10-3000-k-rate-0.001", "scratch", rate=1e-3),
    Simulated("n10-3000-k-rate-0.001", "finetune", rate=1e-3),
    Simulated("n10-3000-k-scratch", "scratch", updates=6400),
    Simulated("n10-3000-k-scratch-rate-0.001", "scratch", rate=1e-3, updates=6400),
    Simulated("n10-3000-k-rate-0.001", "zero-shot", 10, None, None, "none"),
    Simulated("n10-3000-k-source-40", "finetune", rate=1e-3, source=" (40)"),
    Simulated("n10-3000-k-source-40", "zero-shot", 10, None, None, "none", " (40)"),
    Simulated("n10-3000-k-source-300-k", "finetune", rate=1e-3, source=" (300 K)"),
    Simulated("n10-3000-k-source-300-k", "zero-shot", 10, None, None, "none", " (300 K)"),
    Simulated("n10-3000-k-all", "scratch", structures="all"),
    Simulated("n10-3000-k-all", "finetune", structures="all"),
)


@cache
def simulations(run):
    """Return arm → (simulations that do not fail, mean time) of a run."""
    dynamics = entry_of(RESULTS / f"{RUNS}-{run}").results.dynamics
    found = {}
    for place, models in arms_of(dynamics, []).items():
        rate = rate_of(models)
        assert (rate.n_clusters, rate.n_replicas) == (5, 5 * REPLICAS)
        time = survival_time(models, dynamics.reference.time_ps)
        found[place.strategy] = round(rate.n_replicas * rate.value), time
    return found


def criteria(run, arm):
    """Return which criterion each simulation of an arm met, "" if none."""
    dynamics = entry_of(RESULTS / f"{RUNS}-{run}").results.dynamics
    (models,) = (some for place, some in arms_of(dynamics, []).items() if place.strategy == arm)
    return [name for model in models.values() for name in model.run.criterion]


def error_of(models, metric="force_mae", at=None):
    """Return the row of the models of a line, on all test structures or on those of one K."""
    tested = () if at is None else (("temperature_k", at),)
    found = rows(RESULTS / f"{RUNS}-{models.run}", metric, tested)
    source = "" if models.arm == "scratch" else "Si"
    return found[source, "dimenetpp", models.arm, models.size, models.updates]


def time_text(time):
    if time.interval is None:
        return f"{time.value:.1f}"
    return f"{time.value:.1f} [{time.interval[0]:.1f}, {time.interval[1]:.1f}]"


def cells_of(models):
    survived, time = simulations(models.run)[models.arm]
    rate, updates = models.rate, models.updates
    return [
        f"{0 if updates is None else models.size}",
        models.structures,
        "–" if rate is None else f"{1e3 * rate:g}",
        "–" if updates is None else f"{updates:,}",
        models.start,
        mean_text(error_of(models)),
        f"{survived}",
        time_text(time),
    ]


@pytest.mark.parametrize("models", LINES)
def test_lines(models):
    suite = entry_of(RESULTS / f"{RUNS}-{models.run}").suite
    if models.rate is not None:
        assert (suite.training.learning_rate, suite.training.updates) == models[3:5]
    assert suite.dynamics.temperature_k == 3000
    everywhere = suite.training_temperatures_k is None
    assert everywhere == (models.structures == "all")
    assert line(*cells_of(models)) in FINDINGS


def test_the_table_has_no_other_lines():
    table = FINDINGS[FINDINGS.index("| *N* | structures of |") :].partition("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(LINES)


SCRATCH_LONG, TUNED, GENTLE = (
    next(each for each in LINES if (each.run, each.arm) == wanted)
    for wanted in (
        ("n10-3000-k-scratch", "scratch"),
        ("n10-3000-k", "finetune"),
        ("n10-3000-k-rate-0.001", "finetune"),
    )
)


COLD, FEW = (
    next(each for each in LINES if (each.arm, each.source) == ("finetune", source))
    for source in (" (300 K)", " (40)")
)
SLOW = next(each for each in LINES if each.run == "n10-3000-k-scratch-rate-0.001")
ALL = {each.arm: each for each in LINES if each.structures == "all"}


def to_long_scratch(metric="force_mae", at=None):
    """Return the ratio of errors from silicon at 10⁻³ to those of 6,400 updates from scratch."""
    return ratio_between(*(error_of(each, metric, at) for each in (GENTLE, SCRATCH_LONG)))


def of_hot_crystals():
    """Yield every ratio that the text states of these models."""
    for metric in ("force_mae", "energy_mae"):
        yield from (to_long_scratch(metric, at) for at in (None, 300.0))
    yield to_long_scratch(at=3000.0)
    yield error_of(TUNED).ratio
    yield from (error_of(GENTLE, at=at).ratio for at in (None, 300))
    yield from of_own()
    yield from of_parts()


def of_own():
    """Yield the ratios of errors to those of germanium structures of all temperatures."""
    for at in (None, 3000, 300):
        yield ratio_between(error_of(GENTLE, at=at), error_of(ALL["scratch"], at=at))
    yield error_of(ALL["finetune"]).ratio


def of_parts():
    """Yield the ratios of errors from parts of the silicon."""
    yield ratio_between(error_of(FEW), error_of(GENTLE))
    yield from (ratio_between(error_of(COLD, at=at), error_of(GENTLE, at=at)) for at in (None, 300))
    yield from (ratio_between(error_of(COLD), error_of(each)) for each in (SCRATCH_LONG, SLOW))
    yield from (error_of(COLD, at=at).ratio for at in (300, None))


def rates_by_model():
    """Yield the stability rates that the text states, which look like ratios."""
    for run, arm in (
        *((GENTLE.run, arm) for arm in ("finetune", "scratch")),
        *((each.run, "finetune") for each in (TUNED, FEW)),
    ):
        yield rate_text(run, arm)


def rate_text(run, arm):
    dynamics = entry_of(RESULTS / f"{RUNS}-{run}").results.dynamics
    (models,) = (some for place, some in arms_of(dynamics, []).items() if place.strategy == arm)
    rate = rate_of(models)
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def test_survival():
    assert simulations(GENTLE.run)["finetune"][0] == 20
    of_scratch = [each for each in LINES if each.arm == "scratch" and each.structures == "300 K"]
    assert {simulations(each.run)["scratch"][0] for each in of_scratch} == {0}
    assert len(of_scratch) == 5
    rates = [rate_text(GENTLE.run, arm) for arm in ("finetune", "scratch")]
    assert f"stability rates are {rates[0]} and {rates[1]}." in SAID
    fired = Counter(name for each in of_scratch for name in criteria(each.run, "scratch"))
    said = f"From scratch {fired['closest-pair']} of the {fired.total()} simulations fail because"
    assert said in SAID
    seven, one = (simulations(run)["finetune"][0] for run in ("n10-3000-k", "n1-3000-k"))
    assert (
        f"{seven} of 20 simulations survive, by model {rate_text('n10-3000-k', 'finetune')} ({one} "
        "with one structure)"
    ) in SAID
    assert f"20 of 20 simulations of 10 ps, at 10⁻³ ({seven} at 3·10⁻³)." in ANSWERS
    assert f"and fine-tuned at 10⁻³, and in {seven} at 3·10⁻³; from scratch in none." in SAID
    as_it_is = criteria(GENTLE.run, "zero-shot")
    few, cold = (criteria(each.run, "zero-shot") for each in (FEW, COLD))
    assert f"models of all silicon survive in {as_it_is.count('')} of 20 simulations" in SAID
    assert f"Models of 40 structures survive in {few.count('')}, those of 300 K in none:" in SAID
    assert set(as_it_is) == {"", "energy", "structure"}
    assert set(cold) == {"closest-pair"}


def test_errors():
    of_scratch = [each for each in LINES if each.arm == "scratch" and each.structures == "300 K"]
    errors = [error_of(each).mean.value for each in of_scratch if each.size == 10]
    assert min(errors) == error_of(SCRATCH_LONG).mean.value
    forces, cold, energies, cold_energies, hot, tuned, *_ = (
        ratio_text(each, flagged=False) for each in of_hot_crystals()
    )
    means = [error_of(each, at=300.0).mean.value for each in (GENTLE, SCRATCH_LONG)]
    assert (
        f"have {forces} times the error over all temperatures, {hot} at 3000 K, but {cold} at 300 "
        f"K, where both were trained ({means[0]:.1f} and {means[1]:.1f} meV/Å)."
    ) in SAID
    assert f"Energies have {energies} over all and {cold_energies} at 300 K." in SAID
    assert f"Forces have {tuned} times the error from scratch after as many updates" in SAID
    assert f"forces have {forces} times the error, but {cold} at 300 K." in ANSWERS
    same, cold_same = (ratio_text(error_of(GENTLE, at=at).ratio) for at in (None, 300))
    assert f"forces are lower at 300 K, too ({cold_same}; {same} over all)." in SAID


def test_parts_of_the_silicon():
    for each, part in ((FEW, {"share": 0.091}), (COLD, {"temperatures_k": [300.0]})):
        entry = entry_of(RESULTS / f"{RUNS}-{each.run}")
        ((only,),) = (entry.suite.source_parts,)
        assert only.model_dump(exclude_defaults=True) == part
        records = entry.results.records
        assert {r.model.size for r in records if r.model.strategy == "pretrain"} == {40}
        assert entry.suite.pretraining.updates == 6400
    few, cold = (simulations(each.run)["finetune"][0] for each in (FEW, COLD))
    same, worse, at_300, to_long, to_slow, gain, none = (
        ratio_text(each, flagged=False) for each in of_parts()
    )
    assert (
        f"With 40 of the 440 silicon structures, drawn from all temperatures, {few} of 20 survive "
        f"(by model {rate_text(FEW.run, 'finetune')}), and no difference in errors is seen "
        f"({same})."
    ) in SAID
    assert cold == 0
    assert (
        f"errors are {worse} times those with all 440, at 300 K, too ({at_300}). Relative to as "
        f"many updates from scratch they are lower at 300 K ({gain}); over all temperatures no "
        f"gain is shown ({none}), nor relative to 6,400 updates ({to_long} at 3·10⁻³, {to_slow} at "
        "10⁻³)."
    ) in SAID


def test_structures_of_all_temperatures():
    assert {simulations(each.run)[arm][0] for arm, each in ALL.items()} == {20}
    gentle, hot, at_300, of_all = (ratio_text(each, flagged=False) for each in of_own())
    ours, scratch, cold = (
        f"{error_of(each).mean.value:.1f}" for each in (ALL["finetune"], ALL["scratch"], GENTLE)
    )
    assert (
        f"errors from scratch are {scratch} meV/Å, lower than those of {cold} from silicon with "
        f"300 K alone ({gentle}, at 3000 K {hot}; at 300 K the latter are lower, {at_300}). From "
        f"silicon they are {ours}, after as many updates ({of_all})."
    ) in SAID


def test_structure():
    report = script("generate").submission_text(entry_of(RESULTS / f"{RUNS}-{GENTLE.run}"))
    (found, floor) = re.findall(
        r"finetune, N = 10, trained at 300 K: stability rate 1\.00 .*?RDF error (\S+) \(above the "
        r"(\S+) of another run of the reference\)",
        report,
    )[0]
    assert f"(RDF error {found}) than another run of the reference is ({floor})" in SAID
