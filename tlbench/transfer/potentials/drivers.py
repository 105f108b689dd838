"""Any potential that a user can name, as what drives simulations."""

from ase.data import chemical_symbols

from tlbench.data.frames import Frames
from tlbench.data.origins.base import sha256_of
from tlbench.md.batch import ForceField
from tlbench.md.inputs import Driver
from tlbench.models.applicability import check_elements
from tlbench.models.potential import load_potential
from tlbench.transfer.potentials.named import file_named, reference_named


def load_driver(name: str, structure: Frames, device: str) -> Driver:
    """Load the potential called ``name``, if it can drive ``structure``.

    Parameters
    ----------
    name
        A ``.safetensors`` file of tlbench, the name of a published potential, or
        ``stillinger-weber:`` and an element.

    Raises
    ------
    TlbenchError
        If there is no such potential, or it does not know an element of the structure.
    """
    elements = structure.elements()
    reference = reference_named(name, [chemical_symbols[z] for z in elements])
    if reference is not None:
        return Driver(ForceField.of(reference, device), name, [])
    path = file_named(name)
    # Of the bytes that are loaded next; a file that is replaced in between would differ.
    digest = sha256_of(path)
    potential = load_potential(path, device)
    notes = check_elements(name, potential, elements)
    return Driver(ForceField.of(potential), digest, notes)
