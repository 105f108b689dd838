"""The steps that a benchmark's time goes into: an update of training, a step of dynamics."""

import pytest
import torch
from ase.build import bulk

from tlbench.data.frames import Frames
from tlbench.kernels.derivatives import scoped
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import Simulation

TEMPERATURE_K = 1200


def update_of(potential, graph, for_parameters=True):
    """Return a function that does one training update."""
    parameters = [each for each in potential.backbone.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=1e-6, fused=True)
    labels = torch.zeros_like(graph.positions)

    def update():
        with scoped() as scope:
            loss = (potential(graph, training=True).forces - labels).square().mean()
        optimiser.zero_grad()
        if for_parameters:
            with scope.backward_for("parameters"):
                torch.autograd.backward(loss, inputs=parameters)
        else:
            loss.backward()
        optimiser.step()

    return update


def crystals(n, element="Si"):
    """Return perfect 64-atom cells with the lattice constant of silicon."""
    return [bulk(element, "diamond", a=5.43, cubic=True).repeat(2) for _ in range(n)]


def begun(force_field, n_replicas, **settings):
    """Return a simulation that has run for a few steps, without bounds."""
    none = dict.fromkeys(
        ("temperature_sigmas", "closest_pair", "max_force", "energy_margin", "rdf_error")
    )
    protocol = Protocol(
        temperature_k=TEMPERATURE_K, time_ps=1000, timestep_fs=1, criteria=none, **settings
    )
    simulation = Simulation(Frames.unlabelled(crystals(n_replicas)), force_field, protocol)
    advance(simulation, 5)
    return simulation


def advance(simulation, steps):
    """Run some steps."""
    last = simulation.step + steps

    def stop(done, total, alive):
        if done == last:
            raise StopIteration

    with pytest.raises(StopIteration):
        simulation.run(on_step=stop)
