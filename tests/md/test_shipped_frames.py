"""Frames that are shipped are those of their recipe, and the same data on every machine."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from inline import inline

from tlbench.base.errors import InputError
from tlbench.board.collecting import Collector
from tlbench.data.cards import card_folder, load_card, shared_data
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import Store
from tlbench.graphs import graph_of
from tlbench.jobs import dataset
from tlbench.jobs.amount import Facts
from tlbench.kernels.library import SWITCH
from tlbench.md.shipped_frames import read_frames, write_frames
from tlbench.reference import stillinger_weber as reference
from tlbench.reference.stillinger_weber import StillingerWeber
from tlbench.run import load_dataset
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

CARDS = ["sw-si-8", "sw-ge-8", "sw-si-64", "sw-ge-64"]
MOST_BYTES = 2_000_000
"""Of all files together."""


@pytest.fixture(scope="module", params=CARDS)
def held(request):
    """Return a card, and the structures that are shipped for it."""
    card = load_card(request.param)
    return card, read_frames(card_folder() / card.origin.frames.file)


def test_a_file_holds_what_the_recipe_makes(held):
    card, parts = held
    for split in SPLITS:
        described = card.origin.described(split)
        frames = parts[split]
        assert [d.temperature_k for d in described] == frames.temperature_k.tolist()
        assert [d.n_atoms for d in described] == frames.n_atoms.tolist()
        assert [d.phase for d in described] == frames.phase.tolist()
        assert frames.elements() == [{"Si": 14, "Ge": 32}[card.elements[0]]]
        edges = card.origin.lattice_constant * np.array(card.origin.repeats)
        assert np.abs(frames.cell - np.diag(edges)).max() < 1e-12
    trajectories = [set(parts[split].trajectory.tolist()) for split in SPLITS]
    assert len(set.union(*trajectories)) == sum(map(len, trajectories))


def test_no_atoms_of_the_shipped_frames_are_too_near(held):
    """Each frame is warm: its energy lies above that of the crystal by 3/2 kT at least a third."""
    card, _ = held
    for frames in card.read({}).values():
        per_atom = frames.energy / frames.n_atoms
        epsilon = reference.PARAMETERS[card.elements[0]].epsilon
        thermal = 1.5 * 8.617e-5 * frames.temperature_k
        excess = (per_atom + 2 * epsilon) / thermal
        assert excess.min() > 0.3
        # Melting silicon takes about 0.3 eV/atom.
        assert excess[frames.phase == "crystal"].max() < 3
        assert np.isfinite(frames.forces).all()


def test_all_files_together_are_small():
    sizes = [path.stat().st_size for path in card_folder().glob("*.npz")]
    assert len(sizes) == len(CARDS)
    assert sum(sizes) < MOST_BYTES


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("name", ["sw-si-8", "sw-ge-8"])
def test_a_short_piece_of_the_recipe_gives_the_shipped_frames(name, kernels, monkeypatch):
    """Cold crystals under the same noise forget differences of rounding, on any processor."""
    monkeypatch.setenv(SWITCH, kernels)
    few = {"trajectories": 1, "frames": 2}
    piece = {"temperatures_k": [300], "train": few, "validation": few, "test": few}
    shipped = load_card(name, piece).read({})
    sampled = load_card(name, {**piece, "frames": None}).read({})
    for split in SPLITS:
        assert np.abs(shipped[split].positions - sampled[split].positions).max() < 6e-7
        assert np.abs(shipped[split].forces - sampled[split].forces).max() < 2e-5


def test_reading_is_less_work_than_sampling_and_is_counted_apart():
    amounts = [
        dataset.amount(
            dataset.Config.model_validate(load_card("sw-si-8", c).recipe()), Facts({}, {})
        )
        for c in ({}, {"frames": None})
    ]
    assert amounts[0].number == 160 + 16 + 40
    assert len({amount.rate for amount in amounts}) == 2


def test_there_is_nothing_to_fetch(command):
    found = command("data", "fetch", "sw-si-8")
    assert found.returncode == 0
    assert found.stdout == "sw-si-8 comes with tlbench; there is nothing to fetch.\n"


def test_labels_are_those_of_the_rounded_positions():
    frames = load_card("sw-si-8").read({})["test"]
    potential = StillingerWeber("Si")
    for index in (0, len(frames) - 1):
        one = frames.select([index])
        labels = potential(graph_of(one, potential.cutoff))
        assert one.energy == pytest.approx(labels.energy.numpy(), abs=1e-10)
        assert one.forces == pytest.approx(labels.forces.numpy(), abs=1e-10)
        assert one.stress == pytest.approx(labels.stress.numpy(), abs=1e-9)
    steps = frames.positions * 1e6
    assert np.abs(steps - np.rint(steps)).max() < 1e-8


def test_fewer_frames_are_the_first_of_each_trajectory():
    whole = load_card("sw-ge-8").read({})["train"]
    fewer = load_card(
        "sw-ge-8", {"temperatures_k": [600, 1800], "train": {"trajectories": 1, "frames": 3}}
    ).read({})["train"]
    for temperature, index in ((600.0, 0), (1800.0, 3)):
        first = np.flatnonzero(whole.temperature_k == temperature)[:3]
        expected = whole.select(first).positions
        assert np.array_equal(fewer.select(range(index, index + 3)).positions, expected)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 7}, "seed"),
        ({"repeats": [2, 2, 2]}, "repeats"),
        ({"interval_fs": 100}, "interval_fs"),
        ({"temperatures_k": [300, 700]}, "temperatures_k"),
        ({"train": {"trajectories": 2, "frames": 11}}, "train"),
        ({"test": {"trajectories": 2, "frames": 1}}, "test"),
        ({"frames": {"file": "sw-ge-8.npz", "sha256": "0" * 64}}, "frames"),
    ],
)
def test_what_is_not_shipped_is_refused_unless_it_is_to_be_sampled(change, key):
    with pytest.raises(InputError, match=rf"'sw-si-8': {key} asks for other .*frames: null"):
        load_card("sw-si-8", change)
    if key != "frames":
        assert load_card("sw-si-8", {**change, "frames": None}).origin.frames is None


def test_only_a_plain_file_beside_the_cards_can_be_named():
    with pytest.raises(InputError, match=r"frames\.file"):
        load_card("sw-si", {"frames": {"file": "../sw-si-8.npz", "sha256": "0" * 64}})


def test_an_altered_file_is_refused(tmp_path, monkeypatch):
    shutil.copy(card_folder() / "sw-ge-8.npz", tmp_path / "sw-si-8.npz")
    card = load_card("sw-si-8")
    monkeypatch.setattr("tlbench.data.shipped.card_folder", lambda: tmp_path)
    with pytest.raises(InputError, match=r"sw-si-8\.npz: has the SHA-256 e003"):
        card.read({})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and more", b"not an archive"])
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    path = tmp_path / "frames.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not hold structures of tlbench"):
        read_frames(path)


def test_what_is_written_is_read_to_a_millionth_of_an_angstrom(tmp_path):
    parts = load_card("sw-si-8").read({})
    moved = {k: replace(f, positions=f.positions + 1.234567891e-3) for k, f in parts.items()}
    write_frames(tmp_path / "a.npz", moved)
    for split, frames in read_frames(tmp_path / "a.npz").items():
        assert np.abs(frames.positions - moved[split].positions).max() <= 5.1e-7
        assert np.isnan(frames.stress).all()
        assert np.array_equal(frames.cell, moved[split].cell)


# --- the same data everywhere ----------------------------------------------------------------


@pytest.mark.parametrize("suite", ["smoke", "quick"])
def test_runs_with_other_kernels_share_their_data(suite, tmp_path, monkeypatch):
    monkeypatch.setattr("tlbench.engine.run.runner.local", lambda workers: inline())
    data = {}
    for kernels in ("on", "off"):
        monkeypatch.setenv(SWITCH, kernels)
        for card in resolve(load_suite(suite)).cards:
            store = tmp_path / kernels
            load_dataset(card, store)
            found = Collector(Store(store)).data_set(card, {})
            data.setdefault(card.name, []).append((found.recipe, found.content))
    assert len(data) == 2
    assert all(first == second for first, second in data.values())
    assert len({content for [(_, content), _] in data.values()}) == 2


def disturbed(parts: dict[str, Frames], name: str, by: float) -> dict[str, Frames]:
    """Return parts of which one array is moved by a little."""
    return {k: replace(f, **{name: getattr(f, name) + by}) for k, f in parts.items()}


def test_digits_that_processors_differ_in_do_not_count_but_structures_do():
    card = load_card("sw-si-8")
    parts = card.read({})
    content = card.content(parts)
    for name in ("energy", "forces", "stress"):
        assert card.content(disturbed(parts, name, 1e-13)) == content
    assert card.content(disturbed(parts, "positions", 1e-6)) != content
    # Where structures are sampled, all that follows from them counts.
    sampled = load_card("sw-si")
    assert sampled.content(disturbed(parts, "energy", 1e-13)) != sampled.content(parts)


def test_another_potential_is_other_data(monkeypatch):
    card = load_card("sw-si-8")
    parts = card.read({})
    content = card.content(parts)
    other = replace(reference.PARAMETERS["Si"], lambda_=21.5)
    monkeypatch.setitem(reference.PARAMETERS, "Si", other)
    assert card.content(parts) != content


def test_shipped_and_sampled_trajectories_of_one_recipe_are_the_same_data():
    assert "trajectories of seed 101" in (
        shared_data(load_card("sw-si"), load_card("sw-si-64")) or ""
    )
    assert shared_data(load_card("sw-si-8"), load_card("sw-si-64")) is None


@pytest.mark.parametrize(
    ("name", "recipe"), [("sw-si", "ef4ac8e1f0beb60a"), ("sw-ge", "1c6cf11f070e6ab6")]
)
def test_cards_that_sample_have_the_recipe_of_published_results(name, recipe):
    assert load_card(name).digest().startswith(recipe)
