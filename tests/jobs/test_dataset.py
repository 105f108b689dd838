"""Data sets are reproducible to the byte, in independent parts of decorrelated frames."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlbench.base.units import BOLTZMANN
from tlbench.data.cards import Card, load_card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.graphs import graph_of
from tlbench.jobs.context import Context, Progress
from tlbench.jobs.dataset import KIND
from tlbench.reference.stillinger_weber import StillingerWeber

TINY = {
    "repeats": [1, 1, 1],
    "temperatures_k": [600, 1800],
    "melt": None,
    "equilibration_fs": 20,
    "interval_fs": 10,
    "train": {"trajectories": 2, "frames": 3},
    "validation": {"trajectories": 1, "frames": 2},
    "test": {"trajectories": 1, "frames": 4},
}


def tiny_card(**changes: Any) -> Card:
    return load_card("sw-ge", TINY | changes)


def make(card: Card, folder: Path) -> tuple[dict[str, Any], dict[str, Frames], list[Progress]]:
    folder.mkdir(exist_ok=True)
    reported: list[Progress] = []
    result = KIND.perform(card.recipe(), Context(folder, {}, "cpu", reported.append))
    return result, {split: Frames.load(folder / f"{split}.npz") for split in SPLITS}, reported


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dataset")


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[dict[str, Any], dict[str, Frames], list[Progress]]:
    return make(tiny_card(), folder)


def test_the_parts_have_the_sizes_that_the_card_says(made, folder):
    result, parts, _ = made
    card = tiny_card()
    expected = {"train": 12, "validation": 4, "test": 8}
    assert {split: card.n_frames(split) for split in SPLITS} == expected
    assert {split: len(frames) for split, frames in parts.items()} == expected
    assert result == {
        "n_frames": expected,
        "n_atoms": {split: 8 * n for split, n in expected.items()},
    }
    assert {path.name for path in folder.iterdir()} == {f"{split}.npz" for split in SPLITS}


def test_every_temperature_has_its_share(made):
    _, parts, _ = made
    for frames in parts.values():
        temperatures, counts = np.unique(frames.temperature_k, return_counts=True)
        assert temperatures.tolist() == [600, 1800]
        assert counts[0] == counts[1]


def test_the_parts_come_from_different_trajectories(made):
    _, parts, _ = made
    trajectories = {split: set(frames.trajectory.tolist()) for split, frames in parts.items()}
    assert {split: len(found) for split, found in trajectories.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert len(set.union(*trajectories.values())) == 8
    # Different numbers, and really different: no coordinate occurs twice.
    everything = np.concatenate([frames.positions.ravel() for frames in parts.values()])
    assert len(np.unique(everything)) == everything.size


def test_frames_of_a_part_are_the_first_of_its_trajectories(made, tmp_path):
    """The longest part decides how long everything runs, not which frames the others keep."""
    _, parts, _ = made
    shorter = tiny_card(test={"trajectories": 1, "frames": 1})
    _, again, _ = make(shorter, tmp_path)
    for split in ("train", "validation"):
        assert np.array_equal(parts[split].positions, again[split].positions)
    assert np.array_equal(again["test"].positions[:8], parts["test"].positions[:8])


def test_the_labels_are_those_of_stillinger_and_weber(made):
    _, parts, _ = made
    potential = StillingerWeber("Ge")
    for frames in parts.values():
        labels = potential(graph_of(frames, potential.cutoff))
        np.testing.assert_allclose(frames.energy, labels.energy.numpy(), atol=1e-10)
        np.testing.assert_allclose(frames.forces, labels.forces.numpy(), atol=1e-10)
        np.testing.assert_allclose(frames.stress, labels.stress.numpy(), atol=1e-9)
        assert frames.elements() == [32]
        assert np.unique(np.linalg.det(frames.cell)) == pytest.approx([5.653621**3])


def test_the_same_seed_gives_the_same_bytes(made, folder, tmp_path):
    make(tiny_card(), tmp_path)
    for split in SPLITS:
        name = f"{split}.npz"
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_another_seed_gives_other_frames(made, tmp_path):
    _, parts, _ = made
    _, others, _ = make(tiny_card(seed=1), tmp_path)
    for split in SPLITS:
        assert not np.isclose(parts[split].positions, others[split].positions, atol=1e-6).any()


def test_every_step_is_reported(made):
    _, _, reported = made
    # (20 fs + 4 · 10 fs) in steps of 2 fs.
    assert reported == [Progress(step, 30) for step in range(1, 31)]


def correlation(values: np.ndarray) -> float:
    """Return the correlation of (trajectories, frames, ...) between one frame and the next.

    Means and widths are those of all trajectories together, so that a trajectory that is stuck
    somewhere counts as correlated.
    """
    deviation = values - values.mean(axis=(0, 1))
    return float((deviation[:, 1:] * deviation[:, :-1]).mean() / np.square(deviation).mean())


def test_only_the_hot_trajectories_are_melted(tmp_path):
    melt = {"from_k": 1200, "at_k": 9000, "for_fs": 100}
    card = load_card("sw-si", TINY | {"temperatures_k": [300, 1200], "melt": melt})
    cold = make(card, tmp_path / "melted")[1]["train"]
    assert set(zip(cold.temperature_k, cold.phase, strict=True)) == {
        (300.0, "crystal"), (1200.0, "liquid"),
    }  # fmt: skip
    shift = np.abs(cold.forces).reshape(2, 6, 8, 3).mean(axis=(1, 2, 3))
    card = load_card("sw-si", TINY | {"temperatures_k": [300, 1200]})
    never = make(card, tmp_path / "never")[1]["train"]
    assert shift[1] > 1.5 * np.abs(never.forces).reshape(2, 6, 8, 3).mean(axis=(1, 2, 3))[1]
    # 60 fs after 100 fs at 9000 K the other trajectory is as cold as it always was.
    assert shift[0] < 0.5 * shift[1]


@pytest.mark.slow
def test_shipped_silicon_is_equilibrated_on_both_sides_of_melting(tmp_path):
    shipped = load_card("sw-si").origin
    card = load_card(
        "sw-si",
        {
            "temperatures_k": [2100, 2400],
            "train": {"trajectories": 2, "frames": 20},
            "validation": {"trajectories": 1, "frames": 1},
            "test": {"trajectories": 1, "frames": 1},
        },
    )
    assert shipped.melt.from_k == 2400
    frames = make(card, tmp_path)[1]["train"]
    energy = (frames.energy / frames.n_atoms).reshape(2, 2, 20)
    error = energy.std(axis=(1, 2)) / math.sqrt(20)
    drift = energy[:, :, 10:].mean(axis=(1, 2)) - energy[:, :, :10].mean(axis=(1, 2))
    # Each half has 20 frames; the difference of two means is √2 wider, of which 4.
    assert (np.abs(drift) < 4 * math.sqrt(2) * error).all()
    # 2ε below zero, 3/2 kT of vibration: what is above that is the heat of melting (about
    # 0.3 eV/atom for this potential, Broughton & Li, Phys. Rev. B 35, 9120 (1987)).
    harmonic = -2 * 2.1683 + 1.5 * BOLTZMANN * np.array([2100, 2400])
    excess = energy.mean(axis=(1, 2)) - harmonic
    assert excess[0] < 0.06
    assert 0.15 < excess[1] < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sw-si", "sw-ge"])
def test_successive_frames_of_the_shipped_cards_are_decorrelated(name, tmp_path):
    """With the interval and the friction of the card, on the smallest cell."""
    shipped = load_card(name).origin
    n_trajectories, n_frames = 12, 13
    card = load_card(
        name,
        {
            "repeats": [1, 1, 1],
            "temperatures_k": [900],
            "equilibration_fs": 600,
            "train": {"trajectories": n_trajectories, "frames": n_frames},
            "validation": {"trajectories": 1, "frames": 1},
            "test": {"trajectories": 1, "frames": 1},
        },
    )
    frames = make(card, tmp_path)[1]["train"]

    energy = frames.energy.reshape(n_trajectories, n_frames)
    forces = frames.forces.reshape(n_trajectories, n_frames, -1)
    # 144 pairs of energies: 1/√144 = 0.08, of which 4.
    assert abs(correlation(energy)) < 0.33
    # 21 independent components: 0.02, of which 4; a phonon of frequency ω leaves
    # e^(−γt/2) cos ωt = 0.14 cos ωt, most of which cancels.
    assert abs(correlation(forces)) < 0.1
    # Frames 10 fs apart show that the measure would notice.
    assert shipped.interval_fs == 400
    short = card.model_copy(update={"origin": card.origin.model_copy(update={"interval_fs": 10.0})})
    forces = make(short, tmp_path)[1]["train"].forces
    assert correlation(forces.reshape(n_trajectories, n_frames, -1)) > 0.4
