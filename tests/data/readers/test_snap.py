"""The files of snap, which the mlearn reader takes too: units, signs, temperatures, and cards."""

import json
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from real_data import MLEARN, SNAP, mirror_of, needs_mlearn, needs_snap

from tlbench.base.errors import InputError
from tlbench.data.cards import card_names, load_card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.inspection.copies import copies_among, shapes_of
from tlbench.data.readers import READERS

READER = READERS.get("mlearn")
OPTIONS = READER.options.model_validate({"bragg_peak": [3, 3, 0]})
EV_PER_KILOBAR_ANGSTROM3 = 0.1 / 160.2176634
ELEMENTS = ["Nb", "Ta", "Mo", "W"]
BINARIES = ["mow", "mota", "nbmo", "nbta", "nbw", "taw"]


def entry(tags, notes, **outputs):
    """Return two atoms as snap has them."""
    site = {"species": [{"element": "Nb", "occu": 1}], "xyz": [0.0, 0.0, 0.0]}
    other = {"species": [{"element": "Mo", "occu": 1}], "xyz": [1.6, 1.6, 1.6]}
    whole = {
        "structure": {
            "lattice": {"matrix": [[3.2, 0, 0], [0, 3.2, 0], [0, 0, 3.2]]},
            "sites": [site, other],
        },
        "outputs": {
            "energy": -20.5,
            "forces": [[0.1, -0.2, 0.3], [-0.1, 0.2, -0.3]],
            "stress": [10, 20, 30, 1, 2, 3],
            **outputs,
        },
        "num_atoms": 2,
        "group": "Nb-Mo",
        "tags": tags,
    }
    return whole if notes is None else {**whole, "notes": notes}


def read(folder, *entries):
    path = folder / "some.json"
    path.write_text(json.dumps(entries))
    return READER.read(path, OPTIONS)


def test_an_entry_is_read_in_our_units(tmp_path):
    frames = read(tmp_path, entry(["unrelax"], {"unrelax": "157"}))
    assert frames.atomic_numbers.tolist() == [41, 42]
    assert frames.energy.tolist() == [-20.5]
    # kbar in the order xx yy zz xy yz xz, positive in compression.
    expected = -np.array([[1.0, 0.1, 0.3], [0.1, 2.0, 0.2], [0.3, 0.2, 3.0]])
    np.testing.assert_allclose(frames.stress[0], expected)
    assert frames.phase.tolist() == ["crystal"]


@pytest.mark.parametrize(
    ("tags", "notes", "group", "temperature"),
    [
        (["Md"], {"Md": "300-37"}, "Md", 300),
        (["Md"], {"Md": "3000-7"}, "Md", 3000),
        (["Md_90"], {"Md_90": "300-2"}, "Md_90", None),
        (["Md_90"], {"Md_90": "-300-26"}, "Md_90", None),
        (["Md_110"], {"Md_110": "300-5"}, "Md_110", None),
        (["test"], {"Md": "md-1000-3"}, "Md", 1000),
        (["test"], {"Md": "md90-300-5"}, "Md_90", None),
        (["test"], {"Md": "md110-300-0"}, "Md_110", None),
        (["test"], {"relax": "3"}, "relax", None),
        (["relax"], {"relax": "31"}, "relax", None),
        (["Strain"], {"Strain": "1---0.0100"}, "Strain", None),
        (["Strain_new"], {"Strain_new": "4--0.0900"}, "Strain", None),
        (["Surface"], {"Sur": "210"}, "Surface", None),
        ("Surface", None, "Surface", None),
    ],
)
def test_tags_and_notes_say_what_a_structure_is(tmp_path, tags, notes, group, temperature):
    frames = read(tmp_path, entry(tags, notes))
    assert frames.group.tolist() == [group]
    found = frames.temperature_k[0]
    assert np.isnan(found) if temperature is None else found == temperature


def test_the_stress_of_a_surface_is_unknown(tmp_path):
    assert np.isnan(read(tmp_path, entry("Surface", None)).stress).all()


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        (entry(["Md"], {"Md": "300-1"}, forces=None), "has no forces"),
        (entry([], None), "is not an mlearn structure"),
        (entry(["Md"], "300-1"), "is not an mlearn structure"),
    ],
)
def test_a_faulty_entry_is_named(tmp_path, one, complaint):
    with pytest.raises(InputError, match=rf"some\.json: frame 1: .*{complaint}"):
        read(tmp_path, entry(["relax"], {"relax": "1"}), one)


# --- the real files --------------------------------------------------------------------------


def strains(element):
    """Return mode and strain → frame and index of the strained cells of an element."""
    entries = json.loads((SNAP / f"{element}_Elastic.json").read_text())
    frames = READER.read(SNAP / f"{element}_Elastic.json", OPTIONS)
    found = {}
    for index, one in enumerate(entries):
        (note,) = one["notes"].values()
        mode, minus, strain = re.fullmatch(r"(\d)--(-?)(\d\.\d+)", note).groups()
        found[int(mode), round(float(minus + strain), 4)] = index
    return frames, found


