"""Markdown that stays what it is, whatever names stand in it."""

from tlbench.base.errors import printable

# Letters, digits and what stands in ordinary names; "_" between letters emphasises nothing.
_PLAIN = frozenset(" _-+.,;=/():%>'")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}


def inert(text: str) -> str:
    """Return ``text`` so that Markdown shows it and does nothing else with it."""
    return "".join(map(_shown, printable(text)))


def _shown(character: str) -> str:
    if character in _ENTITIES:
        return _ENTITIES[character]
    harmless = character.isalnum() or not character.isascii() or character in _PLAIN
    return character if harmless else f"\\{character}"


def rows(lines: list[list[str]]) -> list[list[str]]:
    """Return the cells of a table so that they stay in it."""
    return [[inert(cell) for cell in line] for line in lines]
