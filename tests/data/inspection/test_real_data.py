"""The DFT data of Zuo et al.: no false alarm, true copies found, scaled labels recognised."""

from dataclasses import replace

import numpy as np
import pytest
from real_data import MLEARN, needs_mlearn

from tlbench.base.units import BOHR, ENERGY_UNITS, FORCE_UNITS
from tlbench.data.cards import load_card
from tlbench.data.inspection.collection import from_card
from tlbench.data.inspection.copies import check_copies, shapes_of
from tlbench.data.inspection.finding import Finding
from tlbench.data.inspection.units import check_units
from tlbench.data.inspection.validation import validate_collection

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
    # Of the strained crystals only the number is given.
    assert all("have no force above 1 meV/Å" in note for note in found.notes)
    # Only perfect crystals strained by equivalent amounts recur, none of the molecular dynamics.
    group = dict(zip(collections[element].names, collections[element].frames.group, strict=True))
    assert {str(group[finding.frame]) for finding in found.each} <= {"Elastic"}
    assert all("energies agree" in finding.message for finding in found.each)
    if element == "mo":
        assert found.findings == ()


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
