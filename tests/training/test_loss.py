"""The loss is the weighted sum of the mean squares that its weights name."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.models.potential import Potential, Prediction
from tlbench.training.config import LossWeights
from tlbench.training.labels import Batch
from tlbench.training.loss import check_labels, fit_reference_energy, loss_of


@pytest.fixture
def found() -> Prediction:
    return Prediction(
        energy=torch.tensor([-10.0, -20.0], dtype=torch.float64),
        forces=torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, -3.0]]),
        stress=torch.diag_embed(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])),
    )


@pytest.fixture
def batch() -> Batch:
    return Batch(
        graph=None,  # the loss does not look at it
        energy=torch.tensor([-10.5, -22.0], dtype=torch.float64),
        forces=torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        stress=torch.diag_embed(torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])),
        n_atoms=torch.tensor([1, 2]),
    )


FORCES = (1.0**2 + 4.0**2) / 9
ENERGY = (0.5**2 + (2.0 / 2) ** 2) / 2
STRESS = (3.0**2 + 3.0**2) / 18


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, FORCES),
        ({"forces": 2.0}, 2 * FORCES),
        ({"forces": 0.0, "energy": 1.0}, ENERGY),
        ({"forces": 0.0, "stress": 1.0}, STRESS),
        ({"forces": 0.5, "energy": 3.0, "stress": 0.1}, FORCES / 2 + 3 * ENERGY + 0.1 * STRESS),
    ],
    ids=["default", "forces", "energy", "stress", "all"],
)
def test_values_by_hand(found, batch, weights, expected):
    assert float(loss_of(found, batch, LossWeights(**weights))) == pytest.approx(expected)


def test_what_has_no_weight_may_be_missing(found, batch):
    nothing = replace(batch, energy=batch.energy * torch.nan, stress=batch.stress * torch.nan)
    assert float(loss_of(found, nothing, LossWeights())) == pytest.approx(FORCES)


def test_the_loss_has_the_precision_of_the_forces(found, batch):
    assert loss_of(found, batch, LossWeights(energy=1.0)).dtype == torch.float32


def test_some_weight_should_be_positive():
    with pytest.raises(ValidationError, match="at least one loss weight"):
        LossWeights(forces=0.0)


@pytest.mark.parametrize("part", ["energy", "forces", "stress"])
def test_a_negative_weight_is_refused(part):
    with pytest.raises(ValidationError, match=part):
        LossWeights(**{part: -1.0})


@pytest.mark.parametrize("part", ["energy", "forces", "stress"])
def test_a_missing_label_is_refused_where_it_has_weight(part):
    frames = tiny.crystals("Si", 3)
    values = getattr(frames, part).copy()
    values[1] = np.nan
    data = tiny.labelled(replace(frames, **{part: values}), tiny.potential())
    others = {name: float(name != part) for name in ("energy", "forces", "stress")}

    check_labels(data, LossWeights(**others))
    with pytest.raises(InputError, match=f"have no {part}; set its weight to 0"):
        check_labels(data, LossWeights(**others | {part: 1e-6}))


SI, GE, C = 14, 32, 6


def network_energy(potential: Potential, frames: Frames) -> np.ndarray:
    """Return the energy of each structure without any reference energy."""
    data = tiny.labelled(frames, potential)
    with torch.no_grad():
        atoms = potential.backbone(data.graphs.batch(range(len(frames)))).double()
    return np.add.reduceat(atoms.numpy(), frames.atom_start)


def alloys(n_frames: int) -> Frames:
    """Return crystals in which 0 to 7 of the 8 atoms are germanium."""
    frames = tiny.crystals("Si", n_frames)
    elements = frames.atomic_numbers.reshape(n_frames, 8).copy()
    for number, row in enumerate(elements):
        row[: number % 8] = GE
    return replace(frames, atomic_numbers=elements.ravel())


# More atoms than fit one batch, so that energies of several batches have to be put together.
@pytest.mark.parametrize("n_frames", [1, 40])
def test_one_constant_is_recovered(n_frames):
    potential = tiny.potential()
    frames = tiny.crystals("Si", n_frames)
    network = network_energy(potential, frames)
    data = tiny.labelled(replace(frames, energy=network - 4.25 * 8), potential)

    fit_reference_energy(potential, data)

    assert float(potential.reference_energy[SI]) == pytest.approx(-4.25, abs=1e-6)
    others = torch.arange(len(potential.reference_energy)) != SI
    assert potential.reference_energy[others].isnan().all()


def test_a_mean_shift_gives_every_element_the_same_constant():
    potential = tiny.potential()
    frames = alloys(12)
    error_per_atom = (frames.energy - network_energy(potential, frames)) / 8

    fit_reference_energy(potential, tiny.labelled(frames, potential), "mean-shift")

    expected = float(error_per_atom.mean())
    assert float(potential.reference_energy[SI]) == pytest.approx(expected, abs=1e-6)
    assert potential.reference_energy[SI] == potential.reference_energy[GE]


@pytest.mark.parametrize("policy", ["mean-shift", "least-squares"])
@pytest.mark.parametrize("backbone", tiny.BACKBONES)
def test_for_one_element_it_is_the_mean_error_per_atom(backbone, policy):
    potential = tiny.potential(backbone)
    small, large = tiny.crystals("Si", 5), tiny.crystals("Si", 2, seed=1).to_ase()
    supercells = Frames.unlabelled([atoms.repeat((2, 1, 1)) for atoms in large])
    frames = Frames.concatenate([small, replace(supercells, energy=np.array([-130.0, -140.0]))])
    error_per_atom = (frames.energy - network_energy(potential, frames)) / frames.n_atoms

    fit_reference_energy(potential, tiny.labelled(frames, potential), policy)

    # The mean over structures, large or small.
    expected = float(error_per_atom.mean())
    assert float(potential.reference_energy[SI]) == pytest.approx(expected, abs=1e-6)


def test_two_constants_are_recovered_where_the_composition_varies():
    potential = tiny.potential()
    frames = alloys(12)
    germanium = (frames.atomic_numbers.reshape(-1, 8) == GE).sum(axis=1)
    energy = network_energy(potential, frames) - 4.25 * (8 - germanium) + 1.5 * germanium
    data = tiny.labelled(replace(frames, energy=energy), potential)

    fit_reference_energy(potential, data, "least-squares")

    assert float(potential.reference_energy[SI]) == pytest.approx(-4.25, abs=1e-5)
    assert float(potential.reference_energy[GE]) == pytest.approx(1.5, abs=1e-5)
    assert int(potential.reference_energy.isfinite().sum()) == 2
    found = potential(data.batch(torch.arange(12)).graph).energy.numpy()
    np.testing.assert_allclose(found, energy, atol=1e-4)


def test_constants_that_one_composition_leaves_open_move_alike():
    """From those that the source model has of the elements."""
    potential = tiny.potential()
    potential.reference_energy[SI], potential.reference_energy[GE] = -10.0, -13.0
    frames = alloys(5).select(np.array([4, 4]))
    energy = network_energy(potential, frames) - 11.0 * 8

    fit_reference_energy(
        potential, tiny.labelled(replace(frames, energy=energy), potential), "least-squares"
    )

    assert float(potential.reference_energy[SI]) == pytest.approx(-9.5, abs=1e-5)
    assert float(potential.reference_energy[GE]) == pytest.approx(-12.5, abs=1e-5)


def test_an_earlier_fit_of_the_same_element_does_not_matter():
    potential, again = tiny.potential(), tiny.potential()
    data = tiny.labelled(tiny.crystals("Si", 4), potential)
    again.reference_energy[SI] = 1000.0

    fit_reference_energy(potential, data)
    fit_reference_energy(again, data)

    assert torch.equal(potential.reference_energy[SI], again.reference_energy[SI])


def test_elements_that_do_not_occur_keep_theirs():
    potential = tiny.potential()
    potential.reference_energy[C] = -9.0
    fit_reference_energy(potential, tiny.labelled(tiny.crystals("Si", 2), potential))
    assert float(potential.reference_energy[C]) == -9.0
    assert potential.reference_energy[GE].isnan()
