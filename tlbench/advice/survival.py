"""How long models survived simulations, as a sentence and a table."""

from tlbench.advice.stability import Stability
from tlbench.report.content import Table, lines_of
from tlbench.report.dynamics.models import Arm, rate_of, survival_time
from tlbench.report.wording import BASELINE, interval_text

NOTE = (
    "One simulation of each model, with its last weights; stable are those that no criterion of "
    "instability stopped. Rate: their share, with its 95 % interval. Survival: mean time over "
    "models."
)


def stability_sentence(found: Stability) -> str:
    """Return how many models of a start were stable, and how many of those from scratch."""
    at = found.conditions
    conditions = f"for {found.time_ps:g} ps at {at.temperature_k:g} K ({at.reason})"
    shares = {name: _share(arm) for name, arm in found.arms.items()}
    name, *others = sorted(shares, key=lambda name: name == BASELINE)
    said = f"{shares[name].capitalize()} models from {name} were stable {conditions}"
    return f"{said}; of those from {BASELINE}, {shares[BASELINE]} were." if others else f"{said}."


def _share(arm: Arm) -> str:
    n_stable = sum(model.run.n_stable for model in arm.values())
    return f"all {len(arm)}" if n_stable == len(arm) else f"{n_stable} of {len(arm)}"


def stability_table(found: Stability) -> Table:
    """Return a line for each start with the share of its models that are stable."""
    lines = []
    for name, arm in found.arms.items():
        rate, survived = rate_of(arm), survival_time(arm, found.time_ps)
        place = next(iter(arm.values())).run.model.place
        lines.append(
            {
                "start": name,
                "backbone": place.backbone,
                "N": str(place.size),
                "stable": f"{sum(model.run.n_stable for model in arm.values())} of {len(arm)}",
                "rate": f"{rate.value:.2f} {interval_text(rate)}",
                "survival (ps)": f"{survived.value:.3g}",
            }
        )
    title = f"Simulations of {found.time_ps:g} ps at {found.conditions.temperature_k:g} K"
    return Table(title, lines_of(lines), NOTE)
