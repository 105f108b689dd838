"""How the jobs of advice are run: the store, the resources, and the callbacks."""

from collections.abc import Callable
from dataclasses import dataclass

from tlbench.engine.run.runner import Listener, Report, Resources
from tlbench.engine.store.store import Store
from tlbench.report.content import Table
from tlbench.study.plan import Plan


def _ignore(plan: Plan, store: Store, report: Report) -> None:
    """Ignore the state of a run."""


@dataclass(frozen=True)
class RunContext:
    """How jobs are run: the store, the resources, and the callbacks.

    Attributes
    ----------
    store, resources
        Where results are, and what the jobs that are missing are run with.
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
