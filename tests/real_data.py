"""The DFT data of the mlearn cards, where a copy of them lies beside the checkout."""

from pathlib import Path

import pytest

MLEARN = Path(__file__).parents[2] / "shared" / "data" / "mlearn"

needs_mlearn = pytest.mark.skipif(
    not (MLEARN / "Ge" / "training.json").is_file(),
    reason=f"needs the mlearn data in {MLEARN}",
)
