"""Folders of FitSNAP: the layout of its scripts and examples, its units and sign of stress."""

import json

import numpy as np
import pytest
from formats import alloys, assert_same, frames_of, write_fitsnap

from tlbench.base.errors import InputError
from tlbench.data.readers import READERS

READER = READERS.get("fitsnap")
OPTIONS = READER.options()

COMPRESSED = """# A test JSON file for QM data
{"Dataset": {"Data": [{"Stress": [[29925857.27, -0.0, -0.0], [-0.0, 29925857.27, -0.0],
[-0.0, -0.0, 29925857.27]], "Positions": [[0.0, 0.0, 0.0], [1.1, 1.1, 1.1]], "Energy": 56.26276,
"AtomTypes": ["Ta", "Ta"], "Lattice": [[2.2, 0.0, 0.0], [0.0, 2.2, 0.0], [0.0, 0.0, 2.2]],
"NumAtoms": 2, "Forces": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]}], "PositionsStyle": "angstrom",
"AtomTypeStyle": "chemicalsymbol", "StressStyle": "bar", "LatticeStyle": "angstrom",
"EnergyStyle": "electronvolt", "ForcesStyle": "electronvoltperangstrom"}}
"""
"""A crystal of the published set of tantalum at a third of its volume."""


@pytest.mark.parametrize("unit", ["bar", "kB"])
def test_a_folder_comes_back_with_its_groups(tmp_path, unit):
    folder = write_fitsnap(tmp_path / "JSON", alloys(), unit)
    (folder / "Bulk" / "README").write_text("not a structure")
    found = READER.read(folder, OPTIONS)
    assert_same(found, frames_of(alloys()))
    assert found.group.tolist() == ["Bulk"] * 3 + ["Surface"] * 2
    one = READER.read(folder / "Bulk" / "frame_1.json", OPTIONS)
    assert_same(one, frames_of(alloys()[1:2]))


def test_a_compressed_crystal_has_a_negative_stress(tmp_path):
    (tmp_path / "BCC_2.2.json").write_text(COMPRESSED)
    found = READER.read(tmp_path, OPTIONS)
    np.testing.assert_allclose(found.stress[0], -2992.585727 * np.eye(3))
    assert found.energy.tolist() == [56.26276]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"bar"', '"baar"', "has the StressStyle 'baar', which is not read; did you mean 'bar'"),
        ('"angstrom", "Ene', '"bohr", "Ene', "has the LatticeStyle 'bohr'"),
        ('"Energy": 56.26276,', "", r"frame 0: \(x\.json\) has no Energy"),
        ("56.26276", "NaN", "NaN is not a number"),
        ('"Ta", "Ta"', '"Ta", "Tb", "Xx"', "has atoms of 'Xx', which is not an element"),
        ('"Ta", "Ta"', '"Ta"', r"its Positions have the shape \(2, 3\), not \(1, 3\)"),
        ("}], ", "}, {}], ", "has 2 structures instead of one"),
        ('"Dataset"', '"Daten"', "is not a structure of FitSNAP"),
        ("}}", "", "is not a structure of FitSNAP"),
    ],
)
def test_faults_are_named(tmp_path, old, new, complaint):
    text = " ".join(COMPRESSED.splitlines()[1:])
    assert old in text
    (tmp_path / "x.json").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=complaint):
        READER.read(tmp_path, OPTIONS)


def test_a_folder_without_frames_is_refused(tmp_path):
    (tmp_path / "README").write_text("nothing")
    with pytest.raises(InputError, match=r"has no frames, since no file in it ends in \.json"):
        READER.read(tmp_path, OPTIONS)


def test_a_list_of_frames_is_not_a_structure(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([1, 2]))
    with pytest.raises(InputError, match=r"\(x\.json\) is not a structure of FitSNAP"):
        READER.read(tmp_path, OPTIONS)
