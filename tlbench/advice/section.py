"""The answer in words and as a table, the first section of the page."""

from collections.abc import Iterator, Sequence

from tlbench.advice.answer import Answer, Start, unconverged
from tlbench.advice.as_is import AsIs
from tlbench.advice.defects import counting_sentence
from tlbench.advice.forgetting import forgetting_sentences, unmeasured_forgetting
from tlbench.advice.rates import LOWEST
from tlbench.advice.stability import Stability
from tlbench.advice.survival import stability_sentence, stability_table
from tlbench.base.phrases import counted, listed
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import FIXED, Ratio
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.claims import CLAIM_PAIRS
from tlbench.report.content import Block, Lines, Section, Sentences, Table, lines_of
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import BASELINE, interval_text, n_pairs_text
from tlbench.results.shares import FEWEST_GROUPS

NAME = "advice"

NOTE = (
    "Errors of the last weights on the test structures: geometric means over pairs. The ratio is "
    "that to training from scratch on the same structures, with its 95 % interval."
)
BEST_NOTE = (
    "*: weights of the lowest validation error, because the error rises with more updates; the "
    "ratio is that of such weights of both."
)

WORDS = (
    "Update: one step of the optimizer, on {batch_size} structures. Pair: one draw of training "
    "structures with one of initial weights and of the order of batches. Last weights: those after "
    "the last update."
)
"""What the words of answers and tables mean."""

AS_IS_NOTE = "As it is: without training on these data."
ONE_MODEL_NOTE = (
    "A published potential as it is is one model, so all spread of its ratio is that of scratch."
)

OTHER_THEORY = "†"

CORRELATED = {
    "last": "the end of one trajectory",
    "blocks": "the ends of the trajectories that the others are from",
}
"""How test structures were held back, of which successive frames are correlated."""


def advice_section(
    answer: Answer | None,
    further: Sequence[str] = (),
    stability: Stability | str = "",
    as_is: AsIs | None = None,
) -> Section:
    """Return the answer in words, the one to the question first, and tables.

    Parameters
    ----------
    further
        Sentences that follow: what was not compared, and where the potential is.
    stability
        What simulations found, or a sentence that says why there are none.
    as_is
        Published potentials as they are, shown where there is no answer, which has them.
    """
    if answer is None:
        said = [
            "Nothing can be recommended: no start was compared with training from scratch, because "
            "jobs failed."
        ]
        known = [as_is.table] if as_is is not None and as_is.rows else []
        return Section(NAME, "Advice", [Sentences([*said, *further], title=""), *known])
    lines = table(answer)
    has_best = any(cell.endswith(" *") for line in lines for cell in line)
    is_one = any(row.values.keys() == {FIXED} for row in answer.as_is.values())
    words = WORDS.format(batch_size=answer.design.batch_size)
    notes = {NOTE: True, BEST_NOTE: has_best, AS_IS_NOTE: answer.as_is, ONE_MODEL_NOTE: is_one}
    notes[_theories(answer)] = answer.design.other_theories
    notes[words] = True
    blocks: list[Block] = [
        Sentences([*sentences(answer, stability), *further], title=""),
        Table("Starts", lines, " ".join(note for note, holds in notes.items() if holds)),
    ]
    if isinstance(stability, Stability):
        blocks.append(stability_table(stability))
    return Section(NAME, "Advice", blocks)


def sentences(answer: Answer, stability: Stability | str = "") -> Iterator[str]:
    """Yield the recommendation, the other starts, what more structures bring, and reservations."""
    best = answer.fastest
    yield from _without_training(answer)
    yield _recommendation(answer, best)
    yield from _as_is(answer)
    yield from _others(answer, best)
    yield from _incomplete(answer)
    yield _doubling(answer, BASELINE if best is None else best.name)
    if said := stability_sentence(stability) if isinstance(stability, Stability) else stability:
        yield said
    yield from forgetting_sentences(answer)
    yield from _reservations(answer)
    yield _untested(answer, stability)


def table(answer: Answer) -> Lines:
    """Return a line for each start and number of structures, the largest number first."""
    names = dict.fromkeys([*(each.name for each in answer.starts), *answer.curves, *answer.as_is])
    lines = []
    for size in sorted({*answer.baseline, *answer.design.sizes}, reverse=True):
        for name in (BASELINE, *names):
            against = [] if name == BASELINE else [(BASELINE, size)]
            rows = answer.rows((name, size), *against) or answer.rows((name, size))
            ratio = answer.ratio(name, size) if against else None
            sign = f" {OTHER_THEORY}" if name in answer.design.other_theories else ""
            if rows:
                lines.append(_line(name, size, rows[0], (_ratio(ratio) if ratio else "–") + sign))
            if size == answer.size and name in answer.as_is:
                row = answer.as_is[name]
                to_scratch = ratio_between(row, answer.baseline[size])
                ratio_text = _ratio(to_scratch) if to_scratch else "–"
                lines.append(_line(f"{name} as it is", 0, row, ratio_text + sign))
    return lines_of(lines)


