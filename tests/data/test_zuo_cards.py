"""Copper and nickel of Zuo et al., from members of an archive: what their cards say of them."""

from functools import cache

import numpy as np
import pytest
from real_data import ZUO, mirror_of

from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.inspection.copies import copies_among, shapes_of
from tlbench.data.inspection.forces import has_forces

pytestmark = pytest.mark.skipif(
    not (ZUO / "ZuoEtAl2020.tar.gz").is_file(), reason=f"needs the archive of Zuo et al. in {ZUO}"
)


@cache
def read(name: str, whole: bool = False) -> dict[str, Frames]:
    """Return the parts of a card; of ``whole`` files, all but a frame that validation needs."""
    card = load_card(name)
    if whole:
        split = card.origin.split.model_dump()
        sizes = {"train": len_of(name) - 1, "validation": 1, "test": 31}
        for part, size in sizes.items():
            split[part] |= {"frames": size, "ranges": []}
        card = load_card(name, {"split": split | {"order": "last"}})
    return card.read(fetch(card, mirror_of(name)))


def len_of(name: str) -> int:
    return {"zuo-cu": 262, "zuo-ni": 263}[name]


@pytest.mark.parametrize("name", ["zuo-cu", "zuo-ni"])
def test_parts_are_dynamics_alone(name):
    sizes = read(name)["test"].n_atoms.tolist()
    assert (sizes.count(108), sizes.count(107)) == (12, 4)
    fitted = Frames.concatenate([read(name)[part] for part in ("train", "validation")])
    assert sorted(set(fitted.n_atoms.tolist())) == [107, 108]
    assert fitted.n_atoms.tolist().count(107) == 36
    assert all(has_forces(frames).all() for frames in read(name).values())
    # Each of the two crystals and the liquid of 108 atoms has a volume in common.
    volumes = np.abs(np.linalg.det(fitted.cell[fitted.n_atoms == 108]))
    assert np.ptp(volumes) < 1e-6 * volumes.mean()


@pytest.mark.parametrize("name", ["zuo-cu", "zuo-ni"])
def test_no_part_has_a_copy_of_a_structure_of_another(name):
    parts = {part: shapes_of(frames) for part, frames in read(name).items()}
    assert not copies_among(parts["validation"], parts["train"]).any()
    assert not copies_among(parts["test"], [*parts["train"], *parts["validation"]]).any()


@pytest.mark.parametrize("name", ["zuo-cu", "zuo-ni"])
def test_strained_crystals_that_are_left_out_would_be_copies(name):
    files = read(name, whole=True)
    left_out = files["test"].select(range(18, 31))
    root = np.sqrt(np.square(left_out.forces).mean())
    assert root < 0.05
    trained = files["train"].select(range(len(files["train"]) - 109, len(files["train"])))
    assert copies_among(shapes_of(left_out), shapes_of(trained)).all()
