"""Models that mace-torch has saved: whole networks, pickled."""

from typing import TYPE_CHECKING, Any

from tlbench.base.errors import InputError
from tlbench.base.schema import validate
from tlbench.models.backbones.mace import MACEConfig
from tlbench.transfer.potentials.checkpoints import CheckpointFormat, check_settings

if TYPE_CHECKING:
    from torch import Tensor

    from tlbench.models.potential import Potential

BLOCK = "RealAgnosticResidualInteractionBlock"

TOLERANCE = 1e-4
"""Of forces, over the largest: far more than weights rounded to single precision explain."""

_EDGE_LENGTHS = 2.5
"""Neighbours of the structure that predictions are compared on, along an axis within the cutoff."""


def architecture(model: Any) -> MACEConfig:
    """Return the architecture of a network; see `CheckpointFormat`."""
    kind = type(model).__name__
    if not (kind.endswith("MACE") and hasattr(model, "interactions")):
        raise TypeError(f"it is a {kind}")
    radial, last = model.radial_embedding, model.readouts[-1]
    found = {
        "class": kind,
        "interaction": "/".join(sorted({type(each).__name__ for each in model.interactions})),
        "number of heads": len(getattr(model, "heads", ["Default"])),
        "radial basis": type(radial.bessel_fn).__name__,
        "distance transform": hasattr(radial, "distance_transform"),
        "pair repulsion": hasattr(model, "pair_repulsion_fn"),
        "joint embedding": hasattr(model, "joint_embedding"),
    }
    expressed = {
        "class": "ScaleShiftMACE" if kind == "ScaleShiftMACE" else "MACE",
        "interaction": BLOCK,
        "number of heads": 1,
        "radial basis": "BesselBasis",
        "distance transform": False,
        "pair repulsion": False,
        "joint embedding": False,
    }
    check_settings(found, expressed, "mace")
    # Its constants can be read once the package is imported, as it is with the network.
    from e3nn import o3

    hidden = o3.Irreps(str(model.products[0].linear.irreps_out))
    widths = model.interactions[0].conv_tp_weights.hs[1:-1]
    contraction = model.products[0].symmetric_contractions.contractions[0]
    values = {
        "cutoff": float(model.r_max),
        "channels": hidden.count("0e"),
        "max_ell": model.spherical_harmonics._lmax,
        "max_L": hidden.lmax,
        "correlation": len(contraction.weights) + 1,
        "n_layers": int(model.num_interactions),
        "n_radial": len(radial.bessel_fn.bessel_weights),
        "radial_channels": widths[0],
        "envelope_exponent": int(radial.cutoff_fn.p),
        "average_neighbours": float(model.interactions[0].avg_num_neighbors),
    }
    if hasattr(last, "hidden_irreps"):
        values["readout_channels"] = o3.Irreps(str(last.hidden_irreps)).count("0e")
    config = validate(MACEConfig, values, "its architecture")
    check_settings({"radial_MLP": list(widths)}, {"radial_MLP": [widths[0]] * 3}, "mace")
    return config


def fill(potential: "Potential", model: Any) -> None:
    """Take weights from a network of the package; see `CheckpointFormat`.

    E_i = E_z + shift + scale · (sum of readouts): the scale goes into the readouts, and the shift
    into the reference energies. The package divides what is linear in one-hot vectors by the root
    of the number of elements; that is done once for all. Elements that the network lacks keep the
    rows that they were drawn with, divided alike.
    """
    elements = model.atomic_numbers.cpu()
    n_elements = len(elements)
    scale, shift = 1.0, 0.0
    if hasattr(model, "scale_shift"):
        scale, shift = float(model.scale_shift.scale), float(model.scale_shift.shift)
    energies = model.atomic_energies_fn.atomic_energies.double().reshape(n_elements)
    potential.reference_energy[elements] = energies + shift
    theirs, ours = dict(model.named_parameters()), potential.backbone
    network: Any = ours.network
    for name, parameter in network.named_parameters():
        if ".symmetric_contractions." in name:
            path, _, which = name.partition(".weights")
            found = theirs[name]
            basis, own = (each.get_submodule(path) for each in (model, network))
            parameter[elements] = _in_basis(found, basis, own, which).to(parameter.dtype)
        elif name == "node_embedding.table":
            found = theirs["node_embedding.linear.weight"].view(n_elements, -1)
            parameter[elements] = found.to(parameter.dtype)
            parameter /= n_elements**0.5
        elif name.endswith(".skip_tp.table"):
            _, n_degrees, channels, _ = parameter.shape
            found = theirs[name.replace(".table", ".weight")]
            # Degree, channel, element, channel, as e3nn keeps them.
            found = found.view(n_degrees, channels, n_elements, channels).permute(2, 0, 1, 3)
            parameter[elements] = found.to(parameter.dtype)
            parameter /= n_elements**0.5
        else:
            parameter.copy_(theirs[name].view_as(parameter))
    for readout in network.readouts:
        last = readout.linear_2 if hasattr(readout, "linear_2") else readout.linear
        last.weight.mul_(scale)


