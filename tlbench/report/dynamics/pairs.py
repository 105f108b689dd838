"""Structure by pair of elements: errors as a table, and what they add up to in words."""

from collections.abc import Mapping

from tlbench.base.phrases import listed
from tlbench.jobs.reference_run import ReferenceRun
from tlbench.metrics.structure import by_number, shares_of_atoms, shares_of_pairs
from tlbench.report.analysis import arm_cells
from tlbench.report.content import Lines, lines_of
from tlbench.report.dynamics.models import ADF, RDF, Arm, error_text, floors, mean_text, of_pair
from tlbench.results.dynamics import Dynamics
from tlbench.study.model_key import Place

MEAN_NOTE = (
    "With several elements the RDF error is the mean of the errors of each pair of elements, "
    "weighted by the number of pairs of atoms, and the ADF error that of the angles at each "
    "element, weighted by its atoms; pairs that the reference does not have within reach are left "
    "out. The criterion of structure compares g(r) of all atoms."
)
PAIRS_NOTE = (
    "Errors of g(r) of each pair of elements, on the scale without the core, and of the "
    "distribution of the angles between bonds at each element; in brackets the share of the pairs, "
    "or atoms, by which they count in the mean. A dash is an error that is not known, or exactly "
    "0. The last row, if there is one, is the reference."
)
PAIR_CURVES_NOTE = "The menu has g(r) of all atoms, then of each pair of elements."
PAIR_ANGLES_NOTE = "The menu has the angles at all atoms, then at each element."


def pairs_of(reference: ReferenceRun) -> list[str]:
    """Return the pairs of elements, as ``"Mo–W"``; none if there is one element."""
    return [*(reference.structure.partial_rdf or {})]


def centres_of(reference: ReferenceRun) -> list[str]:
    """Return the elements that angles are at; none if there is one element."""
    return [*(reference.structure.partial_adf or {})]


def pairs_table(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> Lines:
    """Return a line per arm, a column per pair of elements and per element; the reference last."""
    reference = dynamics.reference
    composition = reference.composition or {}
    pairs, atoms = shares_of_pairs(composition), shares_of_atoms(composition)
    names = {of_pair(RDF, pair): f"RDF {pair} ({pairs[pair]:.0%})" for pair in pairs_of(reference)}
    for symbol in centres_of(reference):
        names[of_pair(ADF, symbol)] = f"ADF at {symbol} ({atoms[symbol]:.0%})"
    if not names:
        return []
    rows = [
        cells | {title: mean_text(arms[place], name) for name, title in names.items()}
        for place, cells in arm_cells(arms).items()
    ]
    floor = floors(dynamics)
    last = {title: error_text(floor[name]) for name, title in names.items() if name in floor}
    return lines_of([*rows, *([{"backbone": "reference", **last}] if last else [])])


def atoms_text(reference: ReferenceRun) -> str:
    """Return of which atoms a structure is, as ``"64 Ge atoms"``."""
    composition = reference.composition
    if composition is None:
        return f"{reference.n_atoms} {reference.element} atoms"
    atoms = listed(f"{composition[symbol]} {symbol}" for symbol in by_number(composition))
    return f"{atoms} atoms, the composition of the structures that they start from,"
