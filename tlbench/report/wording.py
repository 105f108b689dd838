"""How numbers and their limits are put in words: ratios, ranges, budgets."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tlbench.base.phrases import counted, listed
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import CrossedRatio, Ratio, negative_transfer, verdict
from tlbench.study.model_key import Place
from tlbench.study.places import trained_places, untuned_places
from tlbench.study.study import Study
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING
from tlbench.transfer import arm

BASELINE = "scratch"
"""The strategy that all others are compared with."""

AT_THIS_BUDGET = "at this budget"
"""Part of every sentence on errors: at another number of updates others may hold."""

UNTUNED = "untuned"

WORSE = {"": "", "seen": " △", "significant": " ▲"}
WORSE_NOTE = (
    "△: larger error than from scratch, which may be chance. ▲: larger with 95 % confidence. Both "
    "hold for this number of updates; arms without target data are not marked."
)


UNFITTED = " †"
UNFITTED_NOTE = (
    "†: energies at the level of theory of the source, as no reference energies were fitted to the "
    "target; they are neither ranked nor compared."
)


def ratio_text(ratio: Ratio, flagged: bool = True) -> str:
    """Return a ratio with its interval, or with its number of pairs if they are too few.

    If ``flagged``, a sign marks an error larger than that of the baseline; see ``WORSE_NOTE``.
    """
    spread = interval_text(ratio.interval) or f"({n_pairs_text(ratio.n_pairs)})"
    return f"{ratio.value:.2f} {spread}{WORSE[negative_transfer(ratio)] if flagged else ''}"


def interval_text(interval: Any) -> str:
    """Return the ends of an interval in brackets; empty if there is none."""
    return f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else ""


def range_text(ratios: list[tuple[Ratio, str]]) -> str:
    """Return the smallest and the largest of some ratios, each with the name of what it is of."""
    extremes = (pick(ratios, key=lambda each: each[0].value) for pick in (min, max))
    return " to ".join(
        f"{ratio.value:.2f} {interval_text(ratio.interval)} ({name})"
        if ratio.interval
        else f"{ratio.value:.2f} ({name}; {n_pairs_text(ratio.n_pairs)})"
        for ratio, name in dict.fromkeys(extremes)
    )


def chance_text(ratio: Ratio) -> str:
    """Return a reservation where pairs are too few, or the interval of a ratio includes 1."""
    return "" if verdict(ratio) in ("gain", "loss") else "; it may be chance"


def n_pairs_text(count: int) -> str:
    """Return how many pairs there are, in words."""
    return counted(count, "pair")


def seeds_note(n_init_seeds: int) -> str:
    """Say what is not sampled where pairs have fewer init seeds than there are pairs."""
    return (
        f"The pairs share {counted(n_init_seeds, 'init seed')}, so their spread is that of the "
        "choice of training structures and hardly that of initial weights and source models."
    )


def interval_note(ratios: Iterable[Ratio]) -> str:
    """Say which choices the intervals of ratios allow for; empty without an interval.

    Test structures that are not independent count as one group.
    """
    found = [ratio for ratio in ratios if ratio.interval is not None]
    counts = sorted({ratio.n_groups for ratio in found if isinstance(ratio, CrossedRatio)})
    if not found:
        return ""
    if not counts:
        return "Intervals allow for the choice of seeds, not for that of test structures."
    groups = counted(counts[-1], "group")
    number = groups if len(counts) == 1 else f"{counts[0]} to {groups}"
    if all(isinstance(ratio, CrossedRatio) for ratio in found):
        return f"Intervals allow for the choice of seeds and of test structures ({number})."
    return (
        "Intervals allow for the choice of seeds and, of errors known structure by structure, for "
        f"that of test structures ({number})."
    )


def temperature_text(train_temperature_k: float | None, untrained: bool = False) -> str:
    """Return the temperature of training structures for a table; all of them if it is None."""
    if train_temperature_k is None:
        return "–" if untrained else "all"
    return f"{train_temperature_k:g}"


def number_text(value: float) -> str:
    """Return an error with the digits that mean something."""
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def at_budget(suite: Suite) -> str:
    """Return at which budget statements on a suite's final errors hold."""
    if suite.budgets is None:
        return AT_THIS_BUDGET
    return f"after {counted(suite.budgets[-1], 'update')}"


def budget_label(suite: Suite, submitted: Sequence[Suite] = ()) -> str:
    """Return in a few words what the errors of a suite measure.

    Parameters
    ----------
    submitted
        Suites of one protocol whose results are side by side; their tuned settings may differ.
    """
    if is_untrained(suite):
        return "potentials as they are, without training"
    if suite.budgets and len(suite.budgets) == 1:
        return (
            f"{counted(suite.budgets[0], 'update')}: one budget, convergence cannot be judged; "
            f"{tuning_label(submitted or [suite])}"
        )
    if suite.budgets:
        budgets = listed(f"{budget:,}" for budget in suite.budgets)
        tuning = tuning_label(submitted or [suite])
        return f"{budgets} updates; convergence judged arm by arm; {tuning}"
    updates = counted(suite.training.updates, "update")
    return f"{updates}: speed of learning, not shown to be converged"


def budget_note(suite: Suite, tuned: bool = False) -> str:
    """Return how models were trained, and what that leaves open.

    A run of a suite with one budget cannot show that training has converged.

    Parameters
    ----------
    tuned
        Whether some arms have learning rates of their own.
    """
    if suite.tuned is not None and (places := untuned_places(suite)):
        return f"{_note(suite, tuned)} {untuned_note(suite, places)}"
    return _note(suite, tuned)


def is_untrained(suite: Suite) -> bool:
    """Return whether nothing is trained: potentials are measured as they are."""
    return not (_pretrains(suite) or any(arm(name).trains for name in suite.strategies))


