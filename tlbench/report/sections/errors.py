"""Errors of all arms, metric by metric: a table, what it says, ranks and learning curves.

In suites of one budget every statement holds at that budget. In suites with budgets the table is
of the largest, and what models end at is stated for converged ones alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import DATA
from tlbench.metrics.spec import ENERGY_UNIT, MetricSpec
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Convergence,
    Curve,
    Pair,
    Ratio,
    area_ratio,
    geometric_mean,
    negative_transfer,
    paired_ratio,
    tie_groups,
)
from tlbench.report.analysis import (
    MOST_BESIDE,
    Analysis,
    comparison,
    note_of,
    place_cells,
    present,
)
from tlbench.report.budgets.outcomes import Series, convergences, outcomes, series_of
from tlbench.report.budgets.words import rises, sentences
from tlbench.report.content import (
    Block,
    Figure,
    Paragraph,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
)
from tlbench.report.rows import Row
from tlbench.report.sections.temperature import temperature_findings
from tlbench.report.wording import (
    AT_THIS_BUDGET,
    BASELINE,
    at_budget,
    chance_text,
    range_text,
    ratio_text,
)
from tlbench.study.model_key import Place, Transfer
from tlbench.study.transfers import WHOLE

CURVES_NOTE = (
    "Lines join geometric means over pairs; every pair is a faint point. Bands are 95 % "
    "intervals of the mean, drawn from three pairs on and for at most four arms. An arm "
    "without target data is a level. Both axes are logarithmic."
)
TIES_NOTE = (
    "Models in one tie group are not shown to be worse than its best, by the 95 % interval of "
    "their paired ratio on these test structures."
)
Values = Mapping[Pair, float]
"""The error of each pair."""

MOST_LINES = 30
"""Lines of a table that a page shows at once."""

PLATEAU = 0.9
"""More data hardly help where the error at the largest size is more than this share."""


def errors(analysis: Analysis) -> Iterator[Section]:
    """Yield a section for each metric of which there are errors on the target.

    Errors that have a sign have a table alone, of every budget: of them there are no ratios.
    """
    for name in analysis.every_metric:
        has_ratios = name in analysis.metrics
        every = [row for row in analysis.every_row if row.metric == name and not row.tested]
        rows = analysis.of_metric(name) if has_ratios else every
        metric = METRICS.get(name)
        notes = " ".join((*with_stress(analysis, metric), *without_energies(analysis, metric)))
        if not rows and notes:
            yield Section(f"errors-{name}", f"{name} ({metric.unit})", [Paragraph(notes)])
        if rows:
            summary = f"{metric.summary[0].upper()}{metric.summary[1:]}; {metric.better} is better."
            has_budget = has_ratios and analysis.suite.budgets is not None
            budget = f" {at_budget(analysis.suite)}" if has_budget else ""
            blocks: list[Block] = [Paragraph(f"{summary} {notes}".rstrip())]
            blocks.append(error_table(analysis, rows))
            if has_ratios:
                blocks.append(Sentences(findings(analysis, name)))
                known = convergences(r for r in analysis.every_row if r.metric == name)
                blocks += [] if analysis.has_several else ranking(rows, metric, known)
            yield Section(f"errors-{name}", f"{name} ({metric.unit}){budget}", blocks)


def with_stress(analysis: Analysis, metric: MetricSpec) -> Iterator[str]:
    """Yield of how many test structures the stress is known, for a metric that is of it."""
    if not metric.of_stress:
        return
    further = {r.job for r in analysis.results.records if DATA in r.condition}
    errors = analysis.results.errors
    measured = {each.data: each.stress_abs for each in errors if each.job not in further}
    beside = {each.data for each in errors} - measured.keys()
    for tests in (each for each in analysis.results.tests if each.data not in beside):
        known = [value for value in measured.get(tests.data) or [] if value is not None]
        count = len(tests.n_atoms)
        yield f"Of {tests.element}, {len(known)} of {count} test structures have a known stress."


def without_energies(analysis: Analysis, metric: MetricSpec) -> Iterator[str]:
    """Yield how many trained models have no energies, for a metric that is of them."""
    if metric.unit != ENERGY_UNIT:
        return
    trained = {r.job for r in analysis.results.records if not r.condition and r.model.size}
    some = [each for each in analysis.results.errors if each.job in trained]
    unknown = [each for each in some if each.energy is None or None in each.energy]
    if unknown:
        yield (
            f"For {len(unknown)} of {len(some)} trained models, energies of some test structures "
            "are not known, so there is no number over all of them: these structures contain an "
            "element that none of the structures trained on has."
        )


def error_table(analysis: Analysis, rows: list[Row]) -> Table:
    """Return errors and ratios to scratch of one metric on all test structures."""
    strategies = present(rows, analysis.strategies)
    names = place_cells(rows)
    if analysis.has_several:
        has_parts = any(row.transfer.part is not None for row in rows)
        names = [_ends(row, has_parts) | cells for row, cells in zip(rows, names, strict=True)]
    beside, below = comparison(rows, names, strategies)
    lines = beside if len(strategies) <= MOST_BESIDE else below
    return Table(rows[0].metric, lines, note_of(rows), beside, below, len(lines) > MOST_LINES + 1)


def _ends(row: Row, has_parts: bool) -> dict[str, str]:
    """Return the cells that say what is transferred between."""
    source, part, target = row.transfer.source, row.transfer.part or WHOLE, row.transfer.target
    return {"source": source, **({"pretrained on": part} if has_parts else {}), "target": target}


def learning_curves(analysis: Analysis) -> Iterator[Section]:
    """Yield errors against training-set size: of all metrics, or case by case if there are many."""
    cases = {}
    by_case = analysis.cases([row for row in analysis.rows if not row.tested])
    for case, rows in by_case.items():
        sizes = {row.place.size for row in rows if row.trained}
        if len(sizes) < 2:
            continue
        # Every metric of errors is shown, also where all else is by one.
        metrics = [name for name in analysis.suite.error_metrics if has_logarithm(name)]
        for metric in metrics if len(by_case) == 1 else metrics[:1]:
            some = [row for row in rows if row.metric == metric and row.is_comparable]
            if some:
                strategies = present(some, analysis.strategies)
                draw = drawing("figures:learning_curves", some, strategies)
                cases[metric if len(by_case) == 1 else case] = draw
    figure = Figure("learning-curves", "Learning curves", CURVES_NOTE, cases)
    yield Section("curves", "Number of structures", [figure])


def ranking(
    rows: list[Row], metric: MetricSpec, known: Mapping[Series, Convergence] | None = None
) -> list[Block]:
    """Return the ranks of all models at the largest size, or why there are none.

    In a suite with budgets only models are ranked that are ``known`` to be converged.

    Columns: model, rank, tie group, geometric mean over the pairs common to all models. With fewer
    than `MIN_PAIRS` such pairs there are no tie groups, and so no ranks.
    """
    # An arm without target data has as many values as source models: too few to be ranked.
    trained = [row for row in rows if row.trained and row.place.train_temperature_k is None]
    if not trained:
        return []
    size = max(row.place.size for row in trained)
    ranked = [row for row in trained if row.place.size == size]
    title, left_out = f"Ranks at N = {size} and this budget", ""
    if ranked[0].place.updates is not None:
        converged = [row for row in ranked if _is_converged(row, known or {})]
        others = "; ".join(_model(row) for row in ranked if row not in converged)
        left_out = f" Not ranked, as not shown to be converged: {others}." if others else ""
        title, ranked = f"Ranks at N = {size} of converged models", converged
        if others and len(ranked) < 2:
            which = f"only {_model(ranked[0])}" if ranked else "none"
            said = f"Models are not ranked: at N = {size} {which} is shown to be converged."
            return [Paragraph(said)]
    entries = {_model(row): row.values for row in ranked}
    standings = tie_groups(entries, lower_is_better=metric.better == "lower")
    if not standings:
        return [
            Paragraph(
                f"Models are not ranked: that needs at least {MIN_PAIRS} pairs that all of them "
                "have; with fewer, no two can be distinguished."
            )
        ]
    common = set.intersection(*(set(values) for values in entries.values()))
    lines = lines_of(
        {
            "model": name,
            "rank": str(standing.rank),
            "tie group": str(standing.group),
            metric.name: metric.text(geometric_mean([entries[name][pair] for pair in common])),
        }
        for name, standing in standings.items()
    )
    return [Table(title, lines, TIES_NOTE + left_out)]


def _model(row: Row) -> str:
    return f"{row.place.backbone}, {row.place.strategy}"


def _is_converged(row: Row, known: Mapping[Series, Convergence]) -> bool:
    found = known.get(series_of(row))
    return found is not None and found.is_converged


def findings(analysis: Analysis, metric: str) -> list[str]:
    """Return what the errors of a metric on all test structures say.

    Of several transfers that is the range of ratios to scratch of each trained arm. They are not
    counted: transfers to one target share the models from scratch, and transfers from one source
    the source models.
    """
    if analysis.suite.budgets:
        rows = (row for row in analysis.every_row if row.metric == metric)
        found = outcomes(rows)
        return [*sentences(found), *rises(found), *level_findings(analysis, metric)]
    if not analysis.has_several:
        return curve_findings(analysis, metric)
    return ranges(
        (
            (row.place, row.ratio, f"{row.transfer.label()}, {row.place.training_set()}")
            for row in analysis.of_metric(metric)
            if row.trained and row.ratio is not None
        ),
        f"{AT_THIS_BUDGET}, its error is {{}} times that of {BASELINE}",
    )


def curve_findings(analysis: Analysis, metric: str) -> list[str]:
    """Return sentences on the learning curves of all arms of one transfer.

    Learning curves are those over structures of all temperatures; of models trained at one
    temperature the range of ratios is given.
    """
    curves: dict[str, dict[str, dict[int, Values]]] = defaultdict(lambda: defaultdict(dict))
    ratios: dict[tuple[str, str], dict[int, Ratio]] = defaultdict(dict)
    for row in sorted(analysis.of_metric(metric), key=lambda row: row.arm.size):
        if row.arm.train_temperature_k is None and row.is_comparable:
            curves[row.arm.backbone][row.arm.strategy][row.arm.size] = row.values
            # An arm without target data is worse than many structures from scratch as a matter of
            # course.
            if row.trained and row.ratio is not None:
                ratios[row.arm.backbone, row.arm.strategy][row.arm.size] = row.ratio
    found: list[str] = []
    for backbone, arms in sorted(curves.items()):
        if BASELINE not in arms:
            continue
        found += _of_plateau(backbone, arms[BASELINE])
        names = [s for s in analysis.strategies if s != BASELINE and s in arms]
        levels = {name: arms[name][0] for name in names if 0 in arms[name]}
        for name in names:
            start = f"{backbone}, {name}:"
            found += _of_arm(start, arms[name], arms[BASELINE])
            found += _of_sizes(start, ratios[backbone, name])
            found += _against_levels(f"{start} {AT_THIS_BUDGET},", arms[name], levels)
    return found + temperature_findings(analysis, metric)


def level_findings(analysis: Analysis, metric: str) -> list[str]:
    """Return where target data made an arm worse than one that sees none, at the largest budget."""
    curves: dict[tuple[Transfer, str], dict[str, dict[int, Values]]] = {}
    for row in analysis.of_metric(metric):
        if row.arm.train_temperature_k is None and row.is_comparable:
            arms = curves.setdefault((row.transfer, row.place.backbone), {})
            arms.setdefault(row.place.strategy, {})[row.arm.size] = row.values
    found: list[str] = []
    for (transfer, backbone), arms in curves.items():
        levels = {name: curve[0] for name, curve in arms.items() if 0 in curve}
        which = f" ({transfer.label()})" if analysis.has_several else ""
        for name, curve in arms.items():
            if name != BASELINE and name not in levels:
                start = f"{backbone}, {name}{which}: {at_budget(analysis.suite)},"
                found += _against_levels(start, curve, levels)
    return found


def ranges(found: Iterable[tuple[Place, Ratio, str]], said: str) -> list[str]:
    """Return a sentence for each arm of each backbone: ``said`` of the range of its ratios.

    Parameters
    ----------
    found
        Arm, ratio, and the name of what it is of.
    """
    arms: dict[tuple[str, str], list[tuple[Ratio, str]]] = {}
    for place, ratio, name in sorted(found, key=lambda each: (each[0].backbone, each[0].strategy)):
        arms.setdefault((place.backbone, place.strategy), []).append((ratio, name))
    return [
        f"{backbone}, {strategy}: {said.format(range_text(ratios))}."
        for (backbone, strategy), ratios in arms.items()
    ]


def _of_plateau(backbone: str, baseline: Curve) -> Iterator[str]:
    """Say from which size on more data hardly help the baseline, if there is one."""
    last = max(baseline)
    ratios = {n: paired_ratio(baseline[last], baseline[n]) for n in sorted(baseline) if n < last}
    flat = [(n, ratio.value) for n, ratio in ratios.items() if ratio and ratio.value > PLATEAU]
    if flat:
        size, ratio = flat[0]
        yield (
            f"{backbone}, {BASELINE}: {AT_THIS_BUDGET}, its error at N = {last} is "
            f"{ratio:.2f} times that at N = {size}: the length of "
            "training, not the number of structures, may limit it."
        )


def _of_arm(start: str, curve: Curve, baseline: Curve) -> Iterator[str]:
    area = area_ratio(curve, baseline)
    if area:
        sizes = sorted(size for size in curve if size in baseline)
        yield (
            f"{start} from N = {sizes[0]} to {sizes[-1]}, its error {AT_THIS_BUDGET} is on average "
            f"(area between the learning curves over log N) {ratio_text(area, False)} times that "
            f"of {BASELINE}{chance_text(area)}."
        )


def _of_sizes(start: str, ratios: Mapping[int, Ratio]) -> Iterator[str]:
    """Say at which sizes the error of an arm is larger than that of the baseline."""
    for size, ratio in ratios.items():
        if negative_transfer(ratio):
            yield (
                f"{start} at N = {size}, its error {AT_THIS_BUDGET} is {ratio_text(ratio, False)} "
                f"times that of {BASELINE}{chance_text(ratio)}."
            )


def _against_levels(start: str, curve: Curve, levels: Mapping[str, Values]) -> Iterator[str]:
    """Say where target data made an arm worse than one that sees none."""
    for level, pairs in levels.items():
        for size, values in curve.items():
            ratio = paired_ratio(values, pairs) if size else None
            if ratio and ratio.value > 1:
                yield (
                    f"{start} its error at N = {size} is "
                    f"{ratio_text(ratio, False)} times that of {level}, which sees no target data"
                    f"{chance_text(ratio)}."
                )
