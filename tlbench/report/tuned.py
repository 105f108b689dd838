"""Which arms were tuned, and what came of it."""

from tlbench.tuned import Tuned


def tuned_table(tuned: Tuned) -> list[list[str]]:
    """Return a line per tuned arm."""
    lines = [
        [
            "backbone",
            "arm",
            "trials",
            "unfinished",
            "learning rate",
            "falls to",
            "validation",
            "before",
        ]
    ]
    for backbone, arms in tuned.arms.items():
        for name, arm in arms.items():
            before = arm.default_validation_force_mae
            lines.append(
                [
                    backbone,
                    name,
                    str(arm.trials),
                    str(arm.pruned),
                    f"{arm.settings.learning_rate:.2g}",
                    f"{arm.settings.final_learning_rate_fraction:.2g}",
                    f"{arm.validation_force_mae:.1f}",
                    "–" if before is None else f"{before:.1f}",
                ]
            )
    return lines


def tuned_note(tuned: Tuned, untuned: list[tuple[str, str]] | None = None) -> str:
    """Return what the numbers of the table mean, and which arms have the suite's own settings."""
    models = f"{tuned.pairs} model{'s' if tuned.pairs > 1 else ''}"
    return (
        f"Tuned on validation structures with {models} of N = {tuned.size} per trial, within the "
        "budget of the suite; the first trial is the suite's own settings. The learning rate falls "
        "to the given share of itself. Validation and before are force MAE in meV/Å of the best "
        f"trial and of the first. Study {tuned.study[:12]} of suite {tuned.suite}."
        + (f" {untuned_note(untuned)}" if untuned else "")
    )


def untuned_note(untuned: list[tuple[str, str]]) -> str:
    """Return which arms of a tuned suite are not tuned, and what follows from that."""
    others = "; ".join(f"{backbone}, {name}" for backbone, name in untuned)
    return (
        f"Not tuned: {others}. Their errors are larger than they need be: a ratio of a tuned arm "
        "to one of these also shows what tuning gained."
    )
