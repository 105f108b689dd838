"""What a study is, on a terminal: data sets, backbones with all settings, arms, seeds."""

from typing import TYPE_CHECKING, Any

from tlbench.base.phrases import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tlbench.study.ends import Ends
    from tlbench.study.study import Study
    from tlbench.study.tuned import TunedGroup


def show_study(study: "Study", n_jobs: int) -> None:
    """Print a study so that all that determines its numbers can be read in 80 columns."""
    from rich.table import Table

    from tlbench.base.errors import printable
    from tlbench.cli.tables import console, drawn, say
    from tlbench.data.origins import SPLITS
    from tlbench.study.tuned import PRETRAINING

    out, suite = console(), study.suite
    say(f"{suite.name}, version {suite.version}: {suite.title}", out, "bold")
    say(suite.description, out, indent=2)
    say(f"digest {study.digest}", out, indent=2)
    cards = [
        [card.name, ", ".join(card.elements), *(f"{card.n_frames(split):,}" for split in SPLITS)]
        for card in study.cards
    ]
    out.print()
    out.print(drawn([["data set", "elements", *SPLITS], *cards], out.width, words=(0, 1)))
    out.print()
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=24)
    table.add_column()
    for title, text in _settings(study):
        table.add_row(printable(title), printable(text))
    out.print(table)
    n_source = sum(model.strategy == PRETRAINING for model in study.grid)
    n_simulated = sum(map(study.is_simulated, study.grid))
    simulated = f", {n_simulated:,} of them also simulated" if n_simulated else ""
    n_computed = sum(map(study.has_properties, study.grid))
    computed = f", physical properties of {n_computed:,} of them" if n_computed else ""
    out.print()
    say(
        f"{len(study.grid):,} models, {n_source:,} of them source models{simulated}{computed}; "
        f"{n_jobs:,} jobs. See them with tlbench plan {suite.name}.",
        out,
    )


def _settings(study: "Study") -> "Iterator[tuple[str, str]]":
    from tlbench.study.further_sets import sentences

    suite = study.suite
    yield "transfers", "; ".join(ends.transfer.label() for ends in study.ends)
    several = [each for each in study.ends if each.has_several]
    if any(arm.needs_source for arm in study.arms):
        for starts in dict.fromkeys(each.starts for each in several):
            yield "elements", "; ".join(start.label() for start in starts)
    for name, settings in study.backbones.items():
        yield f"backbone {name}", _listed(settings)
    for arm in study.arms:
        yield f"arm {arm.name}", arm.summary
    for ends in study.ends:
        if suite.sources is not None:
            yield f"source {ends.source_name}", _source(ends)
    if left_out := study.left_out():
        yield "left out", " ".join(left_out)
    if suite.from_scratch is not None:
        yield "trained from scratch", ", ".join(suite.from_scratch)
    yield "sizes", ", ".join(map(str, suite.sizes))
    if suite.training_temperatures_k:
        yield "trained at", ", ".join(f"{t:g} K" for t in suite.training_temperatures_k)
    yield "seeds (subset/init)", ", ".join(f"{s}/{i}" for s, i in suite.seed_pairs())
    if suite.budgets:
        yield "budgets (updates)", ", ".join(f"{budget:,}" for budget in suite.budgets)
    if suite.pretraining_budgets:
        source = ", ".join(f"{budget:,}" for budget in suite.pretraining_budgets)
        yield "of source models", f"{source}; target models start from the last"
    for name, text in _structures(study).items():
        yield name, text
    yield "pretraining", _listed(suite.pretraining.model_dump(mode="json"))
    yield "training", _listed(suite.training.model_dump(mode="json"))
    for backbone, name, group in suite.tuned.groups() if suite.tuned else ():
        tuned = _listed(group.settings.model_dump(mode="json"))
        yield f"tuned {name} of {backbone}", _group_label(group) + tuned
    yield "metrics", ", ".join(suite.metrics)
    if study.further:
        names = (card.name if card else "the source of each transfer" for card in study.further)
        untested = sentences(study.untested, len(study.ends))
        yield "also tested on", " ".join([f"{', '.join(names)}.", *untested])
    if suite.by:
        yield "broken down by", "; ".join(" and ".join(names) for names in suite.by)
    if suite.dynamics is not None:
        yield "dynamics", _listed(suite.dynamics.model_dump(mode="json"))
    if suite.properties is not None:
        yield "properties", _listed(suite.properties.model_dump(mode="json"))
    if suite.distances is not None:
        yield "distances", _listed(suite.distances.model_dump(mode="json"))


def _source(ends: "Ends") -> str:
    """Return what a source is, and which backbones start from it."""
    takers = f"for {', '.join(ends.backbones)}"
    if ends.potential is None:
        return f"pretraining on {ends.cards[0].name}, {takers}"
    trained_on = ends.potential.trained_on or "data that are not known"
    return f"SHA-256 {ends.potential.sha256[:16]}…, {takers}; trained on {trained_on}"


def _group_label(group: "TunedGroup") -> str:
    """Return which source, sizes and budget tuned settings are for; empty if for all."""
    source = f"from {group.source}, " if group.source else ""
    sizes = f"N {' '.join(map(str, group.sizes))}, " if group.sizes else ""
    return source + sizes + (f"{group.updates:,} updates: " if group.updates else "")


def _structures(study: "Study") -> dict[str, str]:
    """Return which structures models are trained, validated and tested on, where it is chosen."""
    suite, found = study.suite, {}
    strata = {ends.target.name: study.strata(ends.target) for ends in study.ends}
    for name, properties in strata.items():
        if properties:
            found[f"subsets of {name}"] = f"stratified by {listed(properties)}"
    if suite.budgets or suite.validation:
        size = suite.validation and suite.validation.size
        found["validation"] = f"on {size or 'at most N'} structures"
    if suite.budgets:
        found["weights"] = listed(suite.weights)
    for card in study.cards:
        if study.marked(card):
            marks = ", ".join(f"{mark} ({len(of)})" for mark, of in study.marked(card).items())
            found[f"left out of {card.name}"] = f"test structures marked {marks}"
    return found


def _listed(settings: dict[str, Any]) -> str:
    """Return settings as ``name value``, those of a group in brackets."""
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_listed(value)})"
    if isinstance(value, list):
        return " ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:g}"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)
