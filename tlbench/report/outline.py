"""The sections of a report, in the order in which they are read.

A section is one file with a function that yields it, and one line in `SECTIONS`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tlbench.report.analysis import Analysis
from tlbench.report.content import Section
from tlbench.report.dynamics.section import simulations
from tlbench.report.relations.section import relations
from tlbench.report.sections.conditions import conditions
from tlbench.report.sections.costs import costs
from tlbench.report.sections.errors import errors, learning_curves
from tlbench.report.sections.models import source_models, tuned_settings
from tlbench.report.sections.temperature import temperatures
from tlbench.report.sections.transfers import transfers

Make = Callable[[Analysis], Iterable[Section]]

SECTIONS: tuple[Make, ...] = (
    errors,
    learning_curves,
    transfers,
    conditions,
    temperatures,
    simulations,
    relations,
    tuned_settings,
    costs,
    source_models,
)
"""All sections, in the order in which they are read."""


def sections_of(analysis: Analysis, without: Sequence[Make] = ()) -> Iterator[Section]:
    """Yield every section that there are results for, but those that are made by ``without``."""
    for make in SECTIONS:
        if make not in without:
            yield from (section for section in make(analysis) if section.blocks)
