"""NequIP, put together by the package nequip, without what it sets for a whole process."""

import warnings
from typing import Any

import torch
from ase.data import chemical_symbols
from e3nn import o3
from torch import Tensor

from tlbench.graphs import Graph
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.nequip import NequIPConfig
from tlbench.models.backbones.packages import eager_e3nn, isolated_import

with isolated_import():
    from nequip.data import AtomicDataDict
    from nequip.model.nequip_models import FullNequIPGNNModel


class NequIP(Backbone):
    """NequIP (Batzner et al., Nature Communications 13, 2453 (2022)).

    Energies alone are the package's; forces are ours. Every element is among its types, by its
    atomic number. The package's builder insists on a global precision of float64, a seed and
    flags of its own; the function that it wraps needs none of them, and is called here.
    """

    def __init__(self, config: NequIPConfig) -> None:
        super().__init__(config)
        hidden = o3.Irreps([(config.n_features, irrep) for irrep in _kept(config)])
        scalars = o3.Irreps([(config.n_features, (0, 1))])
        irreps = [hidden] * (config.n_layers - 1) + [scalars]
        build: Any = FullNequIPGNNModel
        with eager_e3nn(), warnings.catch_warnings():
            # It recommends scales and shifts of energies, which are fitted here afterwards.
            warnings.simplefilter("ignore")
            whole = build.__wrapped__(
                r_max=config.cutoff,
                type_names=chemical_symbols[: MAX_ATOMIC_NUMBER + 1],
                radial_mlp_depth=[1] * config.n_layers,
                radial_mlp_width=[config.radial_channels] * config.n_layers,
                feature_irreps_hidden=[repr(each) for each in irreps],
                irreps_edge_sh=repr(o3.Irreps.spherical_harmonics(config.lmax)),
                type_embed_num_features=config.n_features,
                num_bessels=config.n_radial,
                polynomial_cutoff_p=config.envelope_exponent,
                avg_num_neighbors=config.average_neighbours,
                do_derivatives=False,
            )
        self.network = whole.func
        self._n_layers = config.n_layers

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        vectors = graph.edge_vectors()
        systems = torch.arange(graph.n_systems + 1, device=graph.system.device)
        found = self.network(
            {
                AtomicDataDict.POSITIONS_KEY: graph.positions,
                AtomicDataDict.ATOM_TYPE_KEY: graph.atomic_numbers,
                AtomicDataDict.EDGE_INDEX_KEY: graph.edge_index,
                AtomicDataDict.EDGE_VECTORS_KEY: vectors,
                AtomicDataDict.EDGE_LENGTH_KEY: vectors.norm(dim=1),
                AtomicDataDict.BATCH_KEY: graph.system,
                # Counted without waiting for an accelerator: atoms are sorted by structure.
                AtomicDataDict.NUM_NODES_KEY: torch.searchsorted(graph.system, systems).diff(),
            }
        )
        energy: Tensor = found[AtomicDataDict.PER_ATOM_ENERGY_KEY]
        # The package adds up energies in float64.
        return energy.squeeze(1).to(vectors.dtype)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"network.type_embed.embed_module.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {
            f"interaction {n}": (f"network.layer{n}_convnet.",) for n in range(self._n_layers)
        }
        embedding, head = "network.type_embed.", "network.per_atom_energy_readout."
        return {EMBEDDING: (embedding,), **layers, HEAD: (head,)}


def _kept(config: NequIPConfig) -> list[o3.Irrep]:
    """Return the irreps that features have: those of harmonics, or of both parities."""
    parities = (1, -1) if config.parity else (1,)
    return [o3.Irrep(n, s * (-1) ** n) for n in range(config.lmax + 1) for s in parities]
