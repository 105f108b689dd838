"""The table of speeds is the one that was saved, and its peers compute what ours does."""

import false_alarms
import pytest
import torch
from package_steps import PACKAGE_STEPS
from results import BEGIN, END, README, Row, load, render
from steps import update_of
from structures import liquid

from tlbench.graphs import graph_of
from tlbench.models.potential import build_potential


def test_the_table_is_that_of_the_saved_results():
    text = README.read_text()
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert table.strip() == render(*load()).strip()


def test_the_saved_results_are_of_committed_code():
    rows, about = load()
    assert about["git_dirty"] is False
    assert len(rows) > 30


@pytest.mark.parametrize(
    ("row", "reached", "verdict"),
    [
        (Row("a", 10.0, "ms", "peer", 31.0, 3.0), True, "reached"),
        (Row("a", 10.0, "ms", "peer", 29.0, 3.0), False, "**missed**"),
        (Row("a", 1.9, "%", target=2.0), True, "reached"),
        (Row("a", 2.1, "%", target=2.0), False, "**missed**"),
        (Row("a", 2.1, "%"), None, ""),
    ],
)
def test_each_row_says_whether_its_target_is_reached(row, reached, verdict):
    assert row.reached is reached
    line = render([row], load()[1]).splitlines()[-1]
    assert line.split(" | ")[-1] == f"{verdict} |"


SMALL = {
    "equivariant": {"channels": 8, "radial_channels": 8},
    "nequip": {"n_features": 8, "radial_channels": 8},
    "sevennet": {"channels": (8, 4, 2), "n_layers": 3, "radial_channels": 8},
    "visnet": {"hidden_channels": 16, "n_heads": 4, "n_layers": 2},
}


def small_potential(name, dtype=torch.float64):
    torch.manual_seed(0)
    return build_potential(name, {"cutoff": 4.0, **SMALL[name]}, dtype)


@pytest.mark.parametrize("name", ["equivariant", "nequip"])
def test_the_packages_step_is_ours_by_other_means(name):
    ours, frames = small_potential(name), liquid(n_atoms=12)
    network, update = PACKAGE_STEPS[name][0](ours, frames)
    loss = ours(graph_of(frames, 4.0), training=True).forces.square().mean()
    loss.backward()
    torch.testing.assert_close(update(), loss.detach(), rtol=1e-10, atol=0)
    pairs = list(zip(ours.backbone.parameters(), network.parameters(), strict=True))
    found = [(one.grad, other.grad) for one, other in pairs if one.grad is not None]
    assert len(found) > len(pairs) / 2
    largest = max(float(one.abs().max()) for one, _ in found)
    for one, other in found:
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9 * largest)
    # The update has moved the package's weights.
    assert any(not torch.equal(one, other) for one, other in pairs)


def test_the_step_of_sevenn_is_ours_by_other_means():
    # In single precision, which some of the package's layers do not leave.
    ours, frames = small_potential("sevennet", torch.float32), liquid(n_atoms=12)
    network, update = PACKAGE_STEPS["sevennet"][0](ours, frames)
    loss = ours(graph_of(frames, 4.0, dtype=torch.float32), training=True).forces.square().mean()
    loss.backward()
    torch.testing.assert_close(update(), loss.detach(), rtol=1e-5, atol=0)
    theirs = dict(network.named_parameters())
    found = {
        name: parameter.grad
        for name, parameter in ours.backbone.network.named_parameters()
        if parameter.grad is not None
    }
    largest = max(float(gradient.abs().max()) for gradient in found.values())
    for name, gradient in found.items():
        torch.testing.assert_close(theirs[name].grad, gradient, rtol=0, atol=1e-5 * largest)


def test_torch_geometrics_visnet_has_our_features_on_periodic_edges():
    ours, frames = small_potential("visnet"), liquid(n_atoms=12)
    network, update = PACKAGE_STEPS["visnet"][0](ours, frames)
    seen = {}
    ours.backbone.norm.register_forward_hook(lambda module, given, found: seen.update(a=given[0]))
    norm = network.representation_model.out_norm
    norm.register_forward_hook(lambda module, given, found: seen.update(b=given[0]))
    ours(graph_of(frames, 4.0))
    first, second = float(update()), float(update())
    torch.testing.assert_close(seen["b"], seen["a"], rtol=0, atol=1e-3)
    assert 0 < second < first


@pytest.mark.parametrize("name", PACKAGE_STEPS)
def test_the_packages_step_and_ours_have_the_same_adam(monkeypatch, name):
    asked, adam = [], torch.optim.Adam

    def recorded(parameters, **settings):
        asked.append(settings)
        return adam(parameters, **settings)

    monkeypatch.setattr(torch.optim, "Adam", recorded)
    ours, frames = small_potential(name), liquid(n_atoms=12)
    PACKAGE_STEPS[name][0](ours, frames)
    update_of(ours, graph_of(frames, 4.0))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(("temperature_k", "is_judged"), [(300, True), (3300, False)])
def test_the_table_of_false_alarms_can_be_made(temperature_k, is_judged, monkeypatch):
    monkeypatch.setattr(false_alarms, "TIME_PS", 1.2)
    monkeypatch.setattr(false_alarms, "REPLICAS", 2)
    cells = false_alarms.line("Si", temperature_k)
    assert cells[:3] == ["Si", f"{temperature_k}", "0 of 2"]
    # By structure, where trajectories of the data set are crystals.
    assert (cells[-1] != "–") is is_judged