def _in_basis(weights: "Tensor", theirs: Any, ours: Any, which: str) -> "Tensor":
    """Return weights of a product of neighbours in our basis of symmetric products.

    Parameters
    ----------
    weights
        Of one order of the product, shape (elements, paths, channels).
    theirs, ours
        Its modules, which have the basis, shape (…, (ℓ + 1)², …, (ℓ + 1)², paths).
    which
        End of the name of ``weights``: "_max", or "." and a number from the second highest order.
    """
    import torch

    order = ours.correlation
    order -= 0 if which == "_max" else 1 + int(which.removeprefix("."))
    found, wanted = (
        _symmetric(each.U_tensors(order).double(), order).flatten(0, -2) for each in (theirs, ours)
    )
    if found.shape == wanted.shape and torch.allclose(found, wanted):
        return weights
    change = torch.linalg.lstsq(wanted, found, driver="gelsd").solution
    if not torch.allclose(wanted @ change, found, atol=1e-5):
        raise RuntimeError("its products of neighbours have another basis")
    return torch.einsum("pq,eqc->epc", change, weights.double())


def _symmetric(basis: "Tensor", order: int) -> "Tensor":
    """Return a basis made symmetric in its ``order`` factors, which are those before the last."""
    from itertools import permutations

    import torch

    first = basis.dim() - 1 - order
    ways = [
        basis.permute(*range(first), *(first + place for place in way), basis.dim() - 1)
        for way in permutations(range(order))
    ]
    return torch.stack(ways).mean(0)


def check(potential: "Potential", model: Any) -> None:
    """Compare energies and forces with those of the network; see `CheckpointFormat`.

    They are of a distorted lattice of all elements of the network, with many neighbours each.

    Raises
    ------
    InputError
        If they differ by more than rounding explains.
    """
    import numpy as np
    import torch
    from ase import Atoms

    from tlbench.data.frames import Frames
    from tlbench.graphs import graph_of
    from tlbench.models.potential import in_precision

    elements = model.atomic_numbers.cpu()
    spacing = potential.cutoff / _EDGE_LENGTHS
    n_cells = max(3, int(np.ceil(len(elements) ** (1 / 3))))
    numbers = np.resize(elements.numpy(), n_cells**3)
    places = spacing * np.indices((n_cells,) * 3).reshape(3, -1).T
    atoms = Atoms(numbers, places, cell=[n_cells * spacing] * 3, pbc=True)
    atoms.rattle(0.1 * spacing, seed=0)
    # Weights are those of single precision, but nothing else is rounded to it.
    exact, dtype = in_precision(potential, torch.float64), torch.float64
    graph = graph_of(Frames.unlabelled([atoms]), potential.cutoff, dtype=dtype)
    found = exact(graph)
    cell = torch.as_tensor(atoms.cell.array)
    types = torch.searchsorted(elements, graph.atomic_numbers)
    expected = model.double()(
        {
            "positions": graph.positions.clone(),
            "node_attrs": torch.nn.functional.one_hot(types, len(elements)).to(dtype),
            "edge_index": graph.edge_index,
            "shifts": graph.edge_shift,
            "unit_shifts": graph.edge_shift @ torch.linalg.inv(cell),
            "cell": cell,
            "batch": graph.system,
            "ptr": torch.tensor([0, graph.n_atoms]),
            "head": torch.tensor([0]),
        }
    )
    largest = float(expected["forces"].abs().max())
    of_force = float((found.forces - expected["forces"]).abs().max())
    of_energy = float((found.energy - expected["energy"]).abs().max())
    rounding = 1e-6 * float(expected["energy"].abs().max())
    if not (of_force < TOLERANCE * largest and of_energy < TOLERANCE * largest + rounding):
        raise InputError(
            "the backbone 'mace' with its weights predicts other energies or forces than the "
            f"network itself (by up to {of_energy:.2g} eV and {of_force:.2g} eV/Å), so that its "
            "architecture is not one that the backbone has."
        )


CHECKPOINT = CheckpointFormat(
    backbone="mace",
    program="MACE",
    package="mace",
    runs_code=True,
    architecture=architecture,
    fill=fill,
    environment=MACEConfig.environment,
    check=check,
)
