"""Sample the frames of a card anew: ``python examples/sample_frames.py sw-si-64 FILE``.

It is how the ``.npz`` files in ``datasets/`` were made, from the settings on the cards. On another
kind of processor, other frames of the same distribution follow. The card states the SHA-256, which
is printed.
"""

import sys
from pathlib import Path

from tlbench.data.cards import load_card
from tlbench.data.origins.base import sha256_of
from tlbench.md.shipped_frames import write_frames


def main(name: str, path: Path) -> None:
    """Write the frames of the card ``name`` to ``path``."""
    write_frames(path, load_card(name, {"frames": None}).read({}))
    sys.stdout.write(f"{sha256_of(path)}  {path}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
