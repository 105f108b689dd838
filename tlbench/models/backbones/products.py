"""Tensor products of features with spherical harmonics, channel by channel."""

from collections.abc import Iterator
from itertools import groupby
from typing import cast

import torch
from e3nn import o3
from torch import Tensor, nn


class ChannelProducts(nn.Module):
    """An ``o3.TensorProduct`` whose every path multiplies channels by one filter each ("uvu").

    The numbers are those of e3nn's own product, up to rounding. That one takes features and weights
    apart by slices, each of which has a gradient as large as the whole; here a split has one
    gradient for all parts, and all paths of one degree of the features are one matrix product.

    Parameters
    ----------
    product : o3.TensorProduct
        With weights for each row, and filters of one channel.

    Raises
    ------
    ValueError
        If it is of another kind.
    """

    def __init__(self, product: o3.TensorProduct) -> None:
        super().__init__()
        filters = product.irreps_in2
        paths = product.instructions
        if any(
            path.connection_mode != "uvu"
            or not path.has_weight
            or product.shared_weights
            or filters[path.i_in2].mul != 1
            for path in paths
        ) or len({path.i_out for path in paths}) < len(paths):
            raise ValueError(f"{product} is not a product with one filter by channels.")
        self._features = [(part.mul, part.ir.dim) for part in product.irreps_in1]
        self._filter_dim = filters.dim
        # Outputs follow each other as the product's do, weights as its paths do.
        self._weights = [product.irreps_in1[path.i_in1].mul for path in paths]
        self._order = sorted(range(len(paths)), key=lambda n: cast(int, paths[n].i_out))
        by_feature = sorted(range(len(paths)), key=lambda n: cast(int, paths[n].i_in1))
        self._groups: list[tuple[int, list[int], list[int]]] = []
        for feature, members in groupby(by_feature, key=lambda n: cast(int, paths[n].i_in1)):
            group = list(members)
            widths = [product.irreps_out[paths[n].i_out].ir.dim for n in group]
            coupling = torch.cat([_coupling(product, n) for n in group], dim=1)
            self.register_buffer(f"coupling_{len(self._groups)}", coupling.flatten(1), False)
            self._groups.append((feature, group, widths))

    def forward(
        self, features: Tensor, filters: Tensor, weights: Tensor, edge_index: Tensor
    ) -> Tensor:
        """Return the sum over each atom's neighbours, shape (n_atoms, dimension of the output).

        Parameters
        ----------
        features : Tensor
            Of the atoms, shape (n_atoms, dimension of the first input).
        filters : Tensor
            Of the edges, shape (n_edges, dimension of the second input).
        weights : Tensor
            One number for each edge, path and channel, shape (n_edges, number of weights).
        edge_index : Tensor
            Centres and neighbours, shape (2, n_edges).
        """
        centres, neighbours = edge_index
        parts = features.split([mul * dim for mul, dim in self._features], dim=1)
        scales = weights.split(self._weights, dim=1)
        found: dict[int, Tensor] = {}
        for coupling, (feature, group, widths) in zip(self._couplings(), self._groups, strict=True):
            channels, dim = self._features[feature]
            matrix = (filters @ coupling).view(-1, sum(widths), dim)
            # Channels lie next to each other, so that what multiplies them is vectorised.
            by_channel = parts[feature].view(-1, channels, dim).transpose(1, 2).contiguous()
            products = matrix @ by_channel[neighbours]
            for path, product in zip(group, products.split(widths, dim=1), strict=True):
                messages = product * scales[path].unsqueeze(1)
                index = centres.view(-1, 1, 1).expand_as(messages)
                atoms = messages.new_zeros(len(features), *messages.shape[1:])
                found[path] = atoms.scatter_add(0, index, messages).transpose(1, 2).flatten(1)
        return torch.cat([found[path] for path in self._order], dim=1)

    def _couplings(self) -> Iterator[Tensor]:
        for number in range(len(self._groups)):
            yield cast(Tensor, getattr(self, f"coupling_{number}"))


def _coupling(product: o3.TensorProduct, number: int) -> Tensor:
    """Return what a path makes of a filter, shape (filters, out, in): Wigner's 3j symbols."""
    path = product.instructions[number]
    feature, out = product.irreps_in1[path.i_in1].ir, product.irreps_out[path.i_out].ir
    one = product.irreps_in2[path.i_in2].ir
    coupling = torch.zeros(product.irreps_in2.dim, out.dim, feature.dim)
    symbols = o3.wigner_3j(feature.l, one.l, out.l).permute(1, 2, 0)
    coupling[product.irreps_in2.slices()[path.i_in2]] = path.path_weight * symbols
    return coupling
