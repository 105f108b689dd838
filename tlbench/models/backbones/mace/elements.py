"""Element-dependent weights as tables with an element axis.

e3nn keeps the weights of a product in one flat vector, where no axis counts elements. These
modules take the place of products with one-hot vectors, with the weights that those drew. What
e3nn divides by the root of the number of elements, as if all entries of a one-hot vector were of
size 1, is not divided: with all elements it would be 11 times smaller than with one.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn


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
