"""What is reported of simulations, of made-up ones whose truth is known."""

import math
import re

import numpy as np
import one_budget
import pytest
from analyses import record_of
from made_up_dynamics import ANGLES, TIMES, detail, model, of, rows, structure

from tlbench.jobs.reference_run import Structure
from tlbench.metrics.statistics import wilson_interval
from tlbench.metrics.statistics.interval import mean_interval
from tlbench.report.dynamics.figures import adf_curves, msd_curves, rdf_curves, survival_curves
from tlbench.report.dynamics.models import ADF, FORCE, RDF, arms_of, errors_in, survival_time
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.html import write_report
from tlbench.report.markdown import markdown
from tlbench.results.results import Results
from tlbench.study.model_key import Place
from tlbench.study.study import resolve

FEW = "With fewer than 5 pairs no difference is claimed."


def force(value, strategy, seed=0, **changes):
    return record_of(strategy, value, **{"subset_seed": seed, **changes})


SCRATCH = [model("scratch", seed, failed=[1.0, 2.0, 3.0], stable=1) for seed in range(3)]
FINETUNE = [model("finetune", seed, errors=(0.2, 0.1)) for seed in range(3)]
RECORDS = [
    *(force(100.0, "scratch", seed) for seed in range(3)),
    *(force(50.0, "finetune", seed) for seed in range(3)),
    # None of these may enter:
    force(1e9, "finetune", condition={"temperature_k": 300.0}),
    force(1e9, "finetune", metric="force_rmse"),
    force(1e9, "finetune", size=20),
    force(1e9, "finetune", train_temperature_k=300.0),
    force(1e9, "pretrain", target="Si", size=10),
]
USUAL = of(*FINETUNE, *SCRATCH)


def test_models_are_matched_with_their_force_errors():
    arms = arms_of(USUAL, RECORDS)
    assert list(arms) == [Place("b", "scratch", 10), Place("b", "finetune", 10)]
    finetune = arms[Place("b", "finetune", 10)]
    assert errors_in(finetune, FORCE) == {(seed, 0): 50.0 for seed in range(3)}
    assert errors_in(finetune, RDF) == pytest.approx({(seed, 0): 0.2 for seed in range(3)})
    assert errors_in(finetune, ADF) == pytest.approx({(seed, 0): 0.1 for seed in range(3)})


def test_a_row_per_arm_beside_the_reference():
    scratch, finetune, last = rows(dynamics_section(USUAL, RECORDS).tables[0])
    low, high = wilson_interval(0.25, 3)
    assert scratch == {
        "backbone": "b", "arm": "scratch", "N": "10", "replicas": "3 × 4",
        # Models that do not differ at all: ρ is 0, and three models still are few.
        "stability rate": f"0.25 [{low:.2f}, {high:.2f}]",
        "survival (ps)": "4", "structure": "above the floor", RDF: "0.100", ADF: "0.200",
        "coordination": "4.00", "MSD (Å²)": "–",
    }  # fmt: skip
    assert finetune["stability rate"] == "1.00 [0.44, 1.00]"
    assert finetune["survival (ps)"] == "10"
    assert list(last.values()) == ["reference", *"––––––", "0.020", "0.010", "4.00", "0.3"]


def test_survival_is_counted_up_to_the_end_of_simulations():
    arms = arms_of(of(model("scratch", failed=[2.0, 6.0], stable=0)), [])
    assert survival_time(arms[Place("b", "scratch", 10)], 10.0).value == pytest.approx(4)


def test_displacement_is_that_of_the_second_half():
    moving = [model("scratch", seed, msd=[9.0, 9.0, 0.1 * seed, 0.3]) for seed in range(3)]
    section = dynamics_section(of(*moving), [])
    scratch, last = rows(section.tables[0])
    assert (scratch["MSD (Å²)"], last["MSD (Å²)"]) == ("0.2", "0.3")
    figure = msd_curves(of(*moving), arms_of(of(*moving), []), ["scratch"])
    mean = next(t for t in figure.data if t.name == "scratch" and t.opacity == 1)
    assert list(mean.x) == TIMES
    assert list(mean.y) == pytest.approx([9, 9, 0.1, 0.3])
    # Frames of a data set are no trajectory.
    still = dynamics_section(of(*moving, msd=None), [])
    assert rows(still.tables[0])[-1]["MSD (Å²)"] == "–"


