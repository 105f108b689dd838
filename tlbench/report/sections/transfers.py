"""Ratios to scratch across transfers: by source and target, and by part of the source."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tlbench.metrics.statistics import Ratio, paired_ratio
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.budgets.outcomes import is_arm
from tlbench.report.content import Draw, Figure, Lines, Section, Table, drawing, lines_of, pivot
from tlbench.report.rows import Row
from tlbench.report.sections.errors import Values, ranges
from tlbench.report.wording import AT_THIS_BUDGET, BASELINE, ratio_text
from tlbench.study.model_key import Place
from tlbench.study.transfers import WHOLE

GAINS_NOTE = (
    "Error relative to training from scratch on the same structures, sources down, targets across: "
    "blue below 1, where the arm has the lower error at this budget, red above."
)
PARTS_NOTE = (
    "Error relative to training from scratch at this budget, by what was pretrained on. "
    "Bars are 95 % intervals, drawn from three pairs on."
)


def transfers(analysis: Analysis) -> Iterator[Section]:
    """Yield ratios to scratch by source and target, and by part of the source, if there are."""
    elements: dict[str, Draw] = {}
    parts: dict[str, Draw] = {}
    tables: list[Table] = []
    for number, metric in enumerate(analysis.metrics if analysis.has_several else ()):
        found = gain_matrices(analysis, metric)
        if found:
            elements[metric] = drawing("heatmaps:gain_maps", found)
        tables += [
            Table(
                f"{matrix.place.label()}, {metric} relative to scratch", matrix.lines(), folded=True
            )
            for matrix in (found if number == 0 else [])
        ]
        of_parts = [row for row in gains(analysis, metric) if row.transfer.part is not None]
        if of_parts:
            parts[metric] = drawing("figures:gains_by_part", of_parts)
    yield Section(
        "transfers",
        "Ratio to scratch by transfer",
        [
            Figure("elements", "Ratio to scratch by source and target", GAINS_NOTE, elements),
            *tables,
            Figure("parts", "Ratio to scratch by part of the source", PARTS_NOTE, parts),
        ],
    )


def gains(analysis: Analysis, metric: str) -> list[Row]:
    """Return the rows on all test structures that have a ratio to scratch."""
    return [row for row in analysis.of_metric(metric) if row.ratio is not None]


@dataclass(frozen=True)
class GainMatrix:
    """The ratios to scratch of a trained arm of one backbone at one size, source by target."""

    place: Place
    sources: list[str]
    targets: list[str]
    ratios: dict[tuple[str, str], Ratio] = field(default_factory=dict)

    def lines(self) -> Lines:
        """Return a line per source, a column per target, the header first."""
        cells = {key: ratio_text(ratio) for key, ratio in self.ratios.items()}
        return pivot("source", self.sources, self.targets, cells, (str, lambda t: f"→ {t}"))


def gain_matrices(analysis: Analysis, metric: str) -> list[GainMatrix]:
    """Return a matrix per backbone, trained arm and size; none without several sources."""
    compared = (r for r in gains(analysis, metric) if r.trained and is_arm(r.place))
    rows = [row for row in compared if row.transfer.part is None]
    if len({row.transfer for row in rows}) < 2:
        return []
    sources = list(dict.fromkeys(row.transfer.source for row in rows))
    known = {row.transfer.target for row in rows}
    targets = [s for s in sources if s in known] + sorted(known - set(sources))
    found: dict[Place, GainMatrix] = {}
    for row in sorted(rows, key=lambda row: (row.place.backbone, row.place.strategy)):
        matrix = found.setdefault(row.place, GainMatrix(row.place, sources, targets))
        matrix.ratios[row.transfer.source, row.transfer.target] = row.ratio  # type: ignore[assignment]
    return list(found.values())


def against_whole(analysis: Analysis, metric: str) -> list[tuple[str, Place, Ratio]]:
    """Return the error after pretraining on each part of the source over that after all of it.

    Part, arm and ratio, arm by arm; none where all of the source is not pretrained on.
    """
    of_part = {transfer.part: transfer for transfer in analysis.transfers}
    if len(analysis.transfers) != len(of_part) or WHOLE not in of_part:
        return []
    errors: dict[str | None, dict[Place, Values]] = {part: {} for part in of_part}
    for row in analysis.of_metric(metric):
        errors[row.transfer.part][row.arm] = row.values
    places = [place for place in errors[WHOLE] if place.strategy != BASELINE]
    return [
        (part, place, ratio)
        for place in sorted(places, key=lambda p: (p.backbone, p.strategy, p.position))
        for part in of_part
        if part not in (None, WHOLE)
        and (ratio := paired_ratio(errors[part].get(place, {}), errors[WHOLE][place]))
    ]


def parts_table(ratios: list[tuple[str, Place, Ratio]]) -> Lines:
    """Return a line per arm and training set, a column per part of the source."""
    cells = arm_cells(place for _, place, _ in ratios)
    for part, place, ratio in ratios:
        cells[place][part] = ratio_text(ratio, False)
    return lines_of(cells.values())


def parts_findings(ratios: list[tuple[str, Place, Ratio]]) -> list[str]:
    """Give the range of errors after pretraining on a part of the source, relative to all of it."""
    return ranges(
        ((place, ratio, f"{part}, {place.training_set()}") for part, place, ratio in ratios),
        f"{AT_THIS_BUDGET}, pretraining on a part of the source gives {{}} times the error of "
        "pretraining on all of it",
    )
