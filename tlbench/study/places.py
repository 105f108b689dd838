"""Which arms of a suite are trained, at which sizes and budgets, and which of these are tuned."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from tlbench.base.registry import near_names
from tlbench.study.model_key import ModelKey, Place
from tlbench.study.tuned import PRETRAINING, Tuned, TunedGroup
from tlbench.transfer import arm
from tlbench.transfer.strategy import Strategy

if TYPE_CHECKING:
    from tlbench.study.property_choice import PropertyChoice
    from tlbench.study.simulations import Simulations
    from tlbench.study.suite import Suite


def budget(suite: "Suite", place: Place) -> int:
    """Return the number of updates at which the models of a trained place are compared."""
    training = suite.pretraining if place.strategy == PRETRAINING else suite.training
    return place.updates or training.updates


def budgets_of(suite: "Suite", strategy: Strategy) -> list[int | None]:
    """Return the budgets that an arm is trained at; none for one that does not train.

    One that trains as long as pretraining and fine-tuning together does so for the largest budget
    only: it is by far the dearest, and a comparison for the models that are the result.
    """
    budgets = suite.target_budgets()
    if not strategy.trains:
        return []
    return budgets[-1:] if strategy.compute_matched else budgets


def is_trained_by(suite: "Suite", strategy: Strategy, backbone: str) -> bool:
    """Return whether a suite has models of an arm and a backbone; it may leave out scratch.

    That leaves out scratch that trains for longer, too.
    """
    only, is_scratch = suite.from_scratch, strategy.name == "scratch" or strategy.compute_matched
    return only is None or not is_scratch or backbone in only


def is_among(suite: "Suite", some: "Simulations | PropertyChoice | None", model: ModelKey) -> bool:
    """Return whether a target model is one of those that ``some`` of a suite asks for.

    They are those of a size and a budget, and all that see no target data.
    """
    if some is None or model.strategy == PRETRAINING:
        return False
    trained_so = model.size == 0 or model.updates in (some.budgets or suite.target_budgets()[-1:])
    return trained_so and model.size in (0, *(some.sizes or suite.sizes))


def trained_places(suite: "Suite") -> list[Place]:
    """Return every arm that trains, at each size and budget; of each backbone pretraining first.

    Pretraining has size 0, as it sees no target data. Training temperatures share their settings.
    """
    arms = [arm(name) for name in suite.strategies]
    sources = suite.source_budgets() if any(each.needs_source for each in arms) else []
    found = []
    for backbone in suite.backbones:
        if _is_pretrained(suite, backbone):
            found += [Place(backbone, PRETRAINING, 0, updates=updates) for updates in sources]
        found += [
            Place(backbone, each.name, size, updates=updates)
            for each, size in product(arms, suite.sizes)
            if is_trained_by(suite, each, backbone)
            for updates in budgets_of(suite, each)
        ]
    return found


def _is_pretrained(suite: "Suite", backbone: str) -> bool:
    """Return whether a backbone has a data set as a source; potentials have their weights."""
    if suite.sources is None:
        return True
    data = [choice for choice in suite.sources if choice.data is not None]
    return any(choice.backbones is None or backbone in choice.backbones for choice in data)


def untuned_places(suite: "Suite") -> list[Place]:
    """Return the trained places that have the suite's own settings, if from one source alone."""
    return [place for place in trained_places(suite) if not _is_tuned(suite, place)]


def _is_tuned(suite: "Suite", place: Place) -> bool:
    """Return whether a place has tuned settings, from each of the data sets it may start from."""
    groups = suite.tuned.arms.get(place.backbone, {}).get(place.strategy, []) if suite.tuned else []
    sources = {g.source for g in groups if g.covers(place.size, budget(suite, place))}
    is_started = place.strategy == PRETRAINING or arm(place.strategy).needs_source
    if None in sources or not is_started:
        return bool(sources)
    data = [each for each in suite.sources or () if each.data is not None]
    serving = [each for each in data if each.backbones is None or place.backbone in each.backbones]
    return len(sources) >= max(len(serving), 1)


def still_tuned(tuned: Tuned, before: "Suite", after: "Suite") -> Tuned | None:
    """Return the settings of what a changed suite still trains; None if there are none.

    What ``before`` does not train either is kept, for `contradictions_of_tuning` to refuse.
    """
    was, now = _tunable(before), _tunable(after)
    arms: dict[str, dict[str, list[TunedGroup]]]
    arms = {name: {} for name in tuned.arms if name not in before.backbones}
    for backbone, name, group in tuned.groups():
        sizes, budgets = was.get((backbone, name), (set(), set()))
        own_sizes, own_budgets = now.get((backbone, name), (set(), set()))
        left = [size for size in group.sizes or () if size not in sizes - own_sizes]
        is_gone = (backbone, name) in was.keys() - now.keys()
        if is_gone or (group.sizes and not left) or group.updates in budgets - own_budgets:
            continue
        kept = group.model_copy(update={"sizes": left or None})
        arms.setdefault(backbone, {}).setdefault(name, []).append(kept)
    return tuned.model_copy(update={"arms": arms}) if arms else None


def has_other_data(before: "Suite", after: "Suite") -> bool:
    """Return whether a changed suite has a data set or a source that it did not have before."""
    if before.matrix is not None and after.matrix is not None:
        added = set(after.matrix.elements) - set(before.matrix.elements)
        same = {"elements": after.matrix.elements, "others": after.matrix.others}
        return bool(added) or before.matrix.model_copy(update=same) != after.matrix
    had = [before.source, *(before.sources or [])]
    has = [after.source, *(after.sources or [])]
    return before.target != after.target or any(each not in had for each in has)


def _tunable(suite: "Suite") -> dict[tuple[str, str], tuple[set[int], set[int]]]:
    """Return (backbone, arm) → sizes and budgets of what a suite trains."""
    found: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
    for place in trained_places(suite):
        sizes, budgets = found.setdefault((place.backbone, place.strategy), (set(), set()))
        sizes.add(place.size)
        budgets.add(budget(suite, place))
    return found


def contradictions_of_tuning(suite: "Suite") -> Iterator[str]:
    """Yield in which respects the tuned settings of a suite are of another one."""
    if suite.tuned is None:
        return
    if suite.tuned.suite != suite.name:
        yield (
            f"tuned: the settings are of suite {suite.tuned.suite!r}, not of {suite.name!r}; tune "
            "this one"
        )
    places = trained_places(suite)
    trained = list(dict.fromkeys(place.strategy for place in places))
    for backbone in suite.tuned.arms:
        if backbone not in suite.backbones:
            hint = near_names(backbone, suite.backbones)
            yield f"tuned: {backbone!r} is not a backbone of the suite; {hint}"
    for backbone, name, group in suite.tuned.groups():
        if name not in trained:
            yield f"tuned: {name!r} is not trained by the suite; {near_names(name, trained)}"
        own = [place for place in places if place.strategy == name]
        sizes, budgets = {place.size for place in own}, {budget(suite, place) for place in own}
        for noun, stated, possible in (
            ("size", {*(group.sizes or ())}, sizes),
            ("budget", {group.updates} - {None}, budgets),
        ):
            if others := stated - possible:
                yield (
                    f"tuned: {backbone}, {name} is tuned at {noun} {min(filter(None, others))}, "
                    f"which the suite does not have; it has {', '.join(map(str, sorted(possible)))}"
                )
