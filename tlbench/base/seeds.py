"""Independent random streams, named rather than numbered."""

import hashlib
import json


def stream(*parts: str | int | float) -> int:
    """Return the 63-bit seed of the random stream named by ``parts``.

    Streams of different names are independent, and adding a stream never changes another:
    ``stream("batches", 0)`` and ``stream("weights", 0)`` share nothing.
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
