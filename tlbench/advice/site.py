"""Where the jobs of advice are done, and who follows them."""

from collections.abc import Callable
from dataclasses import dataclass

from tlbench.engine.run.runner import Listener, Report, Resources
from tlbench.engine.store.store import Store
from tlbench.report.content import Table
from tlbench.study.plan import Plan


def _ignore(plan: Plan, store: Store, report: Report) -> None:
    """Take no note of how a run stands."""


@dataclass(frozen=True)
class Site:
    """Where jobs are done, and who follows them.

    Attributes
    ----------
    store, resources
        What is done already, and how the rest is.
    on_change, on_event
        As of `tlbench.run.run_suite`.
    say
        Called with sentences on what is done.
    show
        Called with tables of what is known before anything is trained.
    """

    store: Store
    resources: Resources
    on_change: Callable[[Plan, Store, Report], None] = _ignore
    on_event: Listener = lambda event, job, **fields: None
    say: Callable[[str], None] = lambda sentence: None
    show: Callable[[Table], None] = lambda table: None
