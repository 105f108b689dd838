"""Products of features with spherical harmonics, against e3nn's own."""

import pytest
import torch
from e3nn import o3

from tlbench.models.backbones.products import ChannelProducts

FEATURES = o3.Irreps("6x0e+4x1e+3x2e")
FILTERS = o3.Irreps("1x0e+1x1e+1x2e")


def product(mode="uvu", filters=FILTERS, shared_weights=False):
    paths = []
    for i, (channels, one) in enumerate(FEATURES):
        for j, (_, other) in enumerate(filters):
            paths += [(i, j, channels, ir) for ir in one * other if ir.l <= 2]
    paths.sort(key=lambda path: path[3])
    return o3.TensorProduct(
        FEATURES,
        filters,
        o3.Irreps([(channels, ir) for _, _, channels, ir in paths]),
        [(i, j, out, mode, True) for out, (i, j, _, _) in enumerate(paths)],
        shared_weights=shared_weights,
        internal_weights=False,
    )


@pytest.fixture
def edges():
    torch.manual_seed(0)
    n_atoms, n_edges = 5, 21
    e3nn_product = product()
    given = [
        torch.randn(n, width, dtype=torch.double, requires_grad=True)
        for n, width in [
            (n_atoms, FEATURES.dim),
            (n_edges, FILTERS.dim),
            (n_edges, e3nn_product.weight_numel),
        ]
    ]
    return e3nn_product.double(), given, torch.randint(n_atoms, (2, n_edges))


def test_sums_of_messages_are_those_of_e3nn(edges):
    e3nn_product, (features, filters, weights), edge_index = edges
    centres, neighbours = edge_index
    messages = e3nn_product(features[neighbours], filters, weights)
    expected = torch.zeros(len(features), messages.shape[1], dtype=torch.double)
    expected = expected.index_add(0, centres, messages)
    ours = ChannelProducts(e3nn_product).double()(features, filters, weights, edge_index)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)


def test_derivatives_of_both_orders(edges):
    e3nn_product, given, edge_index = edges
    ours = ChannelProducts(e3nn_product).double()

    def messages(*tensors):
        return ours(*tensors, edge_index)

    assert torch.autograd.gradcheck(messages, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(messages, given, fast_mode=True)


def test_rotated_vectors_give_rotated_sums(edges):
    e3nn_product, (features, _, weights), edge_index = edges
    ours = ChannelProducts(e3nn_product).double()
    rotation = o3.rand_matrix(dtype=torch.double)
    vectors = torch.randn(len(weights), 3, dtype=torch.double)

    def messages(features, vectors):
        filters = o3.spherical_harmonics(FILTERS, vectors, normalize=True)
        return ours(features, filters, weights, edge_index)

    turned = messages(
        features @ FEATURES.D_from_matrix(rotation).T,
        vectors @ rotation.T,
    )
    straight = messages(features, vectors) @ e3nn_product.irreps_out.D_from_matrix(rotation).T
    torch.testing.assert_close(turned, straight, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        product(shared_weights=True),
        product("uvuv"),
        o3.FullyConnectedTensorProduct("2x0e", "1x0e", "2x0e"),
    ],
)
def test_another_kind_of_product_is_refused(other):
    with pytest.raises(ValueError, match="one filter by channels"):
        ChannelProducts(other)
