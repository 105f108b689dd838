"""Where the data sets lie that tlbench ships."""

from importlib.resources import files
from pathlib import Path


def card_folder() -> Path:
    """Return the folder of the cards that tlbench ships, and of the frames beside them."""
    packaged = Path(str(files("tlbench"))) / "datasets"
    # In a checkout the cards stand at the top of the repository, where people look for them.
    return packaged if packaged.is_dir() else packaged.parent.parent / "datasets"
