"""Where models come from: tuned settings and source models."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tlbench.base.phrases import counted
from tlbench.metrics import has_logarithm
from tlbench.metrics.statistics import CONVERGED, Pair, convergence, geometric_mean
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.words import change_text, state_text
from tlbench.report.content import Lines, Paragraph, Section, Sentences, Table, lines_of
from tlbench.report.wording import number_text
from tlbench.results.records import Record
from tlbench.study.plan import PRETRAIN
from tlbench.study.tuned import Tuned

MOST_LINES = 12
"""Lines of the table of source models that a page shows at once."""


def tuned_settings(analysis: Analysis) -> Iterator[Section]:
    """Yield which arms were tuned, and the results, if some were."""
    tuned = analysis.suite.tuned
    if tuned is not None:
        lines = tuned_table(tuned)
        table = Table("Tuned settings", lines, folded=len(lines) > MOST_LINES + 1)
        yield Section("tuned", "Tuned settings", [table, Paragraph(tuned_note(tuned))])


def tuned_table(tuned: Tuned) -> Lines:
    """Return a line per tuned arm, group of sizes and budget."""
    rows = []
    for backbone, name, group in tuned.groups():
        before = group.default_validation_force_mae
        every = "–" if name == PRETRAIN else "all"
        row = {
            "backbone": backbone,
            "arm": name + (f" from {group.source}" if group.source else ""),
            "N": ", ".join(map(str, group.sizes)) if group.sizes else every,
            "updates": f"{group.updates:,}" if group.updates else "all",
            "trials": str(group.trials),
            "failed": str(group.pruned),
            "rate": f"{group.settings.learning_rate:.2g}",
            "falls to": f"{group.settings.final_learning_rate_fraction:.2g}",
            "error": f"{group.validation_force_mae:.1f}",
            "before": "–" if before is None else f"{before:.1f}",
        }
        rows.append(row)
    return lines_of(rows)


def tuned_note(tuned: Tuned) -> str:
    """Return what the numbers of the table mean."""
    sizes = {group.size for _, _, group in tuned.groups() if group.sizes is None and group.size}
    tried = f"N = {min(sizes)}" if sizes else "the middle N of each line, of two the larger"
    is_of_all = any(not group.updates for _, _, group in tuned.groups())
    updates = "the updates of the line" + (", the most where it says all" if is_of_all else "")
    return (
        f"Tuned on validation structures with {counted(tuned.pairs, 'model')} of {tried} per "
        f"trial, with {updates}; the first trial is the suite's own settings, and "
        "all lines have as many trials. Failed are those that diverged. The learning rate falls to "
        "the given share of itself. Error and before are force MAE in meV/Å on validation "
        f"structures, of the best trial and of the first. Study {tuned.study[:12]} of suite "
        f"{tuned.suite}."
    )


SourceErrors = dict[int, dict[Pair, float]]
"""Errors of the source models of one backbone: budget → pair → error."""


def source_models(analysis: Analysis) -> Iterator[Section]:
    """Yield the errors of source models on the test set of their own data."""
    records = analysis.results.records
    table = source_table(records)
    if table.n_rows:
        note = Paragraph("Errors of the pretrained models on the test set of their own data.")
        words = Sentences(source_sentences(records, analysis.metrics[0]))
        yield Section("sources", "Source models", [note, words, table])


def source_table(records: Iterable[Record]) -> Table:
    """Return a line per source model and metric; with budgets, per backbone, source and metric.

    It then has the mean over init seeds at every budget of pretraining, and of errors without a
    sign whether the last is converged.
    """
    some = _of_sources(records)
    budgets = sorted({r.model.updates for r in some if r.model.updates is not None})
    if budgets:
        lines = lines_of(
            {
                "backbone": backbone,
                "element": element,
                "metric": f"{metric} ({unit})",
                **{f"after {each:,}": _mean(errors.get(each), metric) for each in budgets},
                **_change(errors, metric),
            }
            for (backbone, element, metric, unit), errors in _by_budget(some).items()
        )
    else:
        lines = lines_of(
            {
                "backbone": r.model.backbone,
                "element": _element(r),
                "init seed": str(r.model.init_seed),
                "structures": str(r.model.size),
                "metric": r.metric,
                "value": f"{number_text(r.value)} {r.unit}",
            }
            for r in some
        )
    return Table("Source models", lines, folded=len(lines) > MOST_LINES + 1, brief=False)


def source_sentences(records: Iterable[Record], metric: str) -> list[str]:
    """Return of each backbone and source whether pretraining is converged, or its error rises."""
    found = []
    for (backbone, element, name, _), errors in _by_budget(_of_sources(records)).items():
        if name != metric:
            continue
        step = convergence(errors)
        if step is None:
            found.append(
                f"Whether pretraining of {backbone} on {element} is converged is not known: no "
                "source model was trained with two numbers of updates."
            )
            continue
        fewer, more = step.budgets
        change = f"from {fewer:,} to {more:,} updates {metric} changes by {change_text(step)}"
        source = f"{backbone} on {element}"
        if not step.is_converged:
            found.append(
                f"Pretraining of {source} is not shown to be converged: {change}, so longer "
                "pretraining may change what transfer gains."
            )
        elif step.state == "worse":
            found.append(
                f"With longer pretraining of {source} the error rises: {change}, so transfer "
                "starts from a worse model than fewer updates give."
            )
        elif step.ratio.value > 1 + CONVERGED:
            found.append(
                f"With longer pretraining of {source} the error rises, which may be chance: "
                f"{change}."
            )
        else:
            found.append(f"Pretraining of {source} is converged: {change}.")
    return found


def _of_sources(records: Iterable[Record]) -> list[Record]:
    """Return the errors of the last weights of source models on all test structures."""
    return [r for r in records if r.model.strategy == PRETRAIN and not r.condition]


def _element(record: Record) -> str:
    part = record.model.source_part
    return record.model.target + (f" ({part})" if part else "")


def _by_budget(records: Iterable[Record]) -> dict[tuple[str, str, str, str], SourceErrors]:
    """Return errors by backbone, element, metric and unit; suites of one budget have it as 0."""
    found: dict[tuple[str, str, str, str], SourceErrors] = {}
    for r in records:
        errors = found.setdefault((r.model.backbone, _element(r), r.metric, r.unit), {})
        # As in `rows_of`, an error of exactly zero has no logarithm.
        if r.value > 0 or not has_logarithm(r.metric):
            errors.setdefault(r.model.updates or 0, {})[r.model.pair] = r.value
    return found


def _change(errors: SourceErrors, metric: str) -> dict[str, str]:
    """Return how an error changed at last, which of one with a sign is no ratio."""
    if not has_logarithm(metric):
        return {"change": "–", "converged?": "–"}
    found = convergence(errors)
    return {"change": change_text(found), "converged?": state_text(found)}


def _mean(values: Mapping[Pair, float] | None, metric: str) -> str:
    if not values:
        return "–"
    mean = geometric_mean if has_logarithm(metric) else np.mean
    return number_text(float(mean([*values.values()])))