def test_diffusion_is_a_mean_over_replicas_with_its_interval():
    title = "D (Å²/ps)"
    liquid = [10.0, 20.0, 30.0, 40.0]
    two = [model("scratch", seed, stable=2, diffusion=[0.5, 0.7]) for seed in range(2)]
    section = dynamics_section(of(*two, msd=liquid), [])
    scratch, last = rows(section.tables[0])
    low, high = mean_interval(np.array([0.5, 0.7, 0.5, 0.7]))
    assert scratch[title] == f"0.600 [{low:.3f}, {high:.3f}]"
    assert last[title] == f"{4.0 / 6:.3f}"
    assert "that take replicas as independent" in section.tables[0].note
    # Three replicas make an interval, fewer a number, and those that broke none.
    few = [
        model("scratch", 0, stable=1, diffusion=[0.5]),
        model("finetune", failed=[1.0], stable=0),
    ]
    cells = [row[title] for row in rows(dynamics_section(of(*few, msd=liquid), []).tables[0])]
    assert sorted(cells[:-1]) == ["0.500", "–"]
    # Versions before it was measured recorded none.
    assert title not in dynamics_section(of(model("scratch")), []).tables[0].lines[0]


def test_survival_that_differs_between_models_has_an_interval():
    models = [model("scratch", seed, failed=[2.0 + seed] * 2, stable=2) for seed in range(3)]
    (scratch, _) = rows(dynamics_section(of(*models), []).tables[0])
    assert scratch["survival (ps)"] == "6.5 [5.26, 7.74]"


def test_rates_alike_in_all_pairs_are_compared_by_those_of_the_arms():
    """Five models that all fail, and five that never do."""
    worst = [model("scratch", seed, failed=[1.0] * 4, stable=0) for seed in range(5)]
    best = [model("finetune", seed) for seed in range(5)]
    said = " ".join(dynamics_section(of(*worst, *best), []).sentences)
    reach = math.hypot(1 - wilson_interval(1, 5)[0], wilson_interval(0, 5)[1])
    assert f"seeds: stability rate +1.00 [{1 - reach:+.2f}, +1.00]." in said
    same = [model("finetune", seed, failed=[1.0] * 4, stable=0) for seed in range(5)]
    said = " ".join(dynamics_section(of(*worst, *same), []).sentences)
    assert "seeds: stability rate +0.00 [-0.43, +0.43], not distinguished." in said


def test_replicas_are_counted_by_what_stopped_them():
    other = model("scratch", 3, failed=[1.0, 5.0], stable=1)
    other = other.model_copy(update={"criterion": ["temperature", "closest-pair", ""]})
    table = detail(dynamics_section(of(*SCRATCH, other, *FINETUNE), RECORDS), "criterion")
    assert table.lines == [
        ["backbone", "arm", "N", "replicas", "none", "closest-pair", "temperature"],
        ["b", "scratch", "10", "15", "4", "10", "1"],
        ["b", "finetune", "10", "12", "12", "0", "0"],
    ]


def test_where_no_replica_fails_there_are_no_criteria():
    titles = [table.title for table in dynamics_section(of(*FINETUNE), RECORDS).tables[1:]]
    assert titles == ["Force error against structure error"]


def test_lower_force_error_with_larger_rdf_error_is_said():
    section = dynamics_section(of(*FINETUNE[:2], *SCRATCH[:2]), RECORDS)
    line = rows(detail(section, "Force error"))[-1]
    assert (line["force MAE / scratch"], line["RDF error / scratch"]) == ("0.50", "2.00")
    assert line["ADF error / scratch"] == "0.50"
    assert line["in words"] == "lower force error, but larger RDF error"
    assert (
        "b, finetune, N = 10: at this budget, its force MAE is lower but its RDF error is larger "
        "than those of scratch; it may be chance." in section.sentences
    )
    assert not any("its ADF error is larger" in sentence for sentence in section.sentences)
    assert FEW in section.sentences


def test_models_from_scratch_are_compared_with_nothing():
    line = rows(detail(dynamics_section(USUAL, RECORDS), "Force error"))[0]
    assert line["arm"] == "scratch"
    assert {line[f"{name} / scratch"] for name in (FORCE, RDF, ADF)} == {"–"}
    assert line["in words"] == "–"


def test_fewer_stable_replicas_are_a_harm_too():
    section = dynamics_section(
        of(model("scratch", stable=4), model("finetune", failed=[1.0], stable=3)), RECORDS
    )
    line = rows(detail(section, "Force error"))[-1]
    assert line["in words"] == "lower force error, but fewer stable replicas"
    assert any("stability rate -0.25 (1 pair)" in sentence for sentence in section.sentences)


def test_rate_survival_and_structure_are_given_together():
    """That all simulations are stable does not make a structure right."""
    section = dynamics_section(of(*FINETUNE), RECORDS)
    low = wilson_interval(1, 3)[0]
    assert section.sentences[0] == (
        f"b, finetune, N = 10: stability rate 1.00 [{low:.2f}, 1.00], survival 10 of 10 ps, RDF "
        "error 0.200 (above the 0.020 of a perfect model, judged by so few frames), ADF error "
        "0.100 (above the 0.010 of a perfect model, judged by so few frames), coordination 4.00 "
        "(reference 4.00)."
    )
    assert "which does not make their structure right" in section.tables[0].note
    words = " ".join(section.sentences)
    assert "more stable" not in words
    assert "simulations are stable" not in words