@needs_snap
@pytest.mark.parametrize("element", ELEMENTS)
def test_stress_is_the_derivative_of_the_energy(element):
    """Central differences over 0.01 of strain, of three uniaxial and three shear series."""
    frames, found = strains(element)
    assert len(found) == 121
    for mode in range(1, 7):
        for strain in (-0.05, 0.05):
            low, mid, high = (found[mode, round(strain + d, 4)] for d in (-0.01, 0, 0.01))
            step = np.linalg.solve(frames.cell[mid], frames.cell[high] - frames.cell[low])
            volume = abs(np.linalg.det(frames.cell[mid]))
            stress = frames.stress[mid] / 0.1 * EV_PER_KILOBAR_ANGSTROM3
            work = volume * (stress * (step + step.T) / 2).sum()
            change = frames.energy[high] - frames.energy[low]
            # Shears are soft in niobium: plane-wave sets of the cells differ.
            assert work == pytest.approx(change, rel=0.1, abs=2.5e-3)
            assert abs(change) > 2e-3
    assert not frames.forces.any()


@needs_snap
@pytest.mark.parametrize("element", ELEMENTS)
def test_temperatures_have_the_forces_and_phases_that_the_cards_say(element):
    frames = Frames.concatenate(
        [READER.read(SNAP / f"{element}_{part}.json", OPTIONS) for part in ("AIMD", "Test")]
    )
    kinds = Counter(zip(frames.group, np.nan_to_num(frames.temperature_k), strict=True))
    assert set(kinds.values()) == {46}
    hot = sorted(t for group, t in kinds if group == "Md")
    assert hot == ([300, 1000, 3000] if element in ("Nb", "Mo") else [300, 2000, 4000])
    per_atom = np.repeat(frames.temperature_k, frames.n_atoms)
    sizes = [np.sqrt(np.square(frames.forces[per_atom == t]).mean()) for t in hot]
    # Harmonic forces grow with the root of the temperature.
    for (t, force), (other, larger) in zip(
        zip(hot, sizes, strict=True), list(zip(hot, sizes, strict=True))[1:], strict=False
    ):
        assert larger / force == pytest.approx(np.sqrt(other / t), rel=0.2)
    liquid = frames.temperature_k[frames.phase == "liquid"].tolist()
    assert liquid == ([4000.0] * 23 if element == "Ta" else [])


@needs_snap
@pytest.mark.parametrize("name", [*(e.lower() for e in ELEMENTS), *BINARIES])
def test_no_test_or_validation_structure_is_one_of_training(name):
    parts = parts_of(f"snap-{name}")
    trained = shapes_of(parts["train"])
    assert not copies_among(shapes_of(parts["validation"]), trained).any()
    assert not copies_among(shapes_of(parts["test"]), trained).any()


@needs_snap
@pytest.mark.parametrize("name", [*BINARIES, "nbmotaw"])
def test_each_composition_is_in_one_part(name):
    parts = parts_of(f"snap-{name}")
    sets = [set(frames.composition) for frames in parts.values()]
    assert sum(map(len, sets)) == len(set.union(*sets))
    assert len(sets[2]) == (1 if name == "nbmotaw" else 7)
    for frames in parts.values():
        assert all(frames.composition)


@needs_snap
@pytest.mark.parametrize("element", ELEMENTS)
def test_frames_of_a_run_are_as_far_apart_as_the_cards_say(element):
    parts = parts_of(f"snap-{element.lower()}")
    trained = Frames.concatenate([parts["train"], parts["validation"]])
    for index in range(len(parts["test"])):
        one = parts["test"].select([index])
        same = np.flatnonzero(
            (trained.group == one.group[0])
            & (np.nan_to_num(trained.temperature_k) == np.nan_to_num(one.temperature_k[0]))
        )
        assert len(same) == 40
        apart = [distance(one, trained.select([k])) for k in same]
        assert min(apart) > 0.58 * np.mean(apart)


def distance(a, b):
    """Return the root mean square displacement (Å) between frames of one cell."""
    moved = np.linalg.solve(a.cell[0].T, (a.positions - b.positions).T).T
    moved -= np.round(moved)
    moved -= moved.mean(axis=0)
    return float(np.sqrt(np.square(moved @ a.cell[0]).sum(axis=1).mean()))


@cache
def parts_of(name):
    card = load_card(name)
    return card.read(fetch(card, mirror_of(name)))


@needs_snap
@needs_mlearn
def test_molybdenum_of_both_studies_is_as_near_as_the_card_says():
    frames, found = strains("Mo")
    energy, pressure = [], []
    for part in ("training", "test"):
        path = MLEARN / "Mo" / f"{part}.json"
        theirs = READER.read(path, load_card("mlearn-mo").origin.reader_options())
        for index, one in enumerate(json.loads(path.read_text())):
            named = re.match(r"Mo 3x3x3 cell, mode (\d), strain (\S+)", one["description"])
            if not named:
                continue
            own = found[int(named[1]), round(float(named[2]), 4)]
            energy.append(theirs.energy[index] / 54 - frames.energy[own] / 2)
            pressure.append(np.trace(frames.stress[own] - theirs.stress[index]) / 3)
    assert len(energy) == 60
    assert 1e3 * np.mean(energy) == pytest.approx(-0.8, abs=0.05)
    assert 1e3 * np.std(energy) == pytest.approx(3.3, abs=0.05)
    assert np.mean(pressure) == pytest.approx(0.23, abs=0.01)
    assert np.std(pressure) == pytest.approx(0.10, abs=0.01)


def test_there_is_a_card_for_every_file_of_snap():
    names = {f"snap-{e.lower()}" for e in ELEMENTS} | {f"snap-{b}" for b in BINARIES}
    assert names | {"snap-nbmotaw"} <= set(card_names())
    for name in names:
        card = load_card(name)
        assert card.licence == "BSD-3-Clause"
        assert sorted(s.lower() for s in card.elements) == sorted(
            re.findall("nb|ta|mo|w", name.removeprefix("snap-"))
        )
