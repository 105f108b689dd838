"""Markdown that stays what it is, whatever the names in it are."""

from tlbench.base.errors import printable
from tlbench.report.markdown import markdown_table

# Letters, digits and what ordinary names have; "_" between letters emphasises nothing.
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


def bullets(sentences: list[str]) -> str:
    """Return a list of sentences."""
    return "\n".join(f"- {inert(sentence)}" for sentence in sentences)


def table(lines: list[list[str]]) -> str:
    """Return a table, the first line its header."""
    return markdown_table([[inert(cell) for cell in line] for line in lines]).strip()
