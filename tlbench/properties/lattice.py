"""Lattice constants, and the energies of an element's phases."""

import math
from collections.abc import Sequence
from itertools import combinations

from pydantic import Field, field_validator

from tlbench.properties.crystals import PROTOTYPES, crystal, relaxed
from tlbench.properties.spec import (
    Agreement,
    Computed,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
    Value,
)

CONSTANT = Quantity("lattice_constant", "Å", "relaxed lattice constant of a crystal", 4)
ENERGY = Quantity(
    "cohesive_energy_difference",
    "meV/atom",
    "energy of a relaxed crystal above that of the prototype that is asked for",
    1,
)


class LatticeSettings(Settings):
    """Which phases are relaxed beside the prototype."""

    phases: list[str] = Field(
        default=["diamond", "fcc", "bcc", "hcp", "sc"],
        max_length=len(PROTOTYPES),
        description="prototypes whose energies are compared, where they fit the elements",
    )

    @field_validator("phases")
    @classmethod
    def _are_prototypes(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in PROTOTYPES]
        if unknown:
            raise ValueError(
                f"there is no prototype {unknown[0]!r}; there are {', '.join(PROTOTYPES)}"
            )
        return list(dict.fromkeys(value))


def compute(subject: Subject, settings: LatticeSettings, report: Report) -> Computed:
    """Relax the crystal and the other phases of its elements.

    Of each phase there are its lattice constants, a and, of hcp, c, in Å; of each but the
    prototype of the subject its energy above that, in meV/atom. A phase that cannot be relaxed has
    failed; if the prototype has, so have all energies.
    """
    elements = list(dict.fromkeys(subject.crystal.get_chemical_symbols()))
    phases = [
        name
        for name in settings.phases
        if name != subject.prototype and PROTOTYPES[name][0] == len(elements)
    ]
    values: list[Value] = []
    energies: dict[str, float | str] = {}
    for number, phase in enumerate([subject.prototype, *phases]):
        found = relaxed(
            subject
            if phase == subject.prototype
            else Subject(subject.calculator, crystal(phase, elements), phase, subject.cutoff)
        )
        failure = found if isinstance(found, str) else None
        for axis, place in (("a", 0), ("c", 2)) if phase == "hcp" else (("a", 0),):
            values.append(
                Value(
                    quantity=CONSTANT.name,
                    condition={"phase": phase, "axis": axis},
                    value=None if isinstance(found, str) else float(found.cell.lengths()[place]),
                    failure=failure,
                )
            )
        energies[phase] = (
            found if isinstance(found, str) else found.get_potential_energy() / len(found)
        )
        report(number + 1, len(phases) + 1)
    ground = energies.pop(subject.prototype)
    for phase, energy in energies.items():
        values.append(_above(phase, energy, ground))
    return Computed(values)


def _above(phase: str, energy: float | str, ground: float | str) -> Value:
    failure = next((each for each in (energy, ground) if isinstance(each, str)), None)
    above = None if isinstance(energy, str) or isinstance(ground, str) else 1e3 * (energy - ground)
    return Value(quantity=ENERGY.name, condition={"phase": phase}, value=above, failure=failure)


DEGENERATE = 0.1
"""Energies of the reference that differ by less have no order, meV/atom."""


def order(values: Sequence[Value], reference: Sequence[Value]) -> float:
    """Return the share of pairs of phases whose energies are in the order of the reference.

    The prototype, at 0, is one of the phases. Pairs that are degenerate in the reference do not
    count, and a pair of which a phase has failed is not in order.
    """
    wanted, found = (
        {
            str(each.condition["phase"]): each.value
            for each in some
            if each.quantity == ENERGY.name and each.value is not None
        }
        for some in (reference, values)
    )
    right, n_pairs = 0, 0
    for one, other in combinations([None, *wanted], 2):
        gap = _difference(wanted, one, other)
        if abs(gap) < DEGENERATE:
            continue
        n_pairs += 1
        right += gap * _difference(found, one, other) > 0
    return right / n_pairs if n_pairs else math.nan


def _difference(energies: dict[str, float], one: str | None, other: str | None) -> float:
    """Return by how much the second of two phases is higher, NaN if one failed; None is at 0."""
    first, second = (0.0 if p is None else energies.get(p, math.nan) for p in (one, other))
    return second - first


LATTICE = Property(
    name="lattice",
    summary="lattice constants and energies of an element's phases",
    literature="Relaxation by BFGS in the logarithm of the deformation of the cell, as in ase",
    settings=LatticeSettings,
    quantities=(CONSTANT, ENERGY),
    compute=compute,
    agreements=(
        Agreement(
            name="phase_order",
            unit="1",
            summary="share of pairs of phases whose energies are in the order of the reference",
            better="higher",
            function=order,
        ),
    ),
)
