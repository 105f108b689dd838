"""Networks and labelled structures so small that training takes a second."""

from dataclasses import replace

import numpy as np
import torch
from structures import LATTICE_CONSTANT, diamond

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.models.potential import Potential, build_potential
from tlbench.reference.stillinger_weber import StillingerWeber
from tlbench.training.labels import LabelledSet

CUTOFF = 4.0

BACKBONES = {
    "dimenetpp": {
        "cutoff": CUTOFF,
        "hidden_channels": 8,
        "type_channels": 4,
        "out_channels": 8,
        "interaction_channels": 4,
        "basis_channels": 4,
        "n_blocks": 1,
        "n_before_skip": 0,
        "n_after_skip": 1,
        "n_output_layers": 1,
    },
    "schnet": {
        "cutoff": CUTOFF,
        "hidden_channels": 8,
        "n_filters": 8,
        "n_interactions": 1,
        "n_gaussians": 8,
    },
}
OTHERS = {
    "chgnet": {"cutoff": CUTOFF, "channels": 8, "n_layers": 2, "n_radial": 4, "n_angular": 5},
    "equivariant": {"cutoff": CUTOFF, "channels": 4, "radial_channels": 4},
    "nequip": {"cutoff": CUTOFF, "n_features": 4, "radial_channels": 4},
    "sevennet": {"cutoff": CUTOFF, "channels": (4, 2), "n_layers": 2, "radial_channels": 4},
    "visnet": {"cutoff": CUTOFF, "hidden_channels": 8, "n_heads": 2, "n_layers": 2},
}
"""Those that take longer to import and to build."""

PACKAGES = {"chgnet": "chgnet", "sevennet": "sevenn"}
"""Packages that some of them need, which are not installed everywhere."""


def potential(name: str = "schnet", seed: int = 0, dtype: torch.dtype = torch.float32) -> Potential:
    """Return a potential with random weights."""
    torch.manual_seed(seed)
    return build_potential(name, {**BACKBONES, **OTHERS}[name], dtype)


def crystals(element: str, n_frames: int, seed: int = 0, strain: float = 0.02) -> Frames:
    """Return hot 8-atom crystals with the labels of Stillinger and Weber.

    Rattled by 0.05, 0.1 and 0.15 Å in turn, which stand as 300, 600 and 900 K.
    """
    generator = np.random.default_rng(seed)
    parts = []
    for number in range(n_frames):
        level = number % 3 + 1
        width = LATTICE_CONSTANT[element] * (1 + strain * generator.uniform(-1, 1))
        part = diamond(
            element,
            rattle=0.05 * level,
            seed=int(generator.integers(1 << 31)),
            lattice_constant=width,
        )
        parts.append(replace(part, temperature_k=np.array([300.0 * level])))
    frames = Frames.concatenate(parts)
    reference = StillingerWeber(element)
    labels = reference(graph_of(frames, reference.cutoff))
    return replace(
        frames,
        energy=labels.energy.numpy(),
        forces=labels.forces.numpy(),
        stress=labels.stress.numpy(),
        trajectory=np.arange(n_frames),
    )


def labelled(frames: Frames, potential: Potential) -> LabelledSet:
    """Return ``frames`` in the form that ``potential`` is trained and tested on."""
    return LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
