"""The contract of a backbone as a table of measurable properties."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tlbench.potential import Potential
from tlbench.testing import bookkeeping, derivatives, invariances


@dataclass(frozen=True)
class Property:
    """One clause of the contract and the means to see by how much a backbone breaks it.

    Attributes
    ----------
    name
        A word or two for listings.
    description
        What must hold, as a sentence about the backbone.
    measure
        Returns the deviation of a potential, a number without unit that its docstring explains;
        NaN is a violation too.
    tolerance_float64, tolerance_float32
        Largest deviation that rounding explains in each precision; None where the property
        cannot be measured in that precision.
    """

    name: str
    description: str
    measure: Callable[[Potential], float]
    tolerance_float64: float
    tolerance_float32: float | None

    def tolerance(self, dtype: torch.dtype) -> float | None:
        """Return the tolerance for weights of ``dtype``, float64 or float32."""
        return self.tolerance_float64 if dtype == torch.float64 else self.tolerance_float32


PROPERTIES = (
    Property(
        "output",
        "returns one finite energy per atom, shape (n_atoms,), in the precision of its weights",
        bookkeeping.output,
        0.0,
        0.0,
    ),
    Property(
        "responsiveness",
        "puts forces on the atoms of a crystal without symmetry",
        bookkeeping.responsiveness,
        1.0,
        1.0,
    ),
    Property(
        "translation",
        "does not change when all atoms move together",
        invariances.translation,
        1e-10,
        1e-4,
    ),
    Property(
        "rotation",
        "does not change under rotation, and its forces rotate along",
        invariances.rotation,
        1e-10,
        1e-4,
    ),
    Property(
        "reflection",
        "does not change under reflection, and its forces are reflected along",
        invariances.reflection,
        1e-10,
        1e-4,
    ),
    Property(
        "permutation",
        "does not depend on the order of the atoms",
        invariances.permutation,
        1e-10,
        1e-4,
    ),
    Property(
        "lattice translation",
        "does not change when an atom moves by a lattice vector",
        invariances.lattice_translation,
        1e-10,
        1e-4,
    ),
    Property(
        "supercell",
        "describes cells smaller than the cutoff, with repeated neighbours and self-images",
        invariances.supercell,
        1e-10,
        1e-4,
    ),
    Property(
        "skewed cell",
        "does not depend on which lattice vectors describe the crystal",
        invariances.skewed_cell,
        1e-10,
        1e-4,
    ),
    Property(
        "extensivity",
        "gives a doubled cell twice the energy",
        invariances.extensivity,
        1e-10,
        1e-5,
    ),
    Property(
        "batching",
        "gives the same energies and forces in a batch and alone",
        invariances.batching,
        1e-10,
        1e-4,
    ),
    Property(
        "isolated atom",
        "gives an atom without neighbours a finite energy and no force",
        bookkeeping.isolated_atom,
        1e-10,
        1e-5,
    ),
    Property(
        "long edges",
        "gives no weight to edges longer than the cutoff",
        invariances.long_edges,
        1e-10,
        1e-4,
    ),
    Property(
        "smooth cutoff",
        "has continuous energies and forces where an atom leaves the cutoff",
        derivatives.smooth_cutoff,
        1e-5,
        1e-4,
    ),
    Property(
        "forces",
        "has forces that are the negative slope of its energy",
        derivatives.force_consistency,
        1e-8,
        None,
    ),
    Property(
        "stress",
        "has a stress that is the slope of its energy under strain",
        derivatives.stress_consistency,
        1e-8,
        None,
    ),
    Property(
        "finite gradient",
        "has a finite gradient of a force loss, also where atoms are in line or alone",
        derivatives.finite_gradient,
        0.0,
        0.0,
    ),
    Property(
        "force-loss gradient",
        "has a gradient of a force loss that is the loss's slope in the weights",
        derivatives.force_loss_gradient,
        1e-6,
        None,
    ),
    Property(
        "unchanged inputs",
        "changes neither its input nor its own tensors when called",
        bookkeeping.unchanged_inputs,
        0.0,
        0.0,
    ),
    Property(
        "elements differ",
        "gives different forces to different elements",
        bookkeeping.elements_differ,
        1.0,
        1.0,
    ),
    Property(
        "element axes",
        "names only tensors with an entry per element in element_parameters",
        bookkeeping.element_axes,
        0.0,
        0.0,
    ),
    Property(
        "element copy",
        "predicts the same for two elements once the entries of one are copied to the other",
        bookkeeping.element_copy,
        1e-12,
        1e-6,
    ),
    Property(
        "stages",
        "tells no stages, or has every parameter in exactly one, from embedding to head",
        bookkeeping.stages,
        0.0,
        0.0,
    ),
    Property(
        "seeding",
        "draws its weights from torch's global generator and from nothing else",
        bookkeeping.seeding,
        0.0,
        0.0,
    ),
    Property(
        "configuration",
        "has a frozen configuration that survives JSON and refuses unknown keys",
        bookkeeping.configuration,
        0.0,
        0.0,
    ),
    Property(
        "saving",
        "predicts the same after being saved and loaded",
        bookkeeping.saving,
        1e-12,
        1e-6,
    ),
)
