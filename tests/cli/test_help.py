"""What ``--help`` shows on a terminal of 80 columns."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tlbench.cli import app


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from verbs(each, (*path, name))


ROOT = typer.main.get_command(app)


@pytest.mark.parametrize("path", list(verbs(ROOT)), ids=lambda path: " ".join(path) or "tlbench")
def test_help_is_complete_and_flows(monkeypatch, path):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    # In continuous integration typer would print colours.
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", False)
    shown = CliRunner().invoke(app, [*path, "--help"]).output
    assert max(map(len, shown.splitlines())) <= 80
    command = ROOT
    for name in path:
        command = command.commands[name]
    words = " ".join(shown.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())
    texts = [command.help or "", *(getattr(p, "help", None) or "" for p in command.params)]
    for text in texts:
        for paragraph in text.split("\n\n"):
            assert " ".join(paragraph.split()) in words
    # Lines of a paragraph are filled: the first word of the next would not fit.
    lines = shown.partition("╭")[0].splitlines()
    for line, after in pairwise(lines):
        if line.strip() and after.strip():
            assert len(line.rstrip()) + 1 + len(after.split()[0]) > 78