def test_errors_below_the_floor_are_not_called_larger():
    section = dynamics_section(
        of(model("scratch", errors=(0.01, 0.001)), model("finetune", errors=(0.015, 0.002))),
        RECORDS,
    )
    line = rows(detail(section, "Force error"))[-1]
    assert line["RDF error / scratch"] == "1.50"
    assert line["in words"] == "–"
    said = [sentence for sentence in section.sentences if "finetune" in sentence]
    assert "RDF error 0.015 (not above the 0.020 of" in said[0]
    # A ratio of two errors below the floor is noise.
    assert "stability rate +0.00 (1 pair), force MAE 0.50 (1 pair)." in said[1]
    assert not any("is larger" in sentence for sentence in said)


def test_five_pairs_may_be_significant():
    rng = np.random.default_rng(0)
    scratch, finetune, records = [], [], []
    for seed, noise in enumerate(rng.uniform(0.9, 1.1, 5)):
        failed = [1.0, 2.0, 2.5][: 2 + seed % 2]
        scratch.append(model("scratch", seed, failed=failed, stable=2, errors=(0.1, 0.1)))
        finetune.append(model("finetune", seed, errors=(0.2 * noise, 0.1)))
        records += [force(100.0, "scratch", seed), force(50 * noise, "finetune", seed)]
    findings = dynamics_section(of(*scratch, *finetune), records).sentences
    said = next(s for s in findings if "same seeds" in s)
    assert said.startswith(
        "b, finetune, N = 10: at this budget, relative to scratch with the same seeds: stability "
        "rate +0.54 [+0.47, "
    )
    assert "not distinguished" not in said
    assert (
        "b, finetune, N = 10: at this budget, its force MAE is lower but its RDF error is larger "
        "than those of scratch." in findings
    )
    assert FEW not in findings
    assert any(sentence.startswith("The pairs share 1 init seed") for sentence in findings)


def test_five_pairs_that_scatter_are_not_distinguished():
    stable = [0, 4, 1, 3, 2]
    scratch = [model("scratch", seed, [1.0] * 2, stable=2) for seed in range(5)]
    finetune = [model("finetune", s, [1.0] * (4 - n), stable=n) for s, n in enumerate(stable)]
    findings = dynamics_section(of(*scratch, *finetune), []).sentences
    assert any(", not distinguished, RDF error" in sentence for sentence in findings)


NONE_STABLE = of(
    *(model("scratch", seed, failed=[1.0, 2.0], stable=0) for seed in range(2)),
    *(model("finetune", seed, failed=[3.0], stable=0) for seed in range(2)),
)
ZERO_SHOT = [
    model("zero-shot", None, failed=[4.0], stable=3, errors=(0.3, 0.4), size=0),
    model("zero-shot", None, failed=[4.0], stable=3, size=0, init_seed=9),
]
ODD = {
    "usual": (USUAL, RECORDS),
    "no force errors": (USUAL, []),
    "none stable": (NONE_STABLE, RECORDS),
    "one model": (of(model("scratch")), RECORDS),
    "one model, one replica": (of(model("finetune", stable=1)), []),
    "without scratch": (of(*FINETUNE), RECORDS),
    "zero-shot": (of(*SCRATCH, *ZERO_SHOT), RECORDS),
    "zero-shot alone": (of(*ZERO_SHOT), []),
    "no floor": (of(*SCRATCH, rdf_floor=None, adf_floor=None), RECORDS),
    "temperatures": (
        of(*(model("scratch", train_temperature_k=t) for t in (300.0, 600.0)), *ZERO_SHOT),
        RECORDS,
    ),
    "several sizes and backbones": (
        of(*(model("scratch", size=n, backbone=b) for n in (1, 10) for b in "bc"), *ZERO_SHOT),
        RECORDS,
    ),
    "dead at the start": (of(model("scratch", failed=[0.0, 0.0], stable=1)), []),
    "replicas of several numbers": (of(model("scratch"), model("scratch", 1, stable=2)), []),
    "no angles": (
        of(model("scratch").model_copy(
            update={"structure": Structure(rdf=[0.0] * 60, adf=[0.0] * 90, coordination=0.0)}
        )),
        [],
    ),
    "no models": (of(), RECORDS),
}  # fmt: skip


