"""What simulations say, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tlbench.dynamics import Dynamics
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Difference,
    Ratio,
    bootstrap_seed,
    geometric_mean,
    negative_transfer,
    paired_difference,
    paired_ratio,
    unpaired_interval,
    verdict,
)
from tlbench.report.dynamics.models import (
    ADF,
    FORCE,
    RDF,
    Arm,
    baseline_of,
    error_text,
    errors_in,
    floors_for,
    rate_of,
    rates_in,
)
from tlbench.report.summary import BASELINE, Place, n_pairs_text, ratio_text, shared_seeds

FEW = "With fewer than five pairs no significance is claimed."
CHANCE = "; it may be chance"


def dynamics_findings(dynamics: Dynamics, arms: Mapping[Place, Arm]) -> list[str]:
    """Return sentences: whether arms are more stable than scratch, and nearer the reference."""
    seed = bootstrap_seed({run.job for run in dynamics.models})
    sentences: list[str] = []
    n_pairs: list[int] = []
    for place, arm in arms.items():
        baseline = baseline_of(place, arms)
        start, trained = _start(place), place.size > 0
        sentences += [
            f"{start} {said}."
            for said in _of_structure(
                arm, floors_for(dynamics, arm.values()), dynamics.reference.floor_is
            )
        ]
        difference = paired_difference(rates_in(arm), rates_in(baseline), seed)
        if difference is None:
            continue
        if difference.interval is None and difference.n_pairs >= MIN_PAIRS:
            interval = unpaired_interval(rate_of(arm), rate_of(baseline))
            difference = replace(difference, interval=interval)
        sentences.append(f"{start} {_of_stability(difference, trained)}.")
        ratios = {
            name: ratio
            for name in (FORCE, RDF, ADF)
            if (ratio := paired_ratio(errors_in(arm, name), errors_in(baseline, name), seed))
        }
        if ratios:
            said = ", ".join(f"{name} {ratio_text(r, False)}" for name, r in ratios.items())
            sentences.append(f"{start} relative to {BASELINE} with the same seeds: {said}.")
        harms = _of_harm(arm, ratios, floors_for(dynamics, arm.values()), trained)
        sentences += [f"{start} {said}." for said in harms]
        n_pairs += [difference.n_pairs, *(ratio.n_pairs for ratio in ratios.values())]
    return sentences + _limits(dynamics, n_pairs)


def _limits(dynamics: Dynamics, n_pairs: list[int]) -> list[str]:
    """Say what cannot be concluded from so few pairs, or from pairs so alike."""
    n_init_seeds = len({run.init_seed for run in dynamics.models})
    few = [FEW] if min(n_pairs, default=MIN_PAIRS) < MIN_PAIRS else []
    return few + ([shared_seeds(n_init_seeds)] if max(n_pairs, default=0) > n_init_seeds else [])


def _start(place: Place) -> str:
    at = place.train_temperature_k
    trained = "" if at is None else f", trained at {at:g} K"
    return f"{place.backbone}, {place.strategy}, N = {place.size}{trained}:"


def _of_structure(arm: Arm, floor: Mapping[str, float], floor_is: str) -> Iterator[str]:
    """Say where the structure is not known, or cannot be told from the reference."""
    if not any(model.run.n_stable for model in arm.values()):
        yield "no replica is stable, so nothing is known of its structure"
        return
    for name in (RDF, ADF):
        errors = list(errors_in(arm, name).values())
        if errors and geometric_mean(errors) <= floor.get(name, 0):
            yield (
                f"its {name} is not above {error_text(floor[name])}, that of {floor_is} with as "
                "many stable replicas"
            )


def _of_stability(difference: Difference, trained: bool) -> str:
    """Say how the rates differ, and whether that may be chance."""
    spread = f"({n_pairs_text(difference.n_pairs)})"
    if difference.interval:
        low, high = difference.interval
        spread = f"[{low:+.2f}, {high:+.2f}]"
    said = f"its stability rate differs by {difference.value:+.2f} {spread} from that of {BASELINE}"
    worse = "negative transfer" if trained else "less stable"
    if difference.side():
        return f"{said}: {'more stable' if difference.side() > 0 else worse}"
    if difference.interval:
        return f"{said}: not told apart"
    return f"{said}: {worse}{CHANCE}" if difference.value < 0 else said


def _of_harm(
    arm: Arm, ratios: Mapping[str, Ratio], floor: Mapping[str, float], trained: bool
) -> Iterator[str]:
    """Say where structure is worse than from scratch, above all where forces are better."""
    force = ratios.get(FORCE)
    better = force is not None and force.value < 1
    for name in (RDF, ADF):
        ratio = ratios.get(name)
        if ratio is None or not negative_transfer(ratio):
            continue
        if geometric_mean(list(errors_in(arm, name).values())) <= floor.get(name, 0):
            continue
        certain = verdict(ratio) == "loss"
        if force is not None and better:
            certain = certain and verdict(force) == "gain"
            yield (
                f"negative transfer, lower {FORCE} but larger {name} than {BASELINE}"
                + ("" if certain else CHANCE)
            )
        elif trained:
            yield f"negative transfer, larger {name} than {BASELINE}{'' if certain else CHANCE}"
