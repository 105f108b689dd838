"""What fine-tuning has made the models forget of their source."""

from collections.abc import Iterator, Sequence

from tlbench.metrics import METRICS
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.claims import CLAIM_PAIRS
from tlbench.report.content import (
    Block,
    Draw,
    Figure,
    Paragraph,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
)
from tlbench.report.forgetting.retention import Retained, retained
from tlbench.report.wording import ratio_text
from tlbench.results.retention import retained_name
from tlbench.study.further_sets import unknown_losses

WHAT = (
    "Models that start from a source, tested on data of that source, or of other elements where "
    "the source is a published potential, after they were trained on the target. “/ source model” "
    "is their error there over that of the source model itself, on the same structures and pair by "
    "pair: above 1, the training has made them worse (forgetting). A model that is not trained on "
    "the target is its source model, unless an element of the target, which the data has, too, "
    "starts as another one."
)
TABLE_NOTE = (
    f"Geometric means over pairs; ratios have 95 % intervals from {CLAIM_PAIRS} pairs on, which "
    "allow for the choice of seeds, not for that of test structures."
)
FIGURE_NOTE = (
    "A marker for each arm and N, the number beside it: error on the target, and the factor by "
    "which the error on the source's data has grown; best is below and to the left. Bars are 95 % "
    "intervals. Both axes are logarithmic."
)


def forgetting(analysis: Analysis) -> Iterator[Section]:
    """Yield errors on data of the source beside those on the target, as tables and a figure.

    Nothing is forgotten where nothing was trained: such a metric has no table. Where the error of
    the source model itself is not known, a sentence says how to have it measured.
    """
    tables: list[Table] = []
    cases: dict[str, Draw] = {}
    for metric in analysis.metrics:
        found = list(retained(analysis, metric))
        if not any(each.target.trained for each in found):
            continue
        for name in dict.fromkeys(each.data for each in found):
            some = [each for each in found if each.data == name]
            tables.append(_table(analysis, metric, some, name))
            if metric == analysis.metrics[0]:
                cases |= _cases(analysis, metric, some, name)
    unknown = list(unknown_losses(analysis.suite))
    if tables or unknown:
        title = "Error on the target against forgetting"
        blocks: list[Block] = [Paragraph(WHAT)] if tables else []
        blocks += [*tables, Sentences(unknown, "What is not known")]
        blocks.append(Figure("error-against-forgetting", title, FIGURE_NOTE, cases))
        yield Section("forgetting", "Forgetting", blocks)


def _table(analysis: Analysis, metric: str, found: Sequence[Retained], name: str) -> Table:
    """Return a line for each arm and size: errors on target and source, and their growth."""
    spec = METRICS.get(metric)
    places = arm_cells(each.target.arm for each in found)
    lines = []
    for each in found:
        row = each.target
        cells = {"transfer": row.transfer.label()} if analysis.has_several else {}
        cells |= places[row.arm]
        cells[f"{metric} on target"] = spec.text(row.mean.value)
        cells[retained_name(metric)] = spec.text(each.error)
        same = not row.trained and each.ratio.value == 1
        cells["/ source model"] = "1" if same else ratio_text(each.ratio, flagged=False)
        lines.append(cells)
    return Table(f"{metric} ({spec.unit}) kept on {name}", lines_of(lines), TABLE_NOTE)


def _cases(
    analysis: Analysis, metric: str, found: Sequence[Retained], name: str
) -> dict[str, Draw]:
    """Return the figure of each transfer, by its name and that of the data set."""
    label = f"{metric} on the target ({METRICS.get(metric).unit})"
    arms = [s for s in analysis.strategies if any(e.target.place.strategy == s for e in found)]
    cases = {}
    for case in analysis.cases(each.target for each in found):
        some = [each for each in found if case in analysis.cases([each.target])]
        draw = drawing("forgetting.figures:error_against_forgetting", some, label, arms)
        cases[f"{case}, kept on {name}"] = draw
    return cases
