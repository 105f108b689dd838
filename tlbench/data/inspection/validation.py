"""Every check, run over a collection."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tlbench.data.inspection.cells import (
    check_cells,
    check_elements,
    check_numbers,
    check_stress_cells,
)
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.copies import check_copies, shapes_of
from tlbench.data.inspection.energies import check_energies
from tlbench.data.inspection.finding import EVERYWHERE, Finding, merge
from tlbench.data.inspection.forces import check_large_forces, check_net_force, check_parts
from tlbench.data.inspection.geometry import check_overlaps
from tlbench.data.inspection.stress import check_stress
from tlbench.data.inspection.units import check_distances, check_forces, check_units


@dataclass(frozen=True)
class Validation:
    """What the checks found.

    Attributes
    ----------
    n_structures
        Structures that were looked at, those that could not be read included.
    each
        What was found about each frame: errors first, then in the order of checks and frames.
    notes
        What the card states, what could not be checked, and why; and how many frames have no
        forces.
    """

    n_structures: int
    each: tuple[Finding, ...]
    notes: tuple[str, ...]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The same with alike findings merged; this is what is shown and counted."""
        return tuple(merge(self.each))

    def count(self, severity: str) -> int:
        """Return the number of findings of one severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def summary(self) -> str:
        """Return the result in one line."""
        found = {word: self.count(word) for word in ("error", "warning")}
        structures, *faults = (
            f"{number} {word}{'' if number == 1 else 's'}"
            for word, number in {"structure": self.n_structures, **found}.items()
        )
        return f"{structures} checked: {', '.join(faults)}"


def validate_collection(
    collection: Collection, on_check: Callable[[str], None] = lambda what: None
) -> Validation:
    """Run every check; a frame with an error is left out of checks that need sound frames.

    Parameters
    ----------
    on_check
        Called with what is checked next.
    """
    on_check("numbers and cells")
    broken = list(check_numbers(collection))
    finite = _without(collection, broken)
    broken += [*check_cells(finite), *check_stress_cells(finite), *check_elements(finite)]
    measurable = _without(collection, broken)
    on_check("distances and forces")
    findings = [*collection.unreadable, *broken]
    findings += [*check_distances(measurable), *check_forces(measurable)]
    overlaps = list(check_overlaps(measurable))
    findings += [*overlaps, *check_net_force(measurable)]
    sound = _without(measurable, overlaps)
    on_check("outliers")
    shapes = shapes_of(sound.frames)
    far = [*check_large_forces(sound), *check_energies(sound, shapes)]
    on_check("copies")
    findings += [*far, *check_copies(sound, shapes)]
    # A few frames with other energies or forces would decide what a fit to all of them says.
    usual = _without(sound, far, ("error", "warning"))
    on_check("stresses")
    findings += check_stress(usual)
    on_check("energies against forces")
    last = [*check_units(usual), *check_parts(sound)]
    findings += [said for said in last if isinstance(said, Finding)]
    return Validation(
        n_structures=len(collection)
        + sum(finding.frame != EVERYWHERE for finding in collection.unreadable),
        each=tuple(sorted(findings, key=lambda finding: finding.severity)),
        notes=(
            *collection.guessed,
            *collection.stated,
            *(said for said in last if isinstance(said, str)),
        ),
    )


def _without(
    collection: Collection, findings: list[Finding], severities: tuple[str, ...] = ("error",)
) -> Collection:
    """Return the structures that no finding of these severities is about."""
    names = [finding.frame for finding in findings if finding.severity in severities]
    return collection.select(~np.isin(collection.names, names)) if names else collection
