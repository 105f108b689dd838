"""The description's numbers against ones known by hand, and the page that shows them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms
from structures import diamond

from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.inspection.summary import (
    MAX_KINDS,
    UNKNOWN,
    WHOLE,
    describe_parts,
    simplify,
    smallest_widths,
    tables,
)
from tlbench.report.inspection.page import radial_distribution, write_page


def labelled(frames, energy, force, **others):
    """Return a structure with one energy, and one force (x, y, z) on each atom."""
    others = {name: np.array([value]) for name, value in others.items()}
    forces = np.tile(np.array(force, dtype=float), (len(frames.positions), 1))
    return replace(frames, energy=np.array([energy]), forces=forces, **others)


@pytest.fixture(scope="module")
def parts():
    small = diamond("Si", lattice_constant=4.0)
    large = diamond("Si", lattice_constant=6.0)
    slab = replace(large, pbc=np.array([[True, True, False]]))
    cold = {"group": "bulk", "phase": "crystal", "temperature_k": 300.0}
    hot = {"group": "bulk", "phase": "liquid", "temperature_k": 900.0}
    train = [
        labelled(small, -8.0, [3, 0, 4], **cold),
        labelled(large, -16.0, [0, 0, 0], **hot),
        labelled(large, -24.0, [0, 1, 0], **hot),
    ]
    test = labelled(slab, -12.0, [0, 0, 0], group="slab", stress=np.eye(3))
    return {"train": Frames.concatenate(train), "test": test}


@pytest.fixture(scope="module")
def description(parts):
    return describe_parts(parts, cutoff=5.0)


def ranges(description, quantity):
    """Return part → minimum, median, maximum and root mean square."""
    found = description.ranges.set_index(["quantity", "part"]).loc[quantity]
    return {part: tuple(row) for part, row in zip(found.index, found.to_numpy(), strict=True)}


def test_counts(description):
    known = description.counts.astype({"temperature_k": object})
    known.loc[known["temperature_k"].isna(), "temperature_k"] = None
    assert known[["group", "phase", "temperature_k", "train", "test"]].to_numpy().tolist() == [
        ["bulk", "crystal", 300.0, 1, 0],
        ["bulk", "liquid", 900.0, 2, 0],
        ["slab", "", None, 0, 1],
    ]


def test_ranges(description):
    energy = ranges(description, "energy per atom")
    assert energy["train"][:3] == (-3, -2, -1)
    assert energy[WHOLE][1] == -1.75
    force = ranges(description, "force on an atom")["train"]
    assert force == (0, 1, 5, pytest.approx(np.sqrt((25 + 1) / 9)))
    bond = ranges(description, "nearest neighbour")["train"]
    assert bond[0] == pytest.approx(4 * np.sqrt(3) / 4)
    assert bond[2] == pytest.approx(6 * np.sqrt(3) / 4)
    assert ranges(description, "atoms")["test"][1] == 8
    assert ranges(description, "cell width")[WHOLE][0] == pytest.approx(4)


def test_the_range_of_stress(parts, description):
    pressed = np.array([[[-3.0, 0, 1], [0, -6, 0], [1, 0, -9]]])
    pulled = np.array([[[2.0, 0, 0], [0, 1, -7], [0, -7, 0]]])
    train = parts["train"].select([0, 1])
    test = parts["train"].select([0])
    stressed = {
        "train": replace(train, stress=np.concatenate([pressed, pulled])),
        "test": replace(test, stress=4e9 * np.eye(3)[None]),
    }
    found = describe_parts(stressed, cutoff=5.0)
    assert ranges(found, "pressure")["train"][:3] == (-1, 2.5, 6)
    assert ranges(found, "largest stress")["train"][:3] == (7, 8, 9)
    rows = tables(found)[1].rows
    assert ("pressure (GPa)", "train", "-1.00", "2.50", "6.00", UNKNOWN) in rows
    assert ("", "test", "-4e+09", "-4e+09", "-4e+09", UNKNOWN) in rows
    assert np.isnan(ranges(description, "pressure")["train"]).all()


def test_cells(description):
    rows = {row[0]: row[1:] for row in tables(description)[2].rows}
    assert rows == {
        "a cell narrower than 5 Å": ("1", "0", "1"),
        "a cell narrower than 10 Å": ("3", "1", "4"),
        "an atom within 5 Å of its own image": ("1", "0", "1"),
        "unknown stress": ("3", "0", "3"),
    }


def test_many_temperatures_and_groups_are_gathered():
    n = 200
    frames = diamond("Si").select([0] * n)
    temperatures = 300 + np.arange(n) * 3.01
    group = np.array([f"run {number}" for number in range(n)])
    group[:5] = "bulk"
    frames = replace(frames, temperature_k=temperatures, group=group)
    simple = simplify({"train": frames})["train"]
    assert np.unique(simple.temperature_k).tolist() == [300, 400, 500, 600, 700, 800, 900]
    np.testing.assert_allclose(simple.temperature_k, temperatures, atol=50)
    assert len(np.unique(simple.group)) == MAX_KINDS + 1
    assert (simple.group == "bulk").sum() == 5
    few = frames.select(range(3))
    np.testing.assert_array_equal(simplify({"train": few})["train"].temperature_k, temperatures[:3])


def test_a_sheared_cell_is_narrower_than_its_edges_but_has_no_image_within():
    cell = np.array([[[6.0, 0, 0], [4.0, 4.0, 0], [0, 0, 9.0]]])
    sheared = replace(diamond("Si"), cell=cell)
    assert smallest_widths(sheared)[0] == pytest.approx(4.0)
    assert describe_parts({"train": sheared}, cutoff=4.2).cells["train"].tolist()[:3] == [1, 1, 0]


def test_tables_say_the_same(description):
    counts, spread, cells = tables(description)
    assert counts.header == ("group", "phase", "T (K)", "train", "test", "all")
    assert counts.rows[1] == ("bulk", "liquid", "900", "2", "0", "2")
    assert counts.rows[2][:3] == ("slab", UNKNOWN, UNKNOWN)
    assert counts.rows[-1] == ("all", "", "", "3", "1", "4")
    assert (
        "energy per atom (eV)",
        "train",
        "-3.0000",
        "-2.0000",
        "-1.0000",
        UNKNOWN,
    ) in spread.rows
    assert cells.rows[0] == ("a cell narrower than 5 Å", "1", "0", "1")


def alloys(counts: dict[str, int]) -> Frames:
    """Return as many dimers, chains and so on of each formula, far from overlapping."""
    images = []
    for formula, count in counts.items():
        atoms = Atoms(formula, cell=[9, 9, 40], pbc=True)
        atoms.positions[:, 2] = 2.5 * np.arange(len(atoms))
        images += [atoms] * count
    frames = Frames.unlabelled(images)
    return replace(frames, energy=np.zeros(len(frames)), forces=np.zeros_like(frames.positions))


def test_compositions_of_alloys_are_counted_in_each_part(tmp_path):
    parts = {"train": alloys({"MoW": 2, "Mo2W2": 1, "W": 1}), "test": alloys({"MoW3": 2, "W": 1})}
    description = describe_parts(parts, cutoff=2.0)
    table = tables(description)[3]
    assert table.header == ("composition", "train", "test", "all")
    assert table.rows == (("MoW", "3", "0", "3"), ("MoW3", "0", "2", "2"), ("W", "1", "1", "2"))
    write_page(tmp_path / "page.html", load_card("sw-si"), parts, description)
    text = (tmp_path / "page.html").read_text()
    parser = Requests()
    parser.feed(text)
    assert "Compositions" in text
    assert {cell for row in table.rows for cell in row} <= set(parser.cells)


def test_many_compositions_are_gathered():
    counts = {f"Mo{number}W": 2 for number in range(2, 2 + MAX_KINDS)} | {"W": 1, "Mo": 1}
    table = tables(describe_parts({"train": alloys(counts)}, cutoff=2.0))[3]
    assert len(table.rows) == MAX_KINDS + 1
    assert table.rows[-1] == ("2 others", "2", "2")


def test_a_single_element_has_no_table_of_compositions(description):
    assert len(tables(description)) == 3


def test_the_radial_distribution_of_a_crystal():
    crystal = diamond("Si", repeats=(2, 2, 2))
    edges = np.array([0.0, 2.0, 2.7, 3.5, 4.2])
    g = radial_distribution(crystal, edges)
    density = 8 / 5.43095**3
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    np.testing.assert_allclose(g * density * shells, [0, 4, 0, 12], atol=1e-9)


class Requests(HTMLParser):
    """Collects what a browser would fetch, and the text of cells."""

    def __init__(self):
        super().__init__()
        self.fetched, self.cells, self.tag = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tag = tag
        for name, value in attributes:
            if name in ("src", "srcset", "data", "action") or (tag == "link" and name == "href"):
                self.fetched.append(value)

    def handle_endtag(self, tag):
        self.tag = ""

    def handle_data(self, data):
        if self.tag in ("td", "th"):
            self.cells.append(data)


@pytest.fixture(scope="module")
def page(parts, description, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    card = load_card("sw-si").model_copy(update={"title": "<script>alert(1)</script>"})
    write_page(path, card, parts, description)
    return path.read_text()


def test_the_page_has_every_cell_of_every_table(page, description):
    parser = Requests()
    parser.feed(page)
    for table in tables(description):
        for text in (*table.header, *(cell for row in table.rows for cell in row if cell)):
            assert text in parser.cells


def test_the_page_fetches_nothing(page):
    parser = Requests()
    parser.feed(page)
    assert parser.fetched == ["data:,"]
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_page_has_its_plots(page):
    for number, axis in enumerate(
        ("energy per atom (eV)", "force on an atom", "distance of a pair", "smallest perpendicular")
    ):
        assert f'id="plot-{number}"' in page
        assert axis in page


def test_text_of_a_card_cannot_become_markup(page):
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_molecules_have_no_plot_of_cells(parts, tmp_path):
    free = parts["train"].select([0])
    free = replace(free, cell=0 * free.cell, pbc=np.zeros((1, 3), dtype=bool))
    alone = {"train": free}
    found = describe_parts(alone, cutoff=5.0)
    assert np.isnan(ranges(found, "cell width")["train"]).all()
    write_page(tmp_path / "page.html", load_card("sw-si"), alone, found)
    text = (tmp_path / "page.html").read_text()
    assert 'id="plot-1"' in text
    assert 'id="plot-2"' not in text
