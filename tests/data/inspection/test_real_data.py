"""The DFT data of Zuo et al.: no false alarm, true copies found, scaled labels recognised."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from real_data import MLEARN, needs_mlearn

from tlbench.base.units import BOHR, ENERGY_UNITS, FORCE_UNITS
from tlbench.data.cards import load_card
from tlbench.data.inspection.collection import from_card
from tlbench.data.inspection.copies import check_copies, copies_among, shapes_of
from tlbench.data.inspection.finding import Finding
from tlbench.data.inspection.forces import has_forces
from tlbench.data.inspection.units import check_units
from tlbench.data.inspection.validation import validate_collection
from tlbench.data.marks import is_unmarked, marked_frames
from tlbench.data.splits import Drawn, chosen_indices
from tlbench.data.strata import strata_of

pytestmark = needs_mlearn

ELEMENTS = ("si", "ge", "li", "mo")


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBENCH_DATA", str(tmp_path_factory.mktemp("data")))
        return {e: from_card(load_card(f"mlearn-{e}"), MLEARN) for e in ELEMENTS}


@pytest.mark.parametrize("element", ELEMENTS)
def test_nothing_is_wrong_but_copies(collections, element):
    found = validate_collection(collections[element])
    assert {finding.check for finding in found.findings} <= {"duplicate", "leak"}
    # Of the strained crystals only the number is given, beside what the card states.
    others = found.notes[len(collections[element].stated) :]
    assert all("have no force above 1 meV/Å" in note for note in others)
    # Only perfect crystals strained by equivalent amounts recur, none of the molecular dynamics.
    group = dict(zip(collections[element].names, collections[element].frames.group, strict=True))
    assert {str(group[finding.frame]) for finding in found.each} <= {"Elastic"}
    assert all("energies agree" in finding.message for finding in found.each)
    if element == "mo":
        assert found.findings == ()


@pytest.mark.parametrize("element", ELEMENTS)
def test_cards_mark_the_copies_and_the_structures_without_forces(collections, element):
    card, collection = load_card(f"mlearn-{element}"), collections[element]
    test, train = (collection.frames.select(collection.parts == part) for part in ("test", "train"))
    found = {
        "copy": np.flatnonzero(copies_among(shapes_of(test), shapes_of(train))).tolist(),
        "without forces": np.flatnonzero(~has_forces(test)).tolist(),
    }
    marked = marked_frames(card.marked(), test.group)
    assert marked == {mark: frames for mark, frames in found.items() if frames}
    if element == "ge":
        rest = test.group[is_unmarked(marked, len(test))]
        assert Counter(rest.tolist()) == {"AIMD-NVT": 10, "Vacancy": 8}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("size", [10, 40])
def test_draws_have_every_kind_of_structure_in_proportion(collections, element, size):
    """Ten structures hold every stratum: the four or five have 1.1 of ten at least, or 0.97."""
    card = load_card(f"mlearn-{element}")
    assert card.strata == ["group", "phase"]
    train = collections[element].frames.select(collections[element].parts == "train")
    strata = strata_of(train, card.strata)
    share = size * np.bincount(strata) / len(train)
    assert share.min() > 0.9
    for seed in range(10):
        drawn = chosen_indices(train, Drawn(size=size, seed=seed, strata=card.strata))
        counts = np.bincount(strata[drawn], minlength=len(share))
        assert (np.abs(counts - share) < 1).all()


def test_ten_structures_of_silicon_hold_the_liquid(collections):
    """A random draw of this seed has none, though 9 of 23 test structures are liquid."""
    train = collections["si"].frames.select(collections["si"].parts == "train")
    random = chosen_indices(train, Drawn(size=10, seed=0))
    assert not (train.phase[random] == "liquid").any()
    drawn = chosen_indices(train, Drawn(size=10, seed=0, strata=["group", "phase"]))
    kinds = Counter(zip(train.group[drawn].tolist(), train.phase[drawn].tolist(), strict=True))
    # Of ten, shares are 2.4, 1.8, 3.0, 1.6 and 1.3.
    assert kinds == {
        ("AIMD-NVT", "crystal"): 2,
        ("AIMD-NVT", "liquid"): 2,
        ("Elastic", "crystal"): 3,
        ("Vacancy", "crystal"): 1,
        ("Vacancy", "liquid"): 2,
    }


@pytest.mark.parametrize("element", ["si", "ge"])
def test_three_sheared_test_crystals_are_mirrored_training_crystals(collections, element):
    collection = collections[element]
    leaks = [
        f for f in check_copies(collection, shapes_of(collection.frames)) if f.severity == "error"
    ]
    in_test = [f.frame for f in leaks if f.frame.startswith("test.json")]
    assert in_test == [f"test.json frame {index}" for index in (22, 23, 24)]
    # The mirror image of the test frame: the same lattice parameters and sizes of forces.
    original = leaks[-1].message.partition("same structure as ")[2].partition(" of the")[0]
    first, second = (collection.names.tolist().index(n) for n in (in_test[-1], original))
    frames = collection.frames
    lengths = np.sort(np.linalg.norm(frames.cell[[first, second]], axis=2))
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-6)
    sizes = [
        np.sort(np.linalg.norm(frames.select([index]).forces, axis=1)) for index in (first, second)
    ]
    assert sizes[0].min() > 0.5
    np.testing.assert_allclose(sizes[0], sizes[1], atol=1e-4)


@pytest.mark.parametrize(
    ("element", "changes", "named"),
    [
        ("si", {"energy": ENERGY_UNITS["hartree"]}, "energies were in hartree"),
        ("ge", {"forces": FORCE_UNITS["kcal/mol/angstrom"]}, "forces were in kcal/mol/angstrom"),
        ("li", {"positions": BOHR, "cell": BOHR}, "positions were in bohr"),
        ("mo", {"energy": ENERGY_UNITS["kJ/mol"]}, "energies were in kJ/mol"),
    ],
)
def test_labels_in_other_units_are_recognised(collections, element, changes, named):
    collection = collections[element]
    other = {name: getattr(collection.frames, name) / unit for name, unit in changes.items()}
    frames = replace(collection.frames, **other)
    (finding,) = check_units(replace(collection, frames=frames))
    assert isinstance(finding, Finding)
    assert finding.message.partition("as if ")[2].startswith(named)