def _pretrains(suite: Suite) -> bool:
    has_data = suite.sources is None or any(each.data for each in suite.sources)
    return has_data and any(arm(name).needs_source for name in suite.strategies)


def _note(suite: Suite, tuned: bool) -> str:
    training, pretraining = suite.training, suite.pretraining
    if is_untrained(suite):
        return "No model is trained: errors are those of the potentials as they are."
    source = f", source models {pretraining.updates:,} at {pretraining.learning_rate:g}"
    source = source if _pretrains(suite) else ""
    if suite.budgets:
        return _budgets_note(suite, tuned)
    rate = f"a learning rate of {training.learning_rate:g}" + (" unless tuned" if tuned else "")
    return (
        f"Target models had {counted(training.updates, 'update')} at {rate}{source}. Errors are "
        "those at this budget and are not shown to be converged: where an arm has the lower error, "
        "it may only have learnt faster, and with longer training or another learning rate ratios "
        "and ranks may change, also to the other side of 1."
    )


def _budgets_note(suite: Suite, tuned: bool) -> str:
    budgets = listed(f"{budget:,}" for budget in suite.budgets or ())
    source = listed(
        f"{budget:,}" for budget in suite.pretraining_budgets or [suite.pretraining.updates]
    )
    source = f", source models {source} at {suite.pretraining.learning_rate:g}"
    source = source if _pretrains(suite) else ""
    rate = f"a learning rate of {suite.training.learning_rate:g}"
    how = (
        " No arm was tuned: with another learning rate arms may learn faster or slower, and ratios "
        "of models that are not converged may change, also to the other side of 1."
    )
    compared = (
        "Tables are of the largest budget unless they say otherwise. Only errors of which both the "
        "arm and scratch are converged are compared as what models end at; all others compare how "
        "fast they learn."
    )
    if len(suite.budgets or ()) == 1:
        compared = (
            "With one budget convergence cannot be judged: errors compare how fast models learn, "
            "not what they end at."
        )
    return (
        f"Target models had {budgets} updates at {rate}{' unless tuned' if tuned else ''}, each "
        f"training with its own whole schedule{source}. {compared}{'' if tuned else how}"
    )


def draw_note(study: Study) -> str:
    """Return on how many structures target models are validated, and how structures are drawn.

    Empty for a suite of the earlier protocol, which validates on all and draws at random.
    """
    suite = study.suite
    if not (suite.budgets or suite.validation or suite.subsets):
        return ""
    draws = dict.fromkeys(_draw_text(study.strata(ends.target)) for ends in study.ends)
    size = suite.validation.size if suite.validation else None
    if size is None:
        validated = "at most N structures" if suite.validation or suite.budgets else "all there are"
    else:
        validated = counted(size, "structure")
        if fewer := [str(n) for n in suite.sizes if n < size]:
            validated += f" (more than they are trained on at N = {listed(fewer)})"
    return (
        f"Target models are validated on {validated}; the draw of training and validation "
        f"structures is {' or, by data set, '.join(draws)}."
    )


def _draw_text(strata: Sequence[str] | None) -> str:
    return "random" if strata is None else f"stratified by {listed(strata)}"


def untuned_note(suite: Suite, untuned: Sequence[Place]) -> str:
    """Return which models of a tuned suite are not tuned, and what follows from that."""
    every = Counter((place.backbone, place.strategy) for place in trained_places(suite))
    arms: dict[tuple[str, str], list[Place]] = {}
    for place in untuned:
        arms.setdefault((place.backbone, place.strategy), []).append(place)
    if {strategy for _, strategy in arms} == {PRETRAINING}:
        return f"Pretraining was not tuned ({listed(backbone for backbone, _ in arms)})."
    names = [
        f"{backbone}, {strategy}"
        + ("" if len(places) == every[backbone, strategy] else f" ({_where(places)})")
        for (backbone, strategy), places in arms.items()
    ]
    return (
        f"Not tuned: {'; '.join(names)}. Their errors may be larger than they need be: a ratio of "
        "a tuned arm to one of these also shows what tuning gained."
    )


def _where(places: Sequence[Place]) -> str:
    """Return the sizes and budgets of some places of one arm."""
    budgets: dict[int | None, list[str]] = {}
    for place in places:
        budgets.setdefault(place.updates, []).extend([str(place.size)] if place.size else [])
    return ", ".join(
        " ".join(
            [
                *([f"N = {listed(sizes)}"] if sizes else []),
                *([f"after {counted(updates, 'update')}"] if updates else []),
            ]
        )
        for updates, sizes in budgets.items()
    )


def tuning_label(suites: Iterable[Suite]) -> str:
    """Return in a few words whether the arms of some suites are tuned."""
    untuned = [(suite.tuned is not None, bool(untuned_places(suite))) for suite in suites]
    if not any(tuned for tuned, _ in untuned):
        return UNTUNED
    return "partly tuned" if any(some for _, some in untuned) else "tuned"


_CONDITIONS = {
    "data": "test set of {}",
    "temperature_k": "{} K",
    "phase": "{}",
    "group": "kind: {}",
    "composition": "composition {}",
    "element": "atoms of {}",
    "md_temperature_k": "simulations at {} K",
    "property": "{}",
    "weights": "{} weights",
}


def condition_text(tested: ConditionKey) -> str:
    """Return in words what is tested on."""
    known = {name: v if isinstance(v, str) else f"{v:g}" for name, v in tested}
    parts = [_CONDITIONS[name].format(known.pop(name)) for name in _CONDITIONS if name in known]
    parts += [f"{name}: {value}" for name, value in known.items()]
    return ", ".join(parts) or "all test structures"
