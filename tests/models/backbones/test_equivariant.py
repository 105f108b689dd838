"""The network written on e3nn: the contract, and what its options mean."""

import pytest
import torch
from structures import diamond, liquid

from tlbench.graphs import graph_of
from tlbench.models.backbones.equivariant import EquivariantConfig
from tlbench.models.backbones.equivariant.model import RadialBasis
from tlbench.models.potential import build_potential
from tlbench.testing import BackboneContract

SMALL = {"cutoff": 4.0, "channels": 8, "radial_channels": 8}


class TestDefault(BackboneContract):
    config = EquivariantConfig(cutoff=4.0)


class TestBothParities(BackboneContract):
    config = EquivariantConfig(**SMALL, parity=True, body_order=4)


@pytest.mark.parametrize("options", [{"lmax": 0}, {"body_order": 2}, {"n_layers": 1}])
def test_the_smallest_options_build_a_network_that_feels_forces(options):
    torch.manual_seed(0)
    potential = build_potential("equivariant", {**SMALL, **options})
    forces = potential(graph_of(liquid(), 4.0, dtype=torch.float32)).forces
    assert bool(forces.isfinite().all())
    assert float(forces.abs().max()) > 0


@pytest.mark.parametrize(("body_order", "n_neighbours"), [(2, 1), (3, 2), (4, 3)])
def test_one_layer_has_terms_of_so_many_neighbours(body_order, n_neighbours):
    """The energy of a centre is a polynomial in the presence of each neighbour.

    Of a linear readout: the n-th finite difference over n neighbours is that of n-body terms.
    """
    torch.manual_seed(0)
    options = {**SMALL, "body_order": body_order, "n_layers": 1}
    backbone = build_potential("equivariant", options, torch.float64).backbone
    linear = torch.nn.Linear(SMALL["channels"], 1, dtype=torch.float64)
    backbone.readout = linear
    layer = backbone.layers[0]
    vectors = torch.randn(n_neighbours + 1, 3, dtype=torch.float64)
    vectors = 2.5 * vectors / vectors.norm(dim=1, keepdim=True)
    features = backbone.embedding(torch.full((n_neighbours + 2,), 14))

    def energy(present):
        chosen = torch.tensor(present, dtype=torch.int64)
        index = torch.stack([torch.zeros_like(chosen), chosen + 1])
        found = vectors[chosen]
        radial = backbone.radial(found.norm(dim=1))
        return linear(layer(features, backbone.harmonics(found), radial, index))[0, 0]

    def difference(n):
        """Return the part of the energy that needs all of the first n neighbours."""
        total = 0.0
        for bits in range(2**n):
            present = [i for i in range(n) if bits >> i & 1]
            total = total + (-1) ** (n - len(present)) * energy(present)
        return abs(float(total.detach()))

    assert difference(n_neighbours) > 1e-8
    assert difference(n_neighbours + 1) < 1e-14


def test_radial_functions_are_orthonormal_under_no_envelope_and_vanish_at_the_cutoff():
    basis = RadialBasis(4, 5.0, 6).double()
    r = torch.linspace(0.0005, 5.0, 10001, dtype=torch.float64)
    functions = (2 / 5.0) ** 0.5 * torch.sin(basis.frequencies * r.unsqueeze(1) / 5.0)
    overlaps = torch.trapezoid(functions.unsqueeze(1) * functions.unsqueeze(2), r, dim=0)
    torch.testing.assert_close(overlaps, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-3)
    near = torch.tensor([4.9999, 5.0, 5.5], dtype=torch.float64)
    assert basis(near).abs().max() < 1e-10


def test_terms_of_all_body_orders_start_at_comparable_sizes():
    """e3nn's products expect components of size 1; otherwise many-body terms start as nothing."""
    torch.manual_seed(0)
    backbone = build_potential("equivariant", {"cutoff": 5.0}, torch.float64).backbone
    sizes: dict[str, float] = {}

    def note(name):
        return lambda module, given, found: sizes.update({name: float(found.detach().std())})

    for layer_number, layer in enumerate(backbone.layers):
        layer.received.register_forward_hook(note(f"sums {layer_number}"))
        layer.mixed[0].register_forward_hook(note(f"products {layer_number}"))
    backbone.harmonics.register_forward_hook(note("harmonics"))
    backbone(graph_of(diamond("Si", repeats=(2, 2, 2), rattle=0.1), 5.0))
    assert sizes["harmonics"] == pytest.approx(1, rel=0.1)
    for n in range(2):
        assert sizes[f"products {n}"] > 0.1 * sizes[f"sums {n}"], sizes


class TestDegreeTwo(BackboneContract):
    config = EquivariantConfig(**{**SMALL, "channels": 4}, lmax=2, n_layers=1)
