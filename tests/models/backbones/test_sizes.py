"""Default sizes are comparable, and large ones larger."""

from pathlib import Path

import pytest
import torch
from structures import diamond

from tlbench.graphs import graph_of
from tlbench.models.backbones import BACKBONES
from tlbench.models.potential import build_potential
from tlbench.transfer.potentials import POTENTIALS

AS_PUBLISHED = {POTENTIALS.get(name).backbone for name in POTENTIALS.names()}
"""Those that are as large as weights of others are."""

DEFAULTS = [
    name
    for name in BACKBONES.names()
    if not name.endswith("-large")
    and BACKBONES.get(name).environment is None
    and name not in AS_PUBLISHED
]
"""Those that need an environment of their own have the same tests there (``test_mace.py``)."""


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_have_a_tenth_to_three_tenths_of_a_million_parameters(name):
    assert 1e5 <= build_potential(name, {}).backbone.n_parameters() <= 3e5


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_large_one_is_the_same_network_with_more_parameters(name):
    small, large = build_potential(name, {}), build_potential(f"{name}-large", {"cutoff": 4.0})
    assert type(small.backbone) is type(large.backbone)
    assert large.backbone.n_parameters() > 2 * small.backbone.n_parameters()
    forces = large(graph_of(diamond(rattle=0.1), 4.0, dtype=torch.float32)).forces
    assert bool(forces.isfinite().all())
    assert large.backbone.config.build.__func__ is small.backbone.config.build.__func__


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_manual_has_the_number_of_parameters(name):
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {build_potential(name, {}).backbone.n_parameters():,} |")
