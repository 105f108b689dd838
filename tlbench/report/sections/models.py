"""Where models come from: tuned settings and source models."""

from collections.abc import Iterable, Iterator

from tlbench.base.phrases import counted
from tlbench.metrics.statistics import Pair, convergence
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.words import change_text, state_text
from tlbench.report.content import Lines, Paragraph, Section, Table, lines_of
from tlbench.report.wording import number_text
from tlbench.results.records import Record
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import PRETRAIN
from tlbench.study.tuned import Tuned

MOST_LINES = 12
"""Lines of the table of source models that a page shows at once."""


def tuned_settings(analysis: Analysis) -> Iterator[Section]:
    """Yield which arms were tuned, and what came of it, if some were."""
    tuned = analysis.suite.tuned
    if tuned is not None:
        note = tuned_note(tuned, analysis.suite.untuned_arms())
        table = Table("Tuned settings", tuned_table(tuned))
        yield Section("tuned", "Tuned settings", [table, Paragraph(note)])


def tuned_table(tuned: Tuned) -> Lines:
    """Return a line per tuned arm."""
    rows = []
    for backbone, arms in tuned.arms.items():
        for name, arm in arms.items():
            before = arm.default_validation_force_mae
            row = {
                "backbone": backbone,
                "arm": name,
                "trials": str(arm.trials),
                "unfinished": str(arm.pruned),
                "learning rate": f"{arm.settings.learning_rate:.2g}",
                "falls to": f"{arm.settings.final_learning_rate_fraction:.2g}",
                "validation": f"{arm.validation_force_mae:.1f}",
                "before": "–" if before is None else f"{before:.1f}",
            }
            rows.append(row)
    return lines_of(rows)


def tuned_note(tuned: Tuned, untuned: list[tuple[str, str]] | None = None) -> str:
    """Return what the numbers of the table mean, and which arms have the suite's own settings."""
    return (
        f"Tuned on validation structures with {counted(tuned.pairs, 'model')} of N = {tuned.size} "
        "per trial, within the budget of the suite; the first trial is the suite's own settings. "
        "The learning rate falls to the given share of itself. Validation and before are force MAE "
        f"in meV/Å of the best trial and of the first. Study {tuned.study[:12]} of suite "
        f"{tuned.suite}." + (f" {untuned_note(untuned)}" if untuned else "")
    )


def untuned_note(untuned: list[tuple[str, str]]) -> str:
    """Return which arms of a tuned suite are not tuned, and what follows from that."""
    others = "; ".join(f"{backbone}, {name}" for backbone, name in untuned)
    return (
        f"Not tuned: {others}. Their errors are larger than they need be: a ratio of a tuned arm "
        "to one of these also shows what tuning gained."
    )


def source_models(analysis: Analysis) -> Iterator[Section]:
    """Yield the errors of source models on the test set of their own element."""
    table = source_table(analysis.results.records)
    converged = source_convergence(analysis.results.records)
    note = Paragraph("Errors of the pretrained models on the test set of their own element.")
    if table.n_rows:
        yield Section("sources", "Source models", [note, converged, table])


def source_convergence(records: Iterable[Record]) -> Table:
    """Return a line per source and metric: how its error changed up to the largest budget."""
    errors: dict[tuple[str, str, str], dict[int, dict[Pair, float]]] = {}
    for r in records:
        model = r.model
        if model.strategy == PRETRAIN and not r.condition and model.updates is not None:
            budgets = errors.setdefault((model.backbone, _element(model), r.metric), {})
            budgets.setdefault(model.updates, {})[model.pair] = r.value
    known = {key: convergence(budgets) for key, budgets in errors.items()}
    lines = lines_of(
        {
            "backbone": backbone,
            "element": element,
            "metric": metric,
            "updates": " → ".join(f"{budget:,}" for budget in found.budgets),
            "change": change_text(found),
            "converged?": state_text(found),
        }
        for (backbone, element, metric), found in known.items()
        if found is not None
    )
    return Table("Source models: converged or not", lines)


def _element(model: ModelKey) -> str:
    return model.target + (f" ({model.source_part})" if model.source_part else "")


def source_table(records: Iterable[Record]) -> Table:
    """Return a line per source model and metric."""
    lines = lines_of(
        {
            "backbone": model.backbone,
            "element": _element(model),
            "init seed": str(model.init_seed),
            "structures": str(model.size),
            **({} if model.updates is None else {"updates": f"{model.updates:,}"}),
            "metric": r.metric,
            "value": f"{number_text(r.value)} {r.unit}",
        }
        for r in records
        if (model := r.model).strategy == PRETRAIN and not r.condition
    )
    return Table("Source models", lines, folded=len(lines) > MOST_LINES + 1, brief=False)
