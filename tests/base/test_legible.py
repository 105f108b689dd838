"""Signs that an encoding lacks are written out, and none raises an error."""

import io

import pytest

from tlbench.base.legible import SIGNS, make_legible


def written(text, encoding):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    make_legible(out)
    out.write(text)
    out.flush()
    return raw.getvalue().decode(encoding)


def test_units_and_arrows_are_written_out():
    assert written("Si → Ge: 5.0 Å, 3 × 10 meV/Å −0.1", "ascii") == (
        "Si -> Ge: 5.0 A, 3 x 10 meV/A -0.1"
    )


def test_only_what_the_encoding_lacks_is_changed():
    assert written("5.0 Å → 3 ×", "latin-1") == "5.0 Å -> 3 ×"
    assert written("5.0 Å → 3 ×", "utf-8") == "5.0 Å → 3 ×"


@pytest.mark.parametrize("sign", ["漢", "\udcff", "\N{GRINNING FACE}"])
def test_other_signs_become_question_marks(sign):
    assert written(f"a{sign}b", "ascii") == "a?b"


def test_every_replacement_is_ascii():
    assert all(text.isascii() for text in SIGNS.values())
    assert not any(sign.isascii() for sign in SIGNS)
