"""SevenNet, put together by the package sevenn, without what it sets for a whole process."""

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from tlbench.graphs import Graph, within
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.packages import eager_e3nn, isolated_import, save_weights_alone
from tlbench.models.backbones.products import ChannelProducts
from tlbench.models.backbones.sevennet import SevenNetConfig

with isolated_import():
    # It compiles an activation with TorchScript, which is deprecated.
    warnings.simplefilter("ignore")
    from sevenn import _const as constants
    from sevenn import _keys as keys
    from sevenn.model_build import build_E3_equivariant_model
    from sevenn.nn.convolution import IrrepsConvolution

N_ELEMENTS = MAX_ATOMIC_NUMBER + 1

ONE_HOT, EMBED, RESCALE = "onehot_idx_to_onehot", "onehot_to_feature_x", "rescale_atomic_energy"
"""Modules of the package in whose place tables with an element axis stand."""

_ENERGIES = ("reduce_total_enegy", "force_output")


class SevenNet(Backbone):
    """SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024), arXiv 2402.03789).

    Layers and initial weights are the package's; forces are ours. Its features depend on the
    element only at the start, E_i = s_z · network(h_z, …)_i, where h_z is a row of a table, as is
    the scale s_z (eV), which is not trained. The shifts that the package adds are the reference
    energies of a potential here.

    An element's row is drawn as for a model of that element alone: with a model of n elements the
    package divides rows by √n, which is left out.
    """

    def __init__(self, config: SevenNetConfig) -> None:
        super().__init__(config)
        layers: dict[str, Any] = dict(package_network(config).named_children())
        rows = layers[EMBED].linear.weight.detach().clone().view(N_ELEMENTS, -1)
        self.embedding = nn.Parameter(rows)
        scale = torch.full((N_ELEMENTS,), config.energy_scale, device=rows.device)
        self.energy_scale = nn.Parameter(scale, requires_grad=False)
        for name in (ONE_HOT, EMBED, RESCALE, *_ENERGIES):
            del layers[name]
        for name, layer in layers.items():
            if isinstance(layer, IrrepsConvolution):
                layers[name] = Convolution(layer)
        self.network = nn.ModuleDict(layers)
        self._n_layers = config.n_layers
        save_weights_alone(self.network)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        # Its envelope is not zero beyond the cutoff.
        graph = within(graph, self.cutoff)
        data: dict[str, Tensor] = {
            keys.EDGE_VEC: graph.edge_vectors(),
            keys.EDGE_IDX: graph.edge_index,
            keys.NODE_FEATURE: self.embedding[graph.atomic_numbers],
        }
        for layer in self.network.values():
            data = layer(data)
        energy = data[keys.SCALED_ATOMIC_ENERGY].squeeze(1)
        return energy * self.energy_scale[graph.atomic_numbers]

    def element_parameters(self) -> dict[str, int]:
        """Return the tables' names and element axes."""
        return {"embedding": 0, "energy_scale": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {f"interaction {n}": (f"network.{n}_",) for n in range(self._n_layers)}
        head = ("network.reduce_", "energy_scale")
        return {EMBEDDING: ("embedding", "network.edge_embedding."), **layers, HEAD: head}


def package_network(config: SevenNetConfig) -> nn.Module:
    """Return the package's own network with random weights."""
    # Constants that e3nn keeps for later networks need numbers, which "meta" tensors lack.
    with eager_e3nn(), torch.device("cpu"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: nn.Module = build_E3_equivariant_model(package_settings(config))
    return network


class Convolution(nn.Module):
    """The package's convolution, faster: its weights, and products that are summed path by path."""

    def __init__(self, layer: IrrepsConvolution) -> None:
        super().__init__()
        self.weight_nn = layer.weight_nn
        self.denominator = layer.denominator
        self.products = ChannelProducts(layer.convolution)

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the data of a graph with the messages to its atoms for features."""
        messages = self.products(
            data[keys.NODE_FEATURE],
            data[keys.EDGE_ATTR],
            self.weight_nn(data[keys.EDGE_EMBEDDING]),
            data[keys.EDGE_IDX],
        )
        return {**data, keys.NODE_FEATURE: messages / self.denominator}


def package_settings(config: SevenNetConfig) -> dict[str, Any]:
    """Return the package's own settings of the same network, with every element among its types."""
    scalars, *_ = config.channels
    hidden = "+".join(f"{width}x{degree}e" for degree, width in enumerate(config.channels))
    envelope: dict[str, Any] = {keys.CUTOFF_FUNCTION_NAME: "poly_cut"}
    if config.onset is None:
        envelope[keys.POLY_CUT_P] = config.envelope_exponent
    else:
        onset = config.onset * config.cutoff
        envelope = {keys.CUTOFF_FUNCTION_NAME: "XPLOR", "cutoff_on": onset}
    return {
        **copy.deepcopy(constants.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG),
        keys.CUTOFF: config.cutoff,
        keys.NUM_SPECIES: N_ELEMENTS,
        keys.TYPE_MAP: {z: z for z in range(N_ELEMENTS)},
        keys.NODE_FEATURE_MULTIPLICITY: scalars,
        keys.IRREPS_MANUAL: [
            f"{scalars}x0e",
            *[hidden] * (config.n_layers - 1),
            f"{scalars}x0e",
        ],
        keys.LMAX: len(config.channels) - 1,
        keys.IS_PARITY: False,
        keys.NUM_CONVOLUTION: config.n_layers,
        keys.RADIAL_BASIS: {
            keys.RADIAL_BASIS_NAME: "bessel",
            keys.BESSEL_BASIS_NUM: config.n_radial,
        },
        keys.CUTOFF_FUNCTION: envelope,
        keys.CONVOLUTION_WEIGHT_NN_HIDDEN_NEURONS: [config.radial_channels] * 2,
        keys.CONV_DENOMINATOR: config.average_neighbours,
        keys.SELF_CONNECTION_TYPE: "linear",
        keys.SHIFT: [0.0] * N_ELEMENTS,
        keys.SCALE: [1.0] * N_ELEMENTS,
    }
