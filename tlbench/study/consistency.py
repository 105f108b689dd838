"""Whether what a study names fits together: data, sizes, parts and sources."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tlbench.base.errors import InputError
from tlbench.base.phrases import listed
from tlbench.data.cards import Card, same_data_error, shared_data
from tlbench.study.ends import Ends
from tlbench.study.suite import Suite
from tlbench.transfer.strategy import Strategy

if TYPE_CHECKING:
    from tlbench.study.study import Study


def check_consistent(study: "Study") -> None:
    """Refuse a study whose models cannot be trained, validated or compared as its suite says.

    Raises
    ------
    InputError
        Naming what does not fit.
    """
    suite = study.suite
    for ends in study.ends:
        _check_arms(study, ends)
        _check_told_apart(study, ends)
        _check_different(study, ends)
        _check_sizes(suite, ends.target)
        _check_part(suite, ends)
        if suite.validation is not None:
            suite.validation.check(suite.name, ends.target)
        if suite.properties is not None:
            suite.properties.check(suite.name, ends.target)
        if suite.subsets == "stratified" and not ends.target.strata:
            raise InputError(
                f"Suite {suite.name!r}: subsets are to be stratified, but the card of "
                f"{ends.target.name!r} has no strata; add 'strata', as [group, phase], to it, or "
                "set subsets: random."
            )


def _check_arms(study: "Study", ends: Ends) -> None:
    needing = [each for each in study.arms if each.needs_source] or study.arms
    if not any(ends.serves(each) for each in needing):
        raise InputError(
            f"Suite {study.suite.name!r}: {arm_names(needing)} cannot start from "
            f"{ends.source_name}: of a potential there is no source data and no pretraining; add "
            "another strategy, as finetune, or leave this source out."
        )


def _check_told_apart(study: "Study", ends: Ends) -> None:
    """Refuse arms in which elements that start alike stay so, with one energy for either."""
    alike = [
        [start.target for start in ends.starts if start.source == source]
        for source in dict.fromkeys(start.source for start in ends.starts)
    ]
    fixed = [each for each in study.arms if each.trains and not each.trains_elements]
    for symbols in alike:
        if len(symbols) > 1 and fixed:
            raise InputError(
                f"Suite {study.suite.name!r}: {arm_names(fixed)} could not tell {listed(symbols)} "
                f"apart, which start alike from {ends.source_name}, as what the network holds of "
                "elements is not trained; leave out these strategies, or this source."
            )


def arm_names(arms: Iterable[Strategy]) -> str:
    """Return the names of arms as an enumeration."""
    return listed(repr(each.name) for each in arms)


def _check_different(study: "Study", ends: Ends) -> None:
    if study.suite.allow_same_data or not any(each.needs_source for each in study.arms):
        return
    shared = ends.data and shared_data(ends.data, ends.target)
    if ends.data and shared:
        raise same_data_error(ends.data, ends.target, shared)


def _check_sizes(suite: Suite, target: Card) -> None:
    for temperature in suite.temperatures():
        available, at = target.n_frames("train"), ""
        if temperature is not None:
            available = target.origin.n_frames_at("train", temperature)
            at = f" at {temperature:g} K"
        if available == 0:
            raise InputError(
                f"Suite {suite.name!r}: {target.name!r} has no training structures{at}; change "
                "'training_temperatures_k'."
            )
        for size in suite.sizes:
            if size > available:
                raise InputError(
                    f"Suite {suite.name!r}: size {size} is larger than the training set of "
                    f"{target.name!r}{at} ({available} structures); choose sizes up to {available}."
                )


def _check_part(suite: Suite, ends: Ends) -> None:
    for temperature in (ends.part and ends.part.temperatures_k) or []:
        if ends.data and not ends.data.origin.n_frames_at("train", temperature):
            raise InputError(
                f"Suite {suite.name!r}: {ends.data.name!r} has no training structures at "
                f"{temperature:g} K; change 'source_parts'."
            )
