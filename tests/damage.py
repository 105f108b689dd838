"""Jobs in a store that are not what they were, and jobs that make no sense."""

import os
from pathlib import Path

from tlbench.engine.store.manifest import write_manifest


def flip_unseen(path: Path) -> None:
    """Flip one bit of a file, whose size and times stay what they were."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def forge(folder: Path, name: str, content: bytes) -> None:
    """Put another file into a finished job, as somebody would who writes the manifest anew."""
    (folder / name).write_bytes(content)
    write_manifest(folder)
