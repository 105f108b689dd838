"""The compiled Stillinger–Weber potential is its twin in plain torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from structures import diamond, liquid

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.kernels.library import library_for
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

pytestmark = pytest.mark.skipif(
    library_for(torch.zeros(1)) is None, reason="the kernels need a C compiler, and none was found"
)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 3e-6)])
@pytest.mark.parametrize("threads", [1, 3])
def test_compiled_equals_plain_torch(dtype, tolerance, threads):
    cluster = replace(diamond(rattle=0.1, seed=7), pbc=np.zeros((1, 3), dtype=bool))
    parts = [diamond("Si", (3, 3, 3), rattle=0.2, seed=1), liquid(n_atoms=24, seed=3), cluster]
    potential = StillingerWeber("Si")
    graph = graph_of(Frames.concatenate(parts), potential.cutoff + 0.5)
    expected = vars(potential._plain(graph))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = vars(potential(graph.to("cpu", dtype)))
    finally:
        torch.set_num_threads(before)
    for name, value in expected.items():
        scale = float(value.nan_to_num().abs().max())
        torch.testing.assert_close(
            found[name].double(), value, rtol=0, atol=tolerance * scale, equal_nan=True
        )


def test_what_is_not_finite_stays_so():
    graph = graph_of(liquid(n_atoms=24, seed=3), PARAMETERS["Si"].cutoff)
    graph.positions[0, 1] = torch.nan
    found = StillingerWeber("Si")(graph)
    assert found.energy.isnan().all()
    assert found.forces[0].isnan().all()
