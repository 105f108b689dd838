"""The section on molecular dynamics, for the page and for Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tlbench.dynamics import Dynamics
from tlbench.records import Record
from tlbench.report.dynamics.findings import dynamics_findings
from tlbench.report.dynamics.models import ADF, RDF, arms_of, error_text, floors, strategies_in
from tlbench.report.dynamics.tables import (
    MODELS_NOTE,
    arms_note,
    arms_table,
    criteria_table,
    models_table,
)

NOTHING = "No model has been simulated."
SURVIVAL_NOTE = (
    "Kaplan–Meier estimate of the share of replicas that no criterion has stopped yet. A line is "
    "an arm, all models together; a faint one is a model. Lines that coincide differ in width."
)
STRUCTURE_NOTE = (
    "Means over models, of their stable replicas; a faint line is a model, the dotted one the "
    "reference."
)


@dataclass(frozen=True)
class Titled:
    """A table with its title and what its numbers mean; the first line is the header."""

    title: str
    lines: list[list[str]]
    note: str = ""


@dataclass(frozen=True)
class DynamicsSection:
    """What is said of simulations: what they were, the arms, in words, and details."""

    introduction: str
    arms: Titled
    findings: list[str]
    details: list[Titled]


def dynamics_section(dynamics: Dynamics, records: list[Record]) -> DynamicsSection:
    """Return tables and findings of simulations.

    Parameters
    ----------
    records
        Those that may hold force errors of the same models.
    """
    arms = arms_of(dynamics, records)
    details = [
        Titled("Which criterion stopped replicas", criteria_table(arms)),
        Titled("Force error against structure error", models_table(dynamics, arms), MODELS_NOTE),
    ]
    return DynamicsSection(
        _introduction(dynamics),
        Titled("Stability and structure", arms_table(dynamics, arms), arms_note(dynamics, arms)),
        dynamics_findings(dynamics, arms),
        [detail for detail in details if len(detail.lines) > 1],
    )


def dynamics_figures(dynamics: Dynamics, records: list[Record]) -> Iterator[tuple[str, str, Any]]:
    """Yield title, note and figure of every plot of simulations."""
    from tlbench.report.dynamics.plots import adf_curves, msd_curves, rdf_curves, survival_curves

    if not dynamics.models:
        return
    arguments = (dynamics, arms_of(dynamics, records), strategies_in(dynamics, records))
    yield "Survival", SURVIVAL_NOTE, survival_curves(*arguments)
    for title, name, figure in (
        ("Radial distribution", RDF, rdf_curves(*arguments)),
        ("Angular distribution", ADF, adf_curves(*arguments)),
    ):
        if figure is not None:
            yield title, STRUCTURE_NOTE + _floor_text(dynamics, name), figure
    figure = msd_curves(*arguments)
    if figure is not None:
        yield (
            "Mean-square displacement",
            STRUCTURE_NOTE + " Displacement is from the start.",
            figure,
        )


def _floor_text(dynamics: Dynamics, name: str) -> str:
    floor = floors(dynamics).get(name)
    if floor is None:
        return ""
    whose = dynamics.reference.floor_is
    return f" The {name} of {whose} is {error_text(floor)}."


def _introduction(dynamics: Dynamics) -> str:
    reference = dynamics.reference
    return (
        f"Simulations of {reference.n_atoms} {reference.element} atoms at "
        f"{reference.temperature_k:g} K for {reference.time_ps:g} ps. "
        f"The reference is {reference.origin}." + ("" if dynamics.models else f" {NOTHING}")
    )
