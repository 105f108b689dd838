"""What other rooms need to know of a metric is in its spec; none of them lists names."""

import ast
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import tlbench
from tlbench import metrics
from tlbench.metrics import HEADLINE, METRICS, of_every_simulation
from tlbench.metrics.dynamics import SURVIVAL_TIME

HOUSE = Path(tlbench.__file__).parent


def lists_of_names(source: str) -> Iterator[list[str]]:
    """Yield the metric names in every tuple, list or set of several."""
    for node in ast.walk(ast.parse(source)):
        parts = getattr(node, "elts", [])
        named = [part.value for part in parts if isinstance(part, ast.Constant)]
        names = [name for name in named if name in METRICS.names()]
        if len(names) > 1:
            yield names


def test_no_other_room_lists_metrics() -> None:
    files = [path for path in HOUSE.rglob("*.py") if HOUSE / "metrics" not in path.parents]
    assert len(files) > 100
    found = {path.name: [*lists_of_names(path.read_text())] for path in files}
    assert not {name: lists for name, lists in found.items() if lists}
    assert list(lists_of_names('x = ("rdf_error", "adf_error")'))


def test_the_headline_is_an_error() -> None:
    assert METRICS.get(HEADLINE).of == "errors"


def test_simulations_have_our_metrics_and_not_what_is_merely_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = of_every_simulation()
    assert before == ["adf_error", "rdf_error", "stability_rate", "survival_time"]
    assert all(METRICS.get(name).of == "dynamics" for name in before)
    entry = f"{SURVIVAL_TIME.function.__module__}:SURVIVAL_TIME"
    point = EntryPoint("half_life", entry, "tlbench.metrics")
    monkeypatch.setattr(METRICS, "_entries", {**METRICS._entries, point.name: point.value})
    monkeypatch.setattr(METRICS, "_providers", {point.name: "toy 1.0"})
    assert METRICS.get("half_life").always
    assert metrics.of_every_simulation() == before
