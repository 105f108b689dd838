"""The section on molecular dynamics."""

from collections.abc import Iterator

from tlbench.report.analysis import Analysis
from tlbench.report.content import Figure, Paragraph, Section, Sentences, Table, drawing
from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import ADF, RDF, arms_of, error_text, floors, strategies_in
from tlbench.report.dynamics.tables import (
    MODELS_NOTE,
    arms_note,
    arms_table,
    criteria_table,
    models_table,
)
from tlbench.results.dynamics import Dynamics
from tlbench.results.records import Record

FIGURES = "tlbench.report.dynamics.figures:"
SURVIVAL_NOTE = (
    "Kaplan–Meier estimate of the share of replicas that no criterion has stopped yet. A line is "
    "an arm, all models together; a faint one is a model. Lines that coincide differ in width."
)
STRUCTURE_NOTE = (
    "Means over models, of their stable replicas; a faint line is a model, the dotted one the "
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
    has_structure = any(run.structure for run in dynamics.models)
    rdf_note, adf_note = (_structure_note(dynamics, name) for name in (RDF, ADF))
    msd_note = f"{STRUCTURE_NOTE} Displacement is from the start."
    has_msd = any(run.msd for run in dynamics.models)
    figures = []
    for title, note, name, is_known in (
        ("Survival", SURVIVAL_NOTE, "survival_curves", True),
        ("Radial distribution", rdf_note, "rdf_curves", has_structure),
        ("Angular distribution", adf_note, "adf_curves", has_structure),
        ("Mean-square displacement", msd_note, "msd_curves", has_msd),
    ):
        if is_known:
            draw = drawing(FIGURES + name, dynamics, arms, strategies)
            figures.append(Figure(title.lower().replace(" ", "-"), title, note, {case: draw}))
    return figures


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
