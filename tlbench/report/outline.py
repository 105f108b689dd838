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
    "sections.answer:answer",
    "sections.starts:starts",
    "sections.errors:errors",
    "budgets.section:budgets",
    "sections.errors:learning_curves",
    "sections.transfers:transfers",
    "sections.conditions:conditions",
    "sections.further_sets:further_sets",
    "forgetting.section:forgetting",
    "sections.temperature:temperatures",
    "dynamics.section:simulations",
    "properties.section:properties",
    "relations.section:relations",
    "sections.models:tuned_settings",
    "sections.gains:gains",
    "sections.costs:costs",
    "sections.models:source_models",
)
"""Module and function of all sections, in the order in which they are read."""

NAMING_BUDGETS = ("answer", "budgets", "tuned", "sources")
"""Sections that say themselves which budgets they are of."""


def sections_of(analysis: Analysis, without: Collection[str] = ()) -> Iterator[Section]:
    """Yield every section that there are results for, but those that are ``without``."""
    for name in SECTIONS:
        if name not in without:
            make: Make = resolve_name(f"tlbench.report.{name}")
            sections = (section for section in make(analysis) if section.blocks)
            yield from (of_budget(section, analysis.suite) for section in sections)


def of_budget(section: Section, suite: Suite) -> Section:
    """Return a section with the budget that it is of, where a suite has several."""
    is_named = section.name in NAMING_BUDGETS or section.name.startswith("errors-")
    if section.name == "simulations":
        is_named = suite.dynamics is not None and suite.dynamics.budgets is not None
    if suite.budgets is None or is_named:
        return section
    of_which = Paragraph(
        f"Last weights of models {at_budget(suite)}, the largest budget (“this budget”)."
    )
    return Section(section.name, section.title, [of_which, *section.blocks])
