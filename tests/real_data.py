"""The DFT data of the mlearn cards, where a copy of them lies beside the checkout."""

import os
from pathlib import Path

import pytest

MLEARN = Path(
    os.environ.get("TLBENCH_DATA_MIRROR")
    or Path(__file__).parents[2] / "shared" / "data" / "mlearn"
)

needs_mlearn = pytest.mark.skipif(
    not (MLEARN / "Ge" / "training.json").is_file(),
    reason=f"needs the mlearn data in {MLEARN}, or in TLBENCH_DATA_MIRROR",
)

SNAP = MLEARN.parent / "snap" / "NbMoTaW"
ZUO = MLEARN.parent / "zuo"

needs_snap = pytest.mark.skipif(
    not (SNAP / "Mo_AIMD.json").is_file(), reason=f"needs the snap data in {SNAP}"
)

MIRRORS = {"mlearn": MLEARN, "snap": SNAP, "zuo": ZUO}


def mirror_of(card: str) -> Path:
    """Return the folder that holds the files of a card, such as ``snap-mo``."""
    return MIRRORS.get(card.partition("-")[0], MLEARN)
