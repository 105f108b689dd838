"""MACE, put together by the package mace-torch, without what it sets for a whole process.

e3nn keeps the weights of a product in one flat vector, where no axis counts elements. Tables with
such an axis take the place of products with one-hot vectors, with the weights that those drew.
What e3nn divides by the root of the number of elements, as if all entries of a one-hot vector were
of size 1, is not divided: with all elements it would be 11 times smaller than with one.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from tlbench.graphs import Graph
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.mace import MACEConfig
from tlbench.models.backbones.packages import isolated_import

# The package lets torch.load unpickle anything, for constants of its e3nn, which is to be imported
# after it.
with isolated_import():
    warnings.simplefilter("ignore")
    from mace import modules  # isort: skip
    import e3nn  # isort: skip
    from e3nn import o3  # isort: skip
    from e3nn.util.codegen import CodeGenMixin  # isort: skip

N_ELEMENTS = MAX_ATOMIC_NUMBER + 1


class MACE(Backbone):
    """MACE (Batatia et al., NeurIPS 2022, arXiv 2206.07697).

    Blocks and initial weights are the package's; forces are ours. Products and residual
    connections depend on the element in every layer, so transfer copies more than an embedding.
    An element's weights are those of a model of that element alone: with a model of n elements
    the package divides embeddings and residual connections by √n, which is left out.
    """

    def __init__(self, config: MACEConfig) -> None:
        super().__init__(config)
        options = e3nn.get_optimization_defaults()
        # TorchScript is deprecated, and not faster here.
        e3nn.set_optimization_defaults(jit_script_fx=False)
        try:
            self.network = package_network(config, range(N_ELEMENTS))
        finally:
            e3nn.set_optimization_defaults(**options)
        _hold_weights_by_element(self.network)
        _save_only_weights(self.network)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        network = self.network
        vectors = graph.edge_vectors()
        elements = nn.functional.one_hot(graph.atomic_numbers, N_ELEMENTS).to(vectors.dtype)
        harmonics = network.spherical_harmonics(vectors)
        radial, envelope = network.radial_embedding(
            vectors.norm(dim=1, keepdim=True), elements, graph.edge_index, network.atomic_numbers
        )
        features = network.node_embedding(elements)
        energy = vectors.new_zeros((graph.n_atoms, 1))
        layers: Any = zip(network.interactions, network.products, network.readouts, strict=True)
        for interaction, product, readout in layers:
            sums, kept = interaction(
                node_attrs=elements,
                node_feats=features,
                edge_attrs=harmonics,
                edge_feats=radial,
                edge_index=graph.edge_index,
                cutoff=envelope,
            )
            features = product(node_feats=sums, sc=kept, node_attrs=elements)
            energy = energy + readout(features)
        return energy.squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        """Return embedding, self-connections and weights of products, and their element axis."""
        return {
            name: 0
            for name, _ in self.named_parameters()
            if name.endswith(".table") or ".symmetric_contractions." in name
        }

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        layers = {
            f"interaction {n}": (f"network.interactions.{n}.", f"network.products.{n}.")
            for n in range(len(self.network.interactions))
        }
        return {EMBEDDING: ("network.node_embedding.",), **layers, HEAD: ("network.readouts.",)}


def package_network(config: MACEConfig, elements: Sequence[int]) -> Any:
    """Return the package's own model for ``elements``, with energies of single atoms zero."""
    block = modules.RealAgnosticResidualInteractionBlock
    degrees = range(config.max_L + 1)
    return modules.MACE(
        r_max=config.cutoff,
        num_bessel=config.n_radial,
        num_polynomial_cutoff=config.envelope_exponent,
        max_ell=config.max_ell,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=config.n_layers,
        num_elements=len(elements),
        hidden_irreps=o3.Irreps([(config.channels, (n, (-1) ** n)) for n in degrees]),
        MLP_irreps=o3.Irreps([(config.readout_channels, (0, 1))]),
        atomic_energies=np.zeros(len(elements)),
        avg_num_neighbors=config.average_neighbours,
        atomic_numbers=list(elements),
        correlation=config.correlation,
        gate=nn.functional.silu,
        radial_MLP=[config.radial_channels] * 3,
    )


def _hold_weights_by_element(network: Any) -> None:
    """Replace what multiplies with one-hot vectors of elements by tables, weights unchanged."""
    network.node_embedding = ElementEmbedding(network.node_embedding.linear)
    for interaction in network.interactions:
        interaction.skip_tp = ElementLinear(interaction.skip_tp)


def _save_only_weights(network: Any) -> None:
    """Keep constants, which the configuration determines, out of the network's state."""
    for module in network.modules():
        # Copies of generated code would have them in their state all the same.
        if not isinstance(module, GraphModule):
            for name, constant in [*module.named_buffers(recurse=False)]:
                module.register_buffer(name, constant, persistent=False)
        if isinstance(module, CodeGenMixin):
            # Otherwise copying a network compiles its code with TorchScript.
            module.__codegen__ = []


class ElementEmbedding(nn.Module):
    """Features of an atom from its element: mace's ``LinearNodeEmbeddingBlock``.

    Parameters
    ----------
    linear
        The block's ``o3.Linear``, from one-hot vectors to features.
    """

    def __init__(self, linear: Any) -> None:
        super().__init__()
        n_elements = linear.irreps_in.dim
        self.table = nn.Parameter(linear.weight.detach().clone().view(n_elements, -1))

    def forward(self, elements: Tensor) -> Tensor:
        """Return features (n_atoms, channels) of one-hot vectors (n_atoms, n_elements)."""
        return elements @ self.table


class ElementLinear(nn.Module):
    """Linear maps of an atom's features that depend on its element: mace's ``skip_tp``.

    h'_kLm = Σ_k' W_zLkk' h_k'Lm / √channels, the residual connection of arXiv 2206.07697.

    Parameters
    ----------
    product
        An ``o3.FullyConnectedTensorProduct`` of features, the same number of each degree from 0
        up, with one-hot vectors. Degrees that only its output has are zero.
    """

    def __init__(self, product: Any) -> None:
        super().__init__()
        channels, n_elements = product.irreps_in1[0].mul, product.irreps_in2.dim
        flat = product.weight.detach().clone().view(-1, channels, n_elements, channels)
        self.table = nn.Parameter(flat.permute(2, 0, 1, 3).contiguous())
        self._width = product.irreps_out.dim

    def forward(self, features: Tensor, elements: Tensor) -> Tensor:
        """Return features (n_atoms, width) of features and one-hot vectors (n_atoms, n_elements).

        Channel by channel of one degree after the other, as in e3nn.
        """
        _, n_degrees, channels, _ = self.table.shape
        weights = (elements @ self.table.flatten(1)).view(-1, n_degrees, channels, channels)
        found = []
        for degree in range(n_degrees):
            own = features[:, channels * degree**2 : channels * (degree + 1) ** 2]
            own = own.reshape(-1, channels, 2 * degree + 1)
            found.append(torch.einsum("nud,nuw->nwd", own, weights[:, degree]).flatten(1))
        kept = torch.cat(found, dim=1) / math.sqrt(channels)
        return nn.functional.pad(kept, (0, self._width - kept.shape[1]))
