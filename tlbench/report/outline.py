"""The sections of a report, in the order in which they are read.

A section is one file with a function that yields it, and one line in `SECTIONS`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from pkgutil import resolve_name

from tlbench.report.analysis import Analysis
from tlbench.report.content import Paragraph, Section
from tlbench.report.wording import at_budget
from tlbench.study.suite import Suite

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

OF_EVERY_BUDGET = ("budgets", "simulations", "tuned", "sources")
"""Sections that name the budgets of what they show."""


def sections_of(analysis: Analysis, without: Collection[str] = ()) -> Iterator[Section]:
    """Yield every section that there are results for, but those that are ``without``."""
    for name in SECTIONS:
        if name not in without:
            make: Make = resolve_name(f"tlbench.report.{name}")
            sections = (section for section in make(analysis) if section.blocks)
            yield from (_of_budget(section, analysis.suite) for section in sections)


def _of_budget(section: Section, suite: Suite) -> Section:
    """Return a section with the budget that it is of, where a suite has several."""
    if suite.budgets is None or section.name in OF_EVERY_BUDGET:
        return section
    of_which = Paragraph(
        f"Last weights of models {at_budget(suite)}, the largest budget (“this budget”)."
    )
    return Section(section.name, section.title, [of_which, *section.blocks])