@pytest.mark.parametrize(("dynamics", "records"), ODD.values(), ids=ODD.keys())
def test_odd_simulations_have_tables_and_a_page_without_nan(dynamics, records, tmp_path):
    text = markdown(Results(records, dynamics=dynamics), ["force_mae"], one_budget.smoke())
    assert "**Molecular dynamics**" in text
    section = dynamics_section(dynamics, records)
    for table in section.tables:
        assert {len(line) for line in table.lines} == {len(table.lines[0])}
    results = Results(records, dynamics=dynamics)
    write_report(tmp_path / "r.html", resolve(one_budget.smoke()), {}, results, [])
    page = (tmp_path / "r.html").read_text()
    words = re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    assert '<h2 id="simulations">Molecular dynamics' in words
    for found in (text, words):
        assert not re.search(r"\b(nan|inf|None)\b", found)
    assert page.count('<h3 id="survival">') == bool(dynamics.models)


def test_where_none_is_stable_nothing_is_known_of_structure():
    section = dynamics_section(NONE_STABLE, RECORDS)
    scratch = rows(section.tables[0])[0]
    assert scratch["stability rate"] == f"0.00 [0.00, {wilson_interval(0, 2)[1]:.2f}]"
    assert (scratch[RDF], scratch["coordination"], scratch["survival (ps)"]) == ("–", "–", "1.5")
    assert section.sentences[0].endswith("so its structure is not known.")
    assert "each model counts as one observation" in section.tables[0].note
    assert [figure.name for figure in section.figures] == ["survival"]


def test_an_arm_of_which_some_models_survive_says_how_many():
    arm = [model("scratch", 0), model("scratch", 1, failed=[1.0], stable=0)]
    assert rows(dynamics_section(of(*arm), []).tables[0])[0][RDF] == "0.100 (1 of 2)"


def test_zero_shot_is_compared_with_scratch_of_its_init_seed_at_the_smallest_size():
    large = [model("scratch", size=20, errors=(0.9, 0.9))]
    section = dynamics_section(of(*large, *SCRATCH, *ZERO_SHOT), RECORDS)
    same, other = rows(detail(section, "Force error"))[-2:]
    assert same["subset, init seed"] == "–, 0"
    assert (same["RDF error / scratch"], same["ADF error / scratch"]) == ("3.00", "2.00")
    assert other["RDF error / scratch"] == "–"


def test_false_alarms_of_the_reference_are_said():
    said = dynamics_section(of(*SCRATCH, replicas=10, false_alarms=1), []).tables[0].note
    assert "The same criteria stopped 1 of 10 replicas of the reference itself." in said


def test_curves_are_those_of_arms_and_models():
    arms = arms_of(USUAL, RECORDS)
    figure = survival_curves(USUAL, arms, ["scratch", "finetune"])
    strong = {trace.name: trace for trace in figure.data if trace.opacity == 1}
    assert list(strong["scratch"].x) == [0, 1, 2, 3, 10, 10]
    assert list(strong["scratch"].y) == pytest.approx([1, 0.75, 0.5, 0.25, 0.25, 0.25])
    assert strong["scratch"].line.shape == "hv"
    assert set(strong["finetune"].y) == {1}
    assert strong["scratch"].line.width > strong["finetune"].line.width
    assert len(figure.data) == 2 * (1 + 3)
    drawn = {
        t.name: t for t in rdf_curves(USUAL, arms, ["scratch", "finetune"]).data if t.showlegend
    }
    assert list(drawn) == ["scratch", "finetune", "reference"]
    assert list(drawn["finetune"].y) == pytest.approx(structure(0.2).rdf)
    assert list(drawn["reference"].y) == structure().rdf
    drawn = {
        t.name: t for t in adf_curves(USUAL, arms, ["scratch", "finetune"]).data if t.showlegend
    }
    assert list(drawn["finetune"].y) == pytest.approx(structure(0, 0.1).adf)
    assert list(drawn["reference"].x) == ANGLES.tolist()


def test_text_of_simulations_cannot_become_markup(tmp_path):
    attack = "<script>alert(1)</script>"
    dynamics = of(model("scratch", failed=[1.0]), origin=attack)
    dynamics.models[0].criterion[0] = attack
    write_report(
        tmp_path / "r.html", resolve(one_budget.smoke()), {}, Results([], dynamics=dynamics), []
    )
    page = (tmp_path / "r.html").read_text()
    assert page.count("&lt;script&gt;alert(1)") == 2
    assert attack not in page


def test_without_simulations_there_is_no_section(tmp_path):
    write_report(tmp_path / "r.html", resolve(one_budget.smoke()), {}, Results(RECORDS), [])
    assert "Molecular dynamics" not in (tmp_path / "r.html").read_text()
    assert "Molecular dynamics" not in markdown(Results(RECORDS), ["force_mae"], one_budget.smoke())
