"""Signs of physics where output cannot hold them, as under ``PYTHONIOENCODING=ascii``."""

import codecs
import io
from typing import TextIO

NAME = "tlbench.legible"
"""Name of the error handler of streams."""

SIGNS = {
    "Å": "A", "–": "-", "—": "-", "−": "-", "→": "->", "×": "x", "·": "*", "…": "...", "²": "^2",
    "³": "^3", "°": "deg", "±": "+-", "≤": "<=", "≥": ">=", "√": "sqrt", "∫": "integral of ",
    "µ": "u", "μ": "u", "σ": "sigma", "ρ": "rho", "Γ": "Gamma", "¼": "1/4", "½": "1/2",
    "“": '"', "”": '"', "‘": "'", "’": "'", "△": "(larger)", "▲": "(LARGER)", "é": "e", "ö": "oe",
    "ä": "ae", "ü": "ue", "\u00a0": " ", "\u2060": "",
}  # fmt: skip
"""Sign → what is written instead, in ASCII; any other sign becomes a question mark."""


_ASCII = "tlbench_ascii"


def make_legible(stream: TextIO) -> None:
    """Let a stream write out the signs that its encoding lacks, instead of raising an error.

    ASCII gets another name: click takes a stream of that name for misconfigured and writes UTF-8
    past it, which such a terminal cannot show.
    """
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(NAME, _replace)
        codecs.register(_find)
        is_ascii = codecs.lookup(stream.encoding).name == "ascii"
        stream.reconfigure(encoding=_ASCII if is_ascii else None, errors=NAME)


def _find(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        ascii_.streamreader,
        ascii_.streamwriter,
        ascii_.incrementalencoder,
        ascii_.incrementaldecoder,
        name=_ASCII,
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(SIGNS.get(sign, "?") for sign in lost), error.end
