"""The sections of a report, in the order in which they are read.

A section is one file with a function that yields it, and one line in `SECTIONS`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from pkgutil import resolve_name

from tlbench.report.analysis import Analysis
from tlbench.report.content import Section

Make = Callable[[Analysis], Iterable[Section]]

SECTIONS: tuple[str, ...] = (
    "sections.errors:errors",
    "budgets.section:budgets",
    "sections.errors:learning_curves",
    "sections.transfers:transfers",
    "sections.conditions:conditions",
    "sections.temperature:temperatures",
    "dynamics.section:simulations",
    "relations.section:relations",
    "sections.models:tuned_settings",
    "sections.costs:costs",
    "sections.models:source_models",
)
"""Module and function of all sections, in the order in which they are read."""


def sections_of(analysis: Analysis, without: Collection[str] = ()) -> Iterator[Section]:
    """Yield every section that there are results for, but those that are ``without``."""
    for name in SECTIONS:
        if name not in without:
            make: Make = resolve_name(f"tlbench.report.{name}")
            yield from (section for section in make(analysis) if section.blocks)