def _line(name: str, size: int, row: Row, ratio: str) -> dict[str, str]:
    metric = METRICS.get(row.metric)
    return {
        "start": name,
        "backbone": row.place.backbone,
        "N": str(size),
        f"force MAE ({metric.unit})": metric.text(row.mean.value)
        + (" *" if row.tested == BEST else ""),
        f"/ {BASELINE}": ratio,
    }


def _theories(answer: Answer) -> str:
    """Return what the sign of rows means whose start is of another level of theory."""
    design = answer.design
    named = listed(f"{name} on {theory}" for name, theory in design.other_theories.items())
    return (
        f"{OTHER_THEORY}: pretrained on labels of another level of theory, {named}; that of these "
        f"data: {design.theory}."
    )


def _ratio(ratio: Ratio) -> str:
    return (
        f"{ratio.value:.2f} {interval_text(ratio.interval) or f'({n_pairs_text(ratio.n_pairs)})'}"
    )


def _named(starts: Sequence[Start]) -> str:
    return listed(f"{each.name} ({_ratio(each.ratio)})" for each in starts)


def _trained(answer: Answer) -> str:
    """Return how much models of the largest size have been trained."""
    updates, times = answer.baseline[answer.size].place.updates, f"{answer.passes:.3g}"
    seen = {"1": "once", "2": "twice"}.get(times, f"{times} times")
    return (
        f"after {updates:,} updates, in which each of the {answer.size} structures was seen {seen}"
    )


def _without_training(answer: Answer) -> Iterator[str]:
    """Yield which starts as they are nothing that was trained is shown to be better than."""
    if not answer.unbeaten:
        return
    best, *others = answer.unbeaten
    name, row = answer.leading
    metric = METRICS.get(row.metric)
    errors = {
        each.name: f"{metric.text(answer.as_is[each.name].mean.value)} {metric.unit}"
        for each in answer.unbeaten
    }
    models = "models from scratch" if name == BASELINE else f"models from {name}"
    yield (
        f"Nothing trained is recommended over {best.name} as it is: without training on these "
        f"data, its force error on {counted(answer.design.n_test, 'test structure')} is "
        f"{errors[best.name]}; that of {models}, which lead what was trained, is "
        f"{metric.text(row.mean.value)} {metric.unit}, {_ratio(best.ratio)} times as high, "
        f"{_trained(answer)}."
    )
    if others:
        named = listed(f"{each.name} as it is ({errors[each.name]})" for each in others)
        yield f"Nor is anything trained shown to be better than {named}."


def _recommendation(answer: Answer, best: Start | None) -> str:
    size, baseline = answer.size, answer.baseline[answer.size]
    after = _trained(answer)
    on = f"on {counted(answer.design.n_test, 'test structure')}"
    scratch = f"that of {baseline.place.backbone} trained from scratch"
    if best is not None:
        beside = answer.rows((BASELINE, size), (best.name, size))[0]
        text = METRICS.get(best.row.metric).text
        said, end = f"Start from {best.name}", ""
        if answer.has_few_passes:
            said = f"Of what was compared, {best.name} learns fastest"
            end = "; with so few updates this is not a recommendation"
        elif answer.recommended is None:
            said = f"Of what was trained, {best.name} has the lowest error beside that from scratch"
        return (
            f"{said}: {after}, its force error {on} is {_ratio(best.ratio)} times {scratch} "
            f"({text(best.row.mean.value)} against {text(beside.mean.value)} meV/Å; 95 % interval "
            f"over {n_pairs_text(best.ratio.n_pairs)}){end}."
        )
    if all(each.side == "no claim" for each in answer.starts):
        needed, there = f"{CLAIM_PAIRS} pairs", "fewer were finished"
        if not answer.design.has_tests:
            needed, there = f"{FEWEST_GROUPS} test structures", f"there are {answer.design.n_test}"
        said = f"No start is recommended: a claim needs {needed}, and {there}"
        if answer.starts:
            named = _named(answer.starts)
            said += f"; {after}, the force errors {on}, relative to {scratch}, are those of {named}"
        return f"{said}."
    return (
        f"No start is recommended: {after}, no force error {on} is lower than {scratch} by more "
        f"than {100 * answer.least:g} % beyond chance."
    )


def _as_is(answer: Answer) -> Iterator[str]:
    """Yield of which starts fine-tuning is worse, or not shown to be better, than none at all."""
    found, choice = answer.beside_as_is, answer.design.choice
    if worse := [each for each in found if each.side == "higher"]:
        is_open = choice is None or any(
            choice.rates.get(each.name, LOWEST) == LOWEST for each in worse
        )
        end = "; a lower learning rate may help" if is_open else ""
        yield f"Worse fine-tuned than as it is: {_beside_as_is(answer, worse)}{end}."
    if same := [each for each in found if each.side == "same"]:
        yield f"Not shown to be better fine-tuned than as it is: {_beside_as_is(answer, same)}."


