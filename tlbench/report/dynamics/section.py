"""The section on molecular dynamics: what simulations found, as tables, sentences and figures."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from tlbench.jobs.reference_run import ReferenceRun
from tlbench.metrics.statistics import (
    MeanTime,
    Ratio,
    negative_transfer,
    paired_difference,
    paired_ratio,
)
from tlbench.metrics.structure import RISE
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
from tlbench.report.dynamics.diffusion import (
    DIFFUSION,
    DIFFUSION_NOTE,
    diffusion_of,
    diffusion_of_reference,
    records_diffusion,
)
from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import (
    ADF,
    FORCE,
    RDF,
    WRONG,
    WRONG_COORDINATION,
    WRONG_RDF,
    Arm,
    Model,
    arms_of,
    baseline_of,
    error_text,
    errors_in,
    floors,
    floors_for,
    mean_coordination,
    mean_displacement,
    mean_text,
    rate_of,
    rates_in,
    strategies_in,
    structure_of,
    structure_text,
    structures_in,
    survival_time,
)
from tlbench.report.dynamics.pairs import (
    MEAN_NOTE,
    PAIR_ANGLES_NOTE,
    PAIR_CURVES_NOTE,
    PAIRS_NOTE,
    atoms_text,
    centres_of,
    pairs_of,
    pairs_table,
)
from tlbench.report.dynamics.thresholds import Scale, telling_scales, thresholds_table
from tlbench.report.wording import BASELINE, interval_text
from tlbench.results.dynamics import Dynamics
from tlbench.results.records import Record
from tlbench.study.model_key import Place

SURVIVAL_NOTE = (
    "Kaplan–Meier estimate of the share of replicas for which no criterion has fired yet. A line "
    "is an arm, all models together; a faint one is a model. Lines that coincide differ in width. "
    "What survives need not have the right structure: see the distributions."
)
STRUCTURE_NOTE = (
    "Means over models, of their stable replicas; a faint line is a model, the dotted one the "
    "reference."
)
ARMS_NOTE = (
    "Replicas are counted as models × simulations of each; stable are those for which no criterion "
    "fired within this time, which does not make their structure right: rate, survival and "
    "structure are to be read together. Brackets hold the 95 % interval of their share, in which "
    "replicas of one model count for less the more they are alike. Survival is the restricted mean "
    "survival time, with its 95 % interval over models where they differ. MSD is the mean-square "
    "displacement from the start in the second half of the stable simulations. "
    f"Structure is wrong where the RDF error exceeds {WRONG_RDF:g}, as that of a liquid 500 K too "
    f"hot does, or coordination is off by more than {WRONG_COORDINATION:.0%}, in both cases above "
    "the floor of the reference: a rate of such simulations does not count as success. "
    "Errors of the radial (RDF) and the angular (ADF) distribution are 0 for the structure of the "
    "reference and 1 for none. They are geometric means over models, of their stable replicas "
    "only (in brackets how many models have any), so the structure of an arm of which few survive "
    "is that of the survivors. The scale of RDF errors leaves out the empty core, up to where "
    f"g(r) of the reference exceeds {RISE:g}; the metric rdf_error has it in its scale, so its "
    "values are smaller."
)
THRESHOLDS_NOTE = (
    "Share of replicas that were simulated to the end and never exceeded the threshold, with its "
    "95 % interval, in which replicas of one model count for less the more they are alike, and the "
    "mean time within it, to a twentieth of the simulated time. A replica that was stopped counts "
    "as beyond every threshold. Structure is compared with the reference in windows of time after "
    "equilibration. The RDF error is that of stable replicas, of which a share of 1 says nothing. "
    "The last row, if there is one, is another run of the reference."
)
SPECTRUM_NOTE = (
    "The spectrum is the Fourier transform of the mass-weighted velocity autocorrelation, of "
    "integral 1; windows of time and the friction of the thermostat blur both sides alike."
)
CURVES_NOTE = (
    "Share of replicas that were simulated to the end within a threshold, the strictest on the "
    "left. A line is an arm, a faint one a model. A replica that was stopped is within none."
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
            Table(
                "Structure by pair of elements",
                pairs_table(dynamics, arms),
                PAIRS_NOTE,
                brief=False,
            ),
            *(dynamics_figures(dynamics, records, case) if dynamics.models else []),
            *(
                Table(
                    f"Share within a threshold: {_lower(scale)}",
                    thresholds_table(dynamics, arms, scale),
                    THRESHOLDS_NOTE,
                )
                for scale in telling_scales(arms)
            ),
            Table("Which criterion fired first, replica by replica", criteria_table(arms)),
            Table("Force error against structure error", models_table(dynamics, arms), MODELS_NOTE),
        ],
    )


def dynamics_figures(dynamics: Dynamics, records: list[Record], case: str = "") -> list[Figure]:
    """Return survival, structure and displacement, as far as they are known."""
    arms, strategies = arms_of(dynamics, records), strategies_in(dynamics, records)
    rdf_note, adf_note = (_structure_note(dynamics, name) for name in (RDF, ADF))
    parts = {
        "rdf_curves": pairs_of(dynamics.reference),
        "adf_curves": centres_of(dynamics.reference),
    }
    drawn = {"survival_curves": ("Survival", SURVIVAL_NOTE)}
    if any(run.structure for run in dynamics.models):
        drawn["rdf_curves"] = "Radial distribution", rdf_note
        drawn["adf_curves"] = "Angular distribution", adf_note
    if any(run.msd for run in dynamics.models):
        msd_note = f"{STRUCTURE_NOTE} Displacement is from the start."
        drawn["msd_curves"] = "Mean-square displacement", msd_note
    if any(run.spectrum for run in dynamics.models):
        drawn["spectrum_curves"] = "Spectrum of velocities", f"{STRUCTURE_NOTE} {SPECTRUM_NOTE}"
    figures = []
    for name, (title, note) in drawn.items():
        draw = f"dynamics.figures:{name}", dynamics, arms, strategies
        cases = {case: drawing(*draw)}
        if parts.get(name):
            at = "at " if name == "adf_curves" else ""
            titles = {"": "all atoms", **{part: f"{at}{part}" for part in parts[name]}}
            cases = {
                ", ".join(filter(None, [case, said])): drawing(*draw, part)
                for part, said in titles.items()
            }
        figures.append(Figure(title.lower().replace(" ", "-"), title, note, cases))
    for scale in telling_scales(arms):
        drawn_by = drawing("dynamics.figures:threshold_curves", arms, strategies, scale)
        name, title = f"threshold-{scale.field.replace('_', '-')}", f"Stability: {_lower(scale)}"
        figures.append(Figure(name, title, CURVES_NOTE, {case: drawn_by}))
    return figures


def _lower(scale: Scale) -> str:
    return scale.title[0].lower() + scale.title[1:] if scale.field != "structure" else scale.title


def _structure_note(dynamics: Dynamics, name: str) -> str:
    floor, said = floors(dynamics).get(name), [STRUCTURE_NOTE]
    if pairs_of(dynamics.reference):
        said.append(PAIR_CURVES_NOTE if name == RDF else PAIR_ANGLES_NOTE)
    if floor is not None:
        said.append(f"The {name} of {dynamics.reference.floor_is} is {error_text(floor)}.")
    return " ".join(said)


def _introduction(dynamics: Dynamics) -> str:
    reference = dynamics.reference
    return (
        f"Simulations of {atoms_text(reference)} at "
        f"{reference.temperature_k:g} K for {reference.time_ps:g} ps. "
        f"The reference is {reference.origin}.{_start_text(reference)}"
        + ("" if dynamics.models else " No model has been simulated.")
    )


def _start_text(reference: ReferenceRun) -> str:
    """Say what simulations start from, where the suite has chosen it."""
    phase, at, asked = (
        reference.start_phase,
        reference.frames_temperature_k,
        reference.temperature_k,
    )
    if reference.start_structure is None:
        return ""
    if reference.start_structure == "any":
        return (
            " Simulations start from frames of any temperature, those of the smallest forces first."
        )
    if at is None:
        start = "the perfect crystal" if phase == "crystal" else "melts of the crystal"
        return f" Simulations start from {start}."
    said = f" Simulations start from {f'{phase} ' if phase else ''}frames sampled at {at:g} K"
    said += ", with velocities drawn at the temperature of the simulations."
    if at != asked and reference.replicas is None:
        said += (
            f" Structure is compared with these frames, so its errors include what the "
            f"{abs(asked - at):g} K between them change."
        )
        if phase == "crystal" and asked > at:
            said += (
                " A crystal that melts has failed, though the data do not show whether it should "
                f"melt at {asked:g} K."
            )
    return said


def arms_table(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> Lines:
    """Return the table of arms, with the reference in the last line."""
    reference, floor = dynamics.reference, floors(dynamics)
    rows = []
    recorded = records_diffusion(dynamics)
    for place, cells in arm_cells(arms).items():
        arm = arms[place]
        rate = rate_of(arm)
        displaced = [mean_displacement(m.run.msd) for m in arm.values() if m.run.msd]
        coordination = mean_coordination(arm)
        found = {
            "replicas": _counts_text(arm),
            "stability rate": f"{rate.value:.2f} {interval_text(rate)}",
            "survival (ps)": _time_text(survival_time(arm, reference.time_ps)),
            "structure": structure_text(structures_in(dynamics, arm)),
            **{name: mean_text(arm, name) for name in (RDF, ADF)},
            "coordination": "–" if coordination is None else f"{coordination:.2f}",
            "MSD (Å²)": f"{np.mean(displaced):.3g}" if displaced else "–",
        }
        if recorded:
            found[DIFFUSION] = diffusion_of(arm)
        rows.append(cells | found)
    last = {
        "backbone": "reference",
        **{name: error_text(floor[name]) for name in (RDF, ADF) if name in floor},
        "coordination": f"{reference.structure.coordination:.2f}",
        "MSD (Å²)": f"{mean_displacement(reference.msd):.3g}" if reference.msd else "–",
    }
    if recorded:
        last[DIFFUSION] = diffusion_of_reference(reference)
    return lines_of([*rows, last])


def arms_note(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> str:
    """Return what the numbers of the table of arms mean."""
    reference = dynamics.reference
    notes = [ARMS_NOTE, MEAN_NOTE] if pairs_of(reference) else [ARMS_NOTE]
    if floors(dynamics):
        notes.append(f"The last row is {reference.floor_is}: no smaller error can be seen.")
    if records_diffusion(dynamics):
        notes.append(DIFFUSION_NOTE)
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
        cells[place] |= {"replicas": str(count.total()), "none": str(count[""])}
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
                "survival (ps)": f"{np.mean(model.run.survival_ps):.3g}",
                **{name: errors.get(name, "–") for name in (RDF, ADF)},
            }
            for name in (FORCE, RDF, ADF):
                ratio = ratios.get(name)
                found[f"{name} / {BASELINE}"] = f"{ratio.value:.2f}" if ratio else "–"
            said = _in_words(model, ratios, fewer, floors_for(dynamics, [model]))
            wrong = structure_of(dynamics, model) == WRONG
            words = "; ".join(filter(None, ["structure wrong" if wrong else "", said]))
            rows.append({**cells, **found, "in words": words or "–"})
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
