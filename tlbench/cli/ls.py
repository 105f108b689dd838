"""``tlbench ls``: list what there is."""

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be listed."""

    suites = "suites"
    backbones = "backbones"
    strategies = "strategies"
    metrics = "metrics"
    datasets = "datasets"
    readers = "readers"
    origins = "origins"
    potentials = "potentials"
    properties = "properties"


def ls(kind: Annotated[Kind, typer.Argument(help="What to list.")]) -> None:
    """List what there is of one kind, and a sentence on each."""
    from rich.text import Text

    from tlbench.cli.tables import console, drawn

    lines = [(Text(name, "bold"), summary) for name, summary in _entries(kind)]
    out = console()
    out.print(drawn([(kind.value, "summary"), *lines], out.width, words=(0, 1), header=False))


def _entries(kind: Kind) -> list[tuple[str, str]]:
    if kind is Kind.suites:
        from tlbench.study.loading import load_suite, suite_names

        return [(name, load_suite(name).title) for name in suite_names()]
    if kind is Kind.datasets:
        from tlbench.data.cards import card_names, load_card

        return [(name, load_card(name).title) for name in card_names()]
    if kind is Kind.readers:
        from tlbench.data.readers import READERS

        return [(name, READERS.get(name).summary) for name in READERS.names()]
    if kind is Kind.origins:
        from tlbench.data.origins import ORIGINS

        return [(name, _first_line(ORIGINS.get(name))) for name in ORIGINS.names()]
    if kind is Kind.backbones:
        from tlbench.models.backbones import BACKBONES

        return [(name, _first_line(BACKBONES.get(name))) for name in BACKBONES.names()]
    if kind is Kind.strategies:
        from tlbench.transfer import STRATEGIES

        return [(name, STRATEGIES.get(name).summary) for name in STRATEGIES.names()]
    if kind is Kind.properties:
        from tlbench.properties import PROPERTIES

        return [(name, PROPERTIES.get(name).summary) for name in PROPERTIES.names()]
    if kind is Kind.potentials:
        from tlbench.transfer.potentials import POTENTIALS

        return [(name, POTENTIALS.get(name).summary) for name in POTENTIALS.names()]
    from tlbench.metrics import METRICS

    specs = [METRICS.get(name) for name in METRICS.names()]
    return [(spec.name, f"{spec.summary} ({spec.unit})") for spec in specs]


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").strip().partition("\n")[0]
