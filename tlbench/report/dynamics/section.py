"""The section on molecular dynamics: what simulations found, as tables, sentences and figures."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from tlbench.metrics.statistics import (
    MeanTime,
    Ratio,
    negative_transfer,
    paired_difference,
    paired_ratio,
)
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.content import (
    Figure,
    Lines,
    Paragraph,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
)
from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import (
    ADF,
    FORCE,
    RDF,
    Arm,
    Model,
    arms_of,
    baseline_of,
    error_text,
    errors_in,
    floors,
    floors_for,
    mean_displacement,
    mean_error,
    rate_of,
    rates_in,
    strategies_in,
    survival_time,
)
from tlbench.report.wording import BASELINE, interval_text
from tlbench.results.dynamics import Dynamics
from tlbench.results.records import Record
from tlbench.study.model_key import Place

SURVIVAL_NOTE = (
    "Kaplan–Meier estimate of the share of replicas that no criterion has stopped yet. A line is "
    "an arm, all models together; a faint one is a model. Lines that coincide differ in width."
)
STRUCTURE_NOTE = (
    "Means over models, of their stable replicas; a faint line is a model, the dotted one the "
    "reference."
)
ARMS_NOTE = (
    "Replicas are counted as models × simulations of each; stable are those that no criterion "
    "stopped within this time, which does not make their structure right: rate, survival and "
    "structure are to be read together. Brackets hold the 95 % interval of their share, in which "
    "replicas of one model count for less the more they are alike. Survival is the restricted mean "
    "survival time, with its 95 % interval over models where they differ. MSD is the mean-square "
    "displacement from the start in the second half of the stable simulations. "
    "Errors of the radial (RDF) and the angular (ADF) distribution are 0 for the structure of the "
    "reference and 1 for none. They are geometric means over models, of their stable replicas "
    "only (in brackets how many models have any), so the structure of an arm of which few survive "
    "is that of the survivors."
)
ALIKE_NOTE = (
    "Where an arm has one model, or all its replicas meet the same end, how alike replicas of one "
    "model are is not known, so each model counts as one observation."
)
MODELS_NOTE = (
    "One line per model; the last columns compare it with training from scratch with the same "
    "seeds, an arm without target data with the smallest N. Of a single model anything may be "
    "chance. An error of structure is called larger only if it is also above the floor of the "
    "reference."
)


def simulations(analysis: Analysis) -> Iterator[Section]:
    """Yield the section on the simulations of a run, if there are any."""
    dynamics = analysis.results.dynamics
    if dynamics is not None:
        yield dynamics_section(dynamics, analysis.results.records)


def dynamics_section(dynamics: Dynamics, records: list[Record], case: str = "") -> Section:
    """Return tables, findings and figures of simulations.

    Parameters
    ----------
    records
        Those that may hold force errors of the same models.
    case
        What distinguishes these simulations from others that are shown in the same figures.
    """
    arms = arms_of(dynamics, records)
    return Section(
        "simulations",
        "Molecular dynamics",
        [
            Paragraph(_introduction(dynamics)),
            Table("Stability and structure", arms_table(dynamics, arms), arms_note(dynamics, arms)),
            Sentences(dynamics_findings(dynamics, arms)),
            *(dynamics_figures(dynamics, records, case) if dynamics.models else []),
            Table("Which criterion stopped replicas", criteria_table(arms)),
            Table("Force error against structure error", models_table(dynamics, arms), MODELS_NOTE),
        ],
    )


def dynamics_figures(dynamics: Dynamics, records: list[Record], case: str = "") -> list[Figure]:
    """Return survival, structure and displacement, as far as they are known."""
    arms, strategies = arms_of(dynamics, records), strategies_in(dynamics, records)
    rdf_note, adf_note = (_structure_note(dynamics, name) for name in (RDF, ADF))
    drawn = {"survival_curves": ("Survival", SURVIVAL_NOTE)}
    if any(run.structure for run in dynamics.models):
        drawn["rdf_curves"] = "Radial distribution", rdf_note
        drawn["adf_curves"] = "Angular distribution", adf_note
    if any(run.msd for run in dynamics.models):
        msd_note = f"{STRUCTURE_NOTE} Displacement is from the start."
        drawn["msd_curves"] = "Mean-square displacement", msd_note
    cases = {n: drawing(f"dynamics.figures:{n}", dynamics, arms, strategies) for n in drawn}
    return [
        Figure(title.lower().replace(" ", "-"), title, note, {case: cases[name]})
        for name, (title, note) in drawn.items()
    ]


def _structure_note(dynamics: Dynamics, name: str) -> str:
    floor = floors(dynamics).get(name)
    if floor is None:
        return STRUCTURE_NOTE
    whose = dynamics.reference.floor_is
    return f"{STRUCTURE_NOTE} The {name} of {whose} is {error_text(floor)}."


def _introduction(dynamics: Dynamics) -> str:
    reference = dynamics.reference
    return (
        f"Simulations of {reference.n_atoms} {reference.element} atoms at "
        f"{reference.temperature_k:g} K for {reference.time_ps:g} ps. "
        f"The reference is {reference.origin}."
        + ("" if dynamics.models else " No model has been simulated.")
    )


def arms_table(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> Lines:
    """Return the table of arms, with the reference in the last line."""
    reference, floor = dynamics.reference, floors(dynamics)
    rows = []
    for place, cells in arm_cells(arms).items():
        arm = arms[place]
        rate = rate_of(arm)
        displaced = [mean_displacement(m.run.msd) for m in arm.values() if m.run.msd]
        coordination = [m.run.structure.coordination for m in arm.values() if m.run.structure]
        found = {
            "replicas": _counts_text(arm),
            "stability rate": f"{rate.value:.2f} {interval_text(rate)}",
            "survival (ps)": _time_text(survival_time(arm, reference.time_ps)),
            **{name: _mean_text(arm, name) for name in (RDF, ADF)},
            "coordination": f"{np.mean(coordination):.2f}" if coordination else "–",
            "MSD (Å²)": f"{np.mean(displaced):.3g}" if displaced else "–",
        }
        rows.append(cells | found)
    last = {
        "backbone": "reference",
        **{name: error_text(value) for name, value in floor.items()},
        "coordination": f"{reference.structure.coordination:.2f}",
        "MSD (Å²)": f"{mean_displacement(reference.msd):.3g}" if reference.msd else "–",
    }
    return lines_of([*rows, last])


def arms_note(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> str:
    """Return what the numbers of the table of arms mean."""
    reference = dynamics.reference
    notes = [ARMS_NOTE]
    if floors(dynamics):
        notes.append(f"The last row is {reference.floor_is}: no smaller error can be seen.")
    rates = map(rate_of, arms.values())
    if any(r.correlation is None and r.n_replicas > r.n_clusters for r in rates):
        notes.append(ALIKE_NOTE)
    if reference.replicas is not None and reference.false_alarms is not None:
        notes.append(
            f"The same criteria stopped {reference.false_alarms} of {reference.replicas} "
            "replicas of the reference itself."
        )
    return " ".join(notes)


def criteria_table(arms: Mapping[Place, Arm]) -> Lines:
    """Return how many replicas each criterion stopped; empty if none was."""
    counts = {
        place: Counter(name for model in arm.values() for name in model.run.criterion)
        for place, arm in arms.items()
    }
    total = sum(counts.values(), Counter())
    names = [name for name, _ in total.most_common() if name]
    if not names:
        return []
    cells = arm_cells(arms)
    for place, count in counts.items():
        cells[place] |= {"replicas": str(count.total()), "stable": str(count[""])}
        cells[place] |= {name: str(count[name]) for name in names}
    return lines_of(cells.values())


def models_table(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> Lines:
    """Return force error against structure error: a line per model."""
    rows = []
    for place, cells in arm_cells(arms).items():
        baseline = baseline_of(place, arms)
        for pair, model in arms[place].items():
            ratios = {
                name: ratio
                for name, error in model.errors.items()
                if (ratio := paired_ratio({pair: error}, errors_in(baseline, name)))
            }
            difference = paired_difference({pair: model.rate}, rates_in(baseline))
            fewer = difference is not None and difference.value < 0
            errors = {name: error_text(error) for name, error in model.errors.items()}
            force = f"{model.errors[FORCE]:.1f}" if FORCE in model.errors else "–"
            found = {
                "subset, init seed": ", ".join("–" if s is None else str(s) for s in pair),
                f"{FORCE} (meV/Å)": force,
                "stable": f"{model.run.n_stable} / {model.n_replicas}",
                **{name: errors.get(name, "–") for name in (RDF, ADF)},
            }
            for name in (FORCE, RDF, ADF):
                ratio = ratios.get(name)
                found[f"{name} / {BASELINE}"] = f"{ratio.value:.2f}" if ratio else "–"
            said = _in_words(model, ratios, fewer, floors_for(dynamics, [model]))
            rows.append({**cells, **found, "in words": said or "–"})
    return lines_of(rows)


def _in_words(
    model: Model, ratios: Mapping[str, Ratio], fewer: bool, floor: Mapping[str, float]
) -> str:
    """Say what is worse than from scratch, and whether the force error hides it."""
    harms = [
        f"larger {name}"
        for name in (RDF, ADF)
        if name in ratios and negative_transfer(ratios[name])
        if model.errors[name] > floor.get(name, 0)
    ]
    harms += ["fewer stable replicas"] if fewer else []
    hidden = harms and FORCE in ratios and ratios[FORCE].value < 1
    return ("lower force error, but " if hidden else "") + ", ".join(harms)


def _counts_text(arm: Arm) -> str:
    """Return models × replicas, as ``3 × 100``."""
    counts = sorted({model.n_replicas for model in arm.values()})
    return f"{len(arm)} × {'–'.join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))}"


def _time_text(time: MeanTime) -> str:
    spread = "" if time.interval is None else " [{:.3g}, {:.3g}]".format(*time.interval)
    return f"{time.value:.3g}{spread}"


def _mean_text(arm: Arm, name: str) -> str:
    """Return the mean of an error over models, and how many they are if some lack it."""
    mean, n_known = mean_error(arm, name), len(errors_in(arm, name))
    if mean is None:
        return "–"
    return error_text(mean) + (f" ({n_known} of {len(arm)})" if n_known < len(arm) else "")
