"""What simulations say, in words."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Difference,
    Ratio,
    negative_transfer,
    over_shared,
    paired_difference,
    paired_ratio,
    unpaired_interval,
    verdict,
)
from tlbench.report.claims import CLAIM_PAIRS, has_pairs_for_claim
from tlbench.report.dynamics.models import (
    ADF,
    FORCE,
    RDF,
    WRONG,
    Arm,
    baseline_of,
    error_text,
    errors_in,
    floors,
    floors_for,
    mean_coordination,
    mean_error,
    rate_of,
    rates_in,
    structures_in,
    survival_time,
)
from tlbench.report.wording import (
    AT_THIS_BUDGET,
    BASELINE,
    interval_text,
    n_pairs_text,
    ratio_text,
    seeds_note,
)
from tlbench.results.dynamics import Dynamics
from tlbench.study.model_key import Place

FEW = f"With fewer than {CLAIM_PAIRS} pairs no difference is claimed."


def dynamics_findings(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> list[str]:
    """Return sentences on every arm: its rate, survival and structure together, against scratch."""
    sentences: list[str] = []
    n_pairs: list[int] = []
    for place, arm in arms.items():
        baseline = baseline_of(place, arms)
        floor = floors_for(dynamics, arm.values())
        start = f"{place.label()}: {AT_THIS_BUDGET},"
        kinds = structures_in(dynamics, arm)
        sentences.append(f"{place.label()}: {_of_arm(dynamics, arm, floor)}{_of_wrong(kinds)}.")
        difference = paired_difference(rates_in(arm), rates_in(baseline))
        if difference is None:
            continue
        if difference.interval is None and difference.n_pairs >= MIN_PAIRS:
            shared = over_shared([rates_in(arm), rates_in(baseline)])
            rates = (
                rate_of({pair: each[pair] for pair in some})
                for each, some in zip((arm, baseline), shared, strict=True)
            )
            interval = unpaired_interval(*rates)
            difference = replace(difference, interval=interval)
        ratios = {
            name: ratio
            for name in (FORCE, RDF, ADF)
            if _is_resolved(name, arm, baseline, floor)
            and (ratio := paired_ratio(errors_in(arm, name), errors_in(baseline, name)))
        }
        said = "".join(f", {name} {ratio_text(r, False)}" for name, r in ratios.items())
        sentences.append(
            f"{start} relative to {BASELINE} with the same seeds: stability rate "
            f"{_difference_text(difference)}"
            + (f" (structure wrong in {kinds[WRONG]} of {len(arm)} models)" if kinds[WRONG] else "")
            + f"{said}."
        )
        sentences += [f"{start} {harm}." for harm in _of_harm(arm, ratios, floor)]
        n_pairs += [difference.n_pairs, *(ratio.n_pairs for ratio in ratios.values())]
    return sentences + _limits(dynamics, n_pairs)


def _limits(dynamics: Dynamics, n_pairs: list[int]) -> list[str]:
    """Say what cannot be concluded from so few pairs, or from pairs that share init seeds."""
    n_init_seeds = len({run.model.init_seed for run in dynamics.models} - {None})
    few = [FEW] if min(n_pairs, default=CLAIM_PAIRS) < CLAIM_PAIRS else []
    return few + ([seeds_note(n_init_seeds)] if max(n_pairs, default=0) > n_init_seeds else [])


def _of_arm(dynamics: Dynamics, arm: Arm, floor: Mapping[str, float]) -> str:
    """Give the stability rate, survival and errors of structure of an arm, with their floors."""
    rate, time = rate_of(arm), survival_time(arm, dynamics.reference.time_ps)
    said = (
        f"stability rate {rate.value:.2f} {interval_text(rate)}, survival "
        f"{time.value:.3g} of {dynamics.reference.time_ps:g} ps"
    )
    if not any(model.run.n_stable for model in arm.values()):
        return f"{said}; no replica is stable, so its structure is not known"
    for name in (RDF, ADF):
        mean, least = mean_error(arm, name), floor.get(name)
        if mean is None:
            continue
        said += f", {name} {error_text(mean)}"
        if least is not None:
            side = "above" if mean > least else "not above"
            what = dynamics.reference.floor_is
            if least > floors(dynamics)[name]:
                what += ", of as few stable replicas"
            said += f" ({side} the {error_text(least)} of {what})"
    coordination, wanted = mean_coordination(arm), dynamics.reference.structure.coordination
    return (
        said
        if coordination is None
        else f"{said}, coordination {coordination:.2f} (reference {wanted:.2f})"
    )


def _of_wrong(kinds: Counter[str]) -> str:
    """Say where a rate does not count as success because structure is wrong."""
    if not kinds[WRONG]:
        return ""
    if len(kinds) == 1:
        return "; the structure is wrong, so this rate does not count as success"
    return (
        f"; the structure of {kinds[WRONG]} of {kinds.total()} models is wrong, whose part of this "
        "rate does not count as success"
    )


def _is_resolved(name: str, arm: Arm, baseline: Arm, floor: Mapping[str, float]) -> bool:
    """Return whether an error of either arm is above the floor, below which ratios are noise."""
    return any((mean_error(each, name) or 0) > floor.get(name, 0) for each in (arm, baseline))


def _difference_text(difference: Difference) -> str:
    """Return a difference of rates with its interval, or with its number of pairs."""
    if not difference.interval:
        return f"{difference.value:+.2f} ({n_pairs_text(difference.n_pairs)})"
    low, high = difference.interval
    doubt = "" if difference.side() else ", not distinguished"
    return f"{difference.value:+.2f} [{low:+.2f}, {high:+.2f}]{doubt}"


def _of_harm(arm: Arm, ratios: Mapping[str, Ratio], floor: Mapping[str, float]) -> Iterator[str]:
    """Say where structure is worse than from scratch although forces are better."""
    force = ratios.get(FORCE)
    for name in (RDF, ADF):
        ratio, mean = ratios.get(name), mean_error(arm, name) or 0
        if not (force and ratio and force.value < 1 and negative_transfer(ratio)):
            continue
        if mean > floor.get(name, 0):
            certain = verdict(ratio) == "loss" and verdict(force) == "gain"
            certain = certain and all(map(has_pairs_for_claim, (ratio, force)))
            said = f"its {FORCE} is lower but its {name} is larger than those of {BASELINE}"
            yield said + ("" if certain else "; it may be chance")
