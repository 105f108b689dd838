"""Published potentials as they are, without training: errors on the target's test structures.

They are measured before anything is trained, by the jobs that a comparison of these potentials has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlbench.advice.candidates import Candidate
from tlbench.advice.plan import LEAST, Target, suite_value
from tlbench.advice.run_context import RunContext
from tlbench.base.phrases import counted, listed
from tlbench.data.marks import is_unmarked
from tlbench.engine.run.runner import run_jobs
from tlbench.metrics import METRICS
from tlbench.report.analysis import Analysis
from tlbench.report.content import Table, lines_of
from tlbench.report.rows import Row
from tlbench.results.results import Results
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.study.suite import Suite

STRATEGY = "zero-shot"


def as_is_value(target: Target, published: Sequence[Candidate], backbone: str) -> dict[str, Any]:
    """Return the suite of published potentials without training, as read from YAML."""
    value = suite_value(target, published, backbone, LEAST)
    value.pop("from_scratch", None)
    return value | {
        "title": f"Published potentials on {target.card.name}, without training",
        "description": "Written by tlbench advise: every potential that knows the elements.",
        "strategies": [STRATEGY],
    }


@dataclass(frozen=True)
class AsIs:
    """Published potentials as they are.

    Attributes
    ----------
    rows
        Name of a potential → its force error, the lowest first.
    n_test
        Test structures that errors are taken over.
    """

    rows: Mapping[str, Row]
    n_test: int

    @property
    def table(self) -> Table:
        """A line for each potential."""
        lines = [
            {"as it is": name, f"force MAE ({METRICS.get(row.metric).unit})": _error(row)}
            for name, row in self.rows.items()
        ]
        note = (
            "Published potentials as they are, without training: errors on "
            f"{counted(self.n_test, 'test structure')}."
        )
        return Table("Published potentials as they are", lines_of(lines), note)

    @property
    def text(self) -> str:
        """The potentials with their errors, in words; empty without one."""
        if not self.rows:
            return ""
        errors = listed(f"{name} {_error(row)}" for name, row in self.rows.items())
        unit = METRICS.get(next(iter(self.rows.values())).metric).unit
        return (
            "As they are, without training, published potentials have the force errors: "
            f"{errors} {unit}."
        )


def measured_as_is(
    target: Target, published: Sequence[Candidate], backbone: str, context: RunContext
) -> AsIs:
    """Measure the force error of each published potential as it is.

    What the store has is not done again. If a potential fails, the reason is stated.
    """
    if not published:
        return AsIs({}, 0)
    planned = plan(resolve(Suite.model_validate(as_is_value(target, published, backbone))))
    report = run_jobs(
        planned.jobs,
        context.store,
        context.resources,
        lambda report: context.on_change(planned, context.store, report),
        context.on_event,
    )
    for key, error in report.errors.items():
        context.say(f"{planned.jobs[key].label} failed: {error}")
    finished = [key for key, status in report.status.items() if status in ("cached", "done")]
    found = Analysis.of(Results.collect(planned, context.store, finished), planned.suite)
    rows = found.of_metric(found.metrics[0])
    by_name = {row.transfer.source: row for row in rows}
    counts = [is_unmarked(each.marks, len(each.n_atoms)).sum() for each in found.results.tests]
    ordered = sorted(by_name, key=lambda name: by_name[name].mean.value)
    return AsIs({name: by_name[name] for name in ordered}, int(min(counts, default=0)))


def _error(row: Row) -> str:
    return METRICS.get(row.metric).text(row.mean.value)
