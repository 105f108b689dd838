"""The answer in words and as a table, the first section of the page."""

from collections.abc import Iterator, Sequence

from tlbench.advice.answer import Answer, Start, unconverged
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import CONVERGED, Ratio
from tlbench.report.content import Block, Lines, Section, Sentences, Table, lines_of
from tlbench.report.rows import Row
from tlbench.report.sections.answer import CLAIM_PAIRS
from tlbench.report.wording import BASELINE, interval_text, listed, n_pairs_text

NAME = "advice"

UNTESTED = (
    "Not tested: stability in molecular dynamics, learning rates other than the one of all starts, "
    "and what fine-tuning makes a potential forget."
)

NOTE = (
    "Errors of the last weights on the test structures: geometric means over pairs. The ratio is "
    "that to training from scratch on the same structures, with its 95 % interval."
)


def advice_section(answer: Answer | None, further: Sequence[str] = ()) -> Section:
    """Return the answer in words, the one to the question first, and a table.

    Parameters
    ----------
    further
        Sentences that follow: what was not compared, and where the potential is.
    """
    if answer is None:
        said = [
            "Nothing can be recommended: no start was compared with training from scratch, because "
            "jobs failed."
        ]
        return Section(NAME, "Advice", [Sentences([*said, *further], title="")])
    blocks: list[Block] = [
        Sentences([*sentences(answer), *further], title=""),
        Table("Starts", table(answer), NOTE),
    ]
    return Section(NAME, "Advice", blocks)


def sentences(answer: Answer) -> Iterator[str]:
    """Yield the recommendation, the other starts, what more structures bring, and reservations."""
    best = answer.recommended
    yield _recommendation(answer, best)
    yield from _others(answer, best)
    yield _doubling(answer, best)
    yield from _reservations(answer, best)


def table(answer: Answer) -> Lines:
    """Return a line for each start and number of structures, the largest number first."""
    lines = []
    for size in sorted(answer.baseline, reverse=True):
        baseline = answer.baseline[size]
        lines.append(_line(BASELINE, size, baseline, "–"))
        for start in answer.starts:
            row = answer.curves[start.name].get(size)
            if row is not None:
                ratio = answer.ratio(start.name, size)
                lines.append(_line(start.name, size, row, _ratio(ratio) if ratio else "–"))
    return lines_of(lines)


def _line(name: str, size: int, row: Row, ratio: str) -> dict[str, str]:
    metric = METRICS.get(row.metric)
    return {
        "start": name,
        "backbone": row.place.backbone,
        "N": str(size),
        f"force MAE ({metric.unit})": metric.text(row.mean.value),
        f"/ {BASELINE}": ratio,
    }


def _ratio(ratio: Ratio) -> str:
    return (
        f"{ratio.value:.2f} {interval_text(ratio.interval) or f'({n_pairs_text(ratio.n_pairs)})'}"
    )


def _named(starts: Sequence[Start]) -> str:
    return listed(f"{each.name} ({_ratio(each.ratio)})" for each in starts)


def _recommendation(answer: Answer, best: Start | None) -> str:
    size, baseline = answer.size, answer.baseline[answer.size]
    with_ = f"with {size} structures and {baseline.place.updates:,} updates"
    scratch = f"that of {baseline.place.backbone} trained from scratch"
    if best is not None:
        text = METRICS.get(best.row.metric).text
        return (
            f"Start from {best.name}: {with_}, its force error is {_ratio(best.ratio)} times "
            f"{scratch} ({text(best.row.mean.value)} against {text(baseline.mean.value)} meV/Å; "
            f"95 % interval over {n_pairs_text(best.ratio.n_pairs)})."
        )
    few = [each for each in answer.starts if each.side == "too few pairs"]
    if few and len(few) == len(answer.starts):
        return (
            f"No start is recommended: a claim needs {CLAIM_PAIRS} pairs, and fewer were finished; "
            f"the force errors {with_}, relative to {scratch}, are those of {_named(few)}."
        )
    return (
        f"No start is recommended: {with_}, no force error is lower than {scratch} by more than "
        f"{100 * CONVERGED:g} % beyond chance."
    )


def _others(answer: Answer, best: Start | None) -> Iterator[str]:
    others = [each for each in answer.starts if each is not best]
    lower = [each for each in others if each.side == "lower"]
    if lower:
        yield f"Lower than from scratch, too: {_named(lower)}."
    if best is not None and (rivals := answer.rivals(best)):
        said = listed(f"{start.name} ({_ratio(ratio)} times its error)" for start, ratio in rivals)
        yield f"Not shown to be worse than {best.name}: {said}."
    if same := [each for each in others if each.side == "same"]:
        yield f"Cannot be distinguished from training from scratch: {_named(same)}."
    if higher := [each for each in others if each.side == "higher"]:
        yield f"Do not start from {_named(higher)}: the error is higher than from scratch."


def _doubling(answer: Answer, best: Start | None) -> str:
    """Return what more structures would bring to the recommended start, or to scratch."""
    name = BASELINE if best is None else best.name
    curve = answer.baseline if best is None else answer.curves[best.name]
    called = "training from scratch" if best is None else f"a start from {name}"
    sizes = sorted(curve)[-2:]
    if len(sizes) < 2:
        return "What more structures would bring was not measured, for lack of time."
    ratio = answer.doubling(curve)
    if ratio is None or ratio.interval is None:
        return "What more structures would bring cannot be said from so few pairs."
    if ratio.interval.side() == 0:
        return (
            f"Whether more structures lower the error of {called} cannot be distinguished from "
            f"chance: from {sizes[0]} to {sizes[1]} structures it changed by a factor of "
            f"{_ratio(ratio)}."
        )
    return (
        f"{answer.size} structures more would change the error of {called} by a factor of about "
        f"{_ratio(ratio)}, if it goes on as from {sizes[0]} to {sizes[1]} structures."
    )


def _reservations(answer: Answer, best: Start | None) -> Iterator[str]:
    """Yield whether training was long enough, and what was not tested."""
    names = [BASELINE, *([] if best is None else [best.name])]
    found = unconverged(answer, names)
    if found:
        few, many = found[0][1].budgets
        named = listed(f"{_ratio(each.ratio)} ({name})" for name, each in found)
        yield (
            f"Not shown to be converged: from {few:,} to {many:,} updates errors still changed by "
            f"factors of {named}. So the comparison is of how fast models learn, and longer "
            "training may change it."
        )
    yield UNTESTED