def _beside_as_is(answer: Answer, starts: Sequence[Start]) -> str:
    return listed(
        f"{each.name} ({_ratio(each.ratio)} times its error of "
        f"{METRICS.get(each.row.metric).text(answer.as_is[each.name].mean.value)} meV/Å)"
        for each in starts
    )


def _others(answer: Answer, best: Start | None) -> Iterator[str]:
    others, choice = [each for each in answer.starts if each is not best], answer.design.choice
    lower = [each for each in others if each.side == "lower"]
    if lower:
        yield f"Lower than from scratch, too: {_named(lower)}."
    if best is not None and (rivals := answer.rivals(best)):
        said = listed(f"{start.name} ({_ratio(ratio)} times its error)" for start, ratio in rivals)
        yield f"Not shown to be worse than {best.name}: {said}."
    if same := [each for each in others if each.side == "same"]:
        yield (
            "Not shown to differ from training from scratch by more than "
            f"{100 * answer.least:g} %: {_named(same)}."
        )
    if higher := [each for each in others if each.side == "higher"]:
        named = _named(higher)
        if answer.has_few_passes:
            yield f"Higher than from scratch with so few updates: {named}."
        elif choice is not None and any(choice.is_at_an_end(each.name) for each in higher):
            yield f"Higher than from scratch with the learning rates that were tried: {named}."
        else:
            yield f"Do not start from {named}: the error is higher than from scratch."


def _incomplete(answer: Answer) -> Iterator[str]:
    """Yield what was to be compared at the largest size and was not, or not with all pairs."""
    design = answer.design
    for name, n_pairs in answer.incomplete():
        yield (
            f"{name} is not compared in full: with {design.sizes[-1]} structures, {n_pairs} of "
            f"{n_pairs_text(design.n_pairs)} have errors of both it and scratch, because jobs "
            "failed."
        )


def _doubling(answer: Answer, name: str) -> str:
    """Return what more structures would bring to the recommended start, or to scratch."""
    called = "training from scratch" if name == BASELINE else f"a start from {name}"
    sizes = sorted(answer.curve(name))[-2:]
    if len(sizes) < 2 or sizes[-1] != answer.size:
        why = "for lack of time" if len(answer.design.sizes) < 2 else "because jobs failed"
        return f"What more structures would bring was not measured, {why}."
    ratio = answer.doubling(name)
    if ratio is None or ratio.interval is None:
        few = "pairs" if answer.design.has_tests else "test structures"
        return f"What more structures would bring cannot be said from so few {few}."
    if ratio.interval.side() == 0:
        return (
            f"Whether more structures lower the error of {called} cannot be distinguished from "
            f"chance: the change from {sizes[0]} to {sizes[1]} structures, scaled to a doubling, "
            f"is a factor of {_ratio(ratio)}."
        )
    known = [answer.converged.get(name, {}).get(size) for size in sizes]
    is_open = any(each is None or not each.is_converged for each in known)
    return (
        f"{answer.size} structures more would change the error of {called} by a factor of about "
        f"{_ratio(ratio)}, if it goes on as from {sizes[0]} to {sizes[1]} structures"
        f"{' and with as few updates: it is not shown to be converged' if is_open else ''}."
    )


def _reservations(answer: Answer) -> Iterator[str]:
    """Yield whether training was long enough, what claims rest on, and what was not tested."""
    found = unconverged(answer, (BASELINE, *answer.curves))
    if found:
        few, many = found[0][1].budgets
        named = listed(f"{_ratio(each.ratio)} ({name})" for name, each in found)
        yield (
            f"Not shown to be converged: from {few:,} to {many:,} updates errors still changed by "
            f"factors of {named}. So the comparison is of how fast models learn, and longer "
            "training may change it."
        )
    if rising := [each.name for each in answer.starts if each.row.tested == BEST]:
        yield (
            "Where errors rise with more updates, the weights of the lowest validation error are "
            f"compared instead of the last: {listed(rising)}, each with scratch."
        )
    design = answer.design
    if design.choice is not None:
        yield from design.choice.sentences()
    if design.marked:
        yield counting_sentence(design.marked, design.n_held_back)
    if design.n_train == answer.size:
        yield (
            f"All pairs of {answer.size} structures have the same ones, which are all that there "
            "are to train on, so that their intervals allow for the choice of seeds alone and not "
            "for that of training structures."
        )
    if design.order in CORRELATED:
        yield (
            f"The test structures are {CORRELATED[design.order]}, and frames of one trajectory are "
            "correlated, also with those trained on: intervals are too narrow, and errors on other "
            "trajectories may be larger."
        )


def _untested(answer: Answer, stability: Stability | str) -> str:
    """Return what was not tested."""
    said = [] if isinstance(stability, Stability) else ["stability in molecular dynamics"]
    of_all = "learning rates other than the one of all starts"
    said.append("other learning rates" if answer.design.choice else of_all)
    unknown = unmeasured_forgetting(answer)
    if unknown:
        all_ = not answer.retained
        said.append(f"what fine-tuning makes {'models' if all_ else listed(unknown)} forget")
    return f"Not tested: {listed(said)}."
