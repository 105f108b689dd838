"""How often the stability criteria fire on the reference potential itself, and how near they come.

``python benchmarks/false_alarms.py``: Stillinger–Weber silicon and germanium from 300 to 3300 K,
from the crystal on, judged by the default criteria as a suite judges models: by what another run
of the same potential saw, and by structure where the data set's own trajectories are crystals.
Prints a table in Markdown.
"""

import numpy as np
import torch
from ase.build import bulk

from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.md import simulation
from tlbench.md.batch import ForceField
from tlbench.md.criteria import Expected
from tlbench.md.protocol import Criteria, Protocol
from tlbench.md.structure import averages
from tlbench.reference.stillinger_weber import StillingerWeber

LATTICE = {"Si": 5.431, "Ge": 5.658}
TEMPERATURES_K = (300, 800, 1300, 1800, 2300, 2800, 3300)
REPLICAS, TIME_PS = 8, 4.0


class Watched(simulation.Simulation):
    """A simulation that keeps what its criteria saw at every step: the worst of all replicas."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sigmas, self.closest, self.force = [], [], []

    def _judge(self, instants):
        sigma = np.sqrt(2 / (3 * int(self.start.n_atoms[0])))
        for now in instants:
            self.sigmas.append((float(now.temperature.max()) - 1) / sigma)
            self.closest.append(float(now.closest.min()))
            self.force.append(float(now.force.max()))
        super()._judge(instants)


def line(element, temperature_k):
    """Return the cells of one line."""
    cell = bulk(element, "diamond", a=LATTICE[element], cubic=True).repeat(2)
    start = Frames.unlabelled([cell] * REPLICAS)
    protocol = Protocol(temperature_k=temperature_k, time_ps=TIME_PS, replicas=REPLICAS)

    def simulated(first_number, expected):
        numbers = range(first_number, first_number + REPLICAS)
        force_field = ForceField.of(StillingerWeber(element))
        found = Watched(start, force_field, protocol, expected, numbers)
        return found, found.run()

    _, reference = simulated(0, Expected())
    low, high = float(reference.energy_low.min()), float(reference.energy_high.max())
    melt = load_card(f"sw-{element.lower()}").origin.melt
    crystal = melt is None or temperature_k < melt.from_k
    g = averages(reference.counts, start).rdf
    expected = Expected((low, high), g if crystal else None)
    windows = []
    whole = simulation.rdf_error

    def noted(*arguments):
        windows.append(whole(*arguments))
        return windows[-1]

    simulation.rdf_error = noted
    try:
        watched, found = simulated(1000, expected)
    finally:
        simulation.rdf_error = whole
    beyond = max(0.0, low - found.energy_low.min(), found.energy_high.max() - high)
    stopped = sum(name != "" for name in found.criterion)
    return [
        element, f"{temperature_k}", f"{stopped} of {REPLICAS}", f"{max(watched.sigmas):.1f}",
        f"{min(watched.closest):.2f}", f"{max(watched.force):.1f}", f"{beyond:.3f}",
        f"{max(windows):.3f}" if windows else "–",
    ]  # fmt: skip


def main():
    torch.set_num_threads(1)
    bounds = Criteria()
    title = [
        "element", "K", "stopped", f"hottest, σ (bound {bounds.temperature_sigmas:g})",
        f"closest pair ({bounds.closest_pair:g})", f"force, eV/Å ({bounds.max_force:g})",
        f"energy beyond, eV/atom ({bounds.energy_margin:g})",
        f"RDF error of a window ({bounds.rdf_error:g})",
    ]  # fmt: skip
    print("| " + " | ".join(title) + " |")  # noqa: T201
    print("| --- " + "| --: " * (len(title) - 1) + "|")  # noqa: T201
    for element in LATTICE:
        for temperature_k in TEMPERATURES_K:
            print("| " + " | ".join(line(element, temperature_k)) + " |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
