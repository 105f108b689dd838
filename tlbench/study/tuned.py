"""Settings of training that were tuned, and how: what ``tlbench tune`` writes."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tlbench.base.formats import Format
from tlbench.base.schema import Strict, read_yaml, validate
from tlbench.training.config import TrainingConfig

PRETRAINING = "pretrain"
"""Name under which the settings of pretraining stand beside those of strategies."""


class TunedSettings(Strict):
    """What is tuned; bounds of the search in `tlbench.tuning.search`."""

    learning_rate: PositiveFloat
    final_learning_rate_fraction: float = Field(gt=0, le=1)


class TunedArm(Strict):
    """The best settings of one backbone and strategy, and what they were chosen from.

    Errors are geometric means of the force MAE on validation structures, meV/Å, of the best trial
    and of the suite's own settings, which are the first trial.
    """

    settings: TunedSettings
    trials: PositiveInt
    pruned: int = Field(ge=0)
    validation_force_mae: PositiveFloat
    default_validation_force_mae: PositiveFloat | None

    @model_validator(mode="after")
    def _some_complete(self) -> "TunedArm":
        if self.pruned >= self.trials:
            raise ValueError("at least one trial should have an error")
        return self


class Tuned(Strict):
    """Tuned settings of a suite.

    ``study`` is the SHA-256 of all trials. ``size`` is the number of target structures that
    trials trained on, ``pairs`` how many models each trained. ``arms`` has backbone → strategy.
    """

    suite: str
    suite_digest: str
    study: str
    size: PositiveInt
    pairs: PositiveInt
    arms: dict[str, dict[str, TunedArm]] = Field(min_length=1)

    @model_validator(mode="after")
    def _as_many_trials_for_all(self) -> "Tuned":
        trials = {arm.trials for arms in self.arms.values() for arm in arms.values()}
        if len(trials) > 1:
            raise ValueError(f"all arms should have as many trials, but they have {trials}")
        return self

    def training(self, backbone: str, arm: str, untuned: TrainingConfig) -> TrainingConfig:
        """Return ``untuned`` with the settings that were tuned for an arm, if any were."""
        found = self.arms.get(backbone, {}).get(arm)
        if found is None:
            return untuned
        return untuned.model_copy(update=found.settings.model_dump())


TUNED_FORMAT = Format("file of tuned settings", Tuned)


def read_tuned(path: Path) -> Tuned:
    """Read a file of tuned settings.

    Raises
    ------
    InputError
        If it cannot be read, or is not one.
    """
    value, lines = read_yaml(path)
    return validate(Tuned, TUNED_FORMAT.upgraded(value, str(path)), str(path), lines)
