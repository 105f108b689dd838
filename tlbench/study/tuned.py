"""Settings of training that were tuned, and how: what ``tlbench tune`` writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tlbench.base.formats import Format, later
from tlbench.base.schema import Strict, read_yaml, validate
from tlbench.training.config import TrainingConfig

PRETRAINING = "pretrain"
"""Name of the settings of pretraining among those of strategies."""


class TunedSettings(Strict):
    """What is tuned; bounds of the search in `tlbench.tuning.search`."""

    learning_rate: PositiveFloat
    final_learning_rate_fraction: float = Field(gt=0, le=1)


TUNED_FIELDS = tuple(TunedSettings.model_fields)


class TunedGroup(Strict):
    """The best settings of an arm for some sizes and one budget, and what they were chosen from.

    Attributes
    ----------
    sizes
        Numbers of target structures that the settings are for; None for all, as of pretraining.
    updates
        Budget that they are for; None for all, as in files of version 1.
    source
        What the models start from, in suites of several sources; None for any.
    size
        The number of target structures that trials trained on; None for pretraining.
    validation_force_mae, default_validation_force_mae
        Geometric means of the force MAE on validation structures, meV/Å, of the best trial and of
        the suite's own settings, which are the first trial; None if that diverged.
    """

    sizes: list[PositiveInt] | None
    updates: PositiveInt | None
    source: str | None = later(None, max_length=200)
    size: PositiveInt | None
    settings: TunedSettings
    trials: PositiveInt
    pruned: int = Field(ge=0)
    validation_force_mae: PositiveFloat
    default_validation_force_mae: PositiveFloat | None

    @model_validator(mode="after")
    def _some_complete(self) -> "TunedGroup":
        if self.pruned >= self.trials:
            raise ValueError("at least one trial should have an error")
        return self

    def covers(self, size: int, updates: int, source: str | None = None) -> bool:
        """Return whether the settings are for a number of structures, a budget and a source.

        Those of a source are also for a place that does not name a source.
        """
        if None not in (self.source, source) and self.source != source:
            return False
        return (self.sizes is None or size in self.sizes) and self.updates in (None, updates)

    def overlaps(self, other: "TunedGroup") -> bool:
        """Return whether two are for one size, budget and source, so that either might be meant."""
        sizes = self.sizes is None or other.sizes is None or bool({*self.sizes} & {*other.sizes})
        budgets = None in (self.updates, other.updates) or self.updates == other.updates
        sources = None in (self.source, other.source) or self.source == other.source
        return sizes and budgets and sources


_EVERY = {"sizes": None, "updates": None}


def _in_groups(value: dict[str, Any]) -> dict[str, Any]:
    """Return a file of version 1, whose settings are for all sizes and budgets, as version 2."""
    arms, size = value.get("arms"), value.get("size")
    rest = {key: each for key, each in value.items() if key != "size"}
    if not isinstance(arms, dict):
        return rest

    def grouped(name: str, found: Any) -> Any:
        # What is not as it should be is for the schema to refuse.
        if not isinstance(found, dict):
            return found
        return [_EVERY | {"size": None if name == PRETRAINING else size} | found]

    return rest | {
        "arms": {
            backbone: {name: grouped(name, each) for name, each in found.items()}
            if isinstance(found, dict)
            else found
            for backbone, found in arms.items()
        }
    }


class Tuned(Strict):
    """Tuned settings of a suite.

    ``study`` is the SHA-256 of all trials, ``pairs`` how many models each trained. ``arms`` has
    backbone → strategy → settings by sizes, budget and source.
    """

    suite: str
    suite_digest: str
    study: str
    pairs: PositiveInt
    arms: dict[str, dict[str, list[TunedGroup]]] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, value: Any) -> Any:
        # A suite holds settings without the version of their file.
        return _in_groups(value) if isinstance(value, dict) and "size" in value else value

    @model_validator(mode="after")
    def _as_many_trials_for_all(self) -> "Tuned":
        trials = {group.trials for _, _, group in self.groups()}
        if len(trials) > 1:
            raise ValueError(f"all arms should have as many trials, but they have {trials}")
        return self

    @model_validator(mode="after")
    def _once(self) -> "Tuned":
        for backbone, arms in self.arms.items():
            for name, groups in arms.items():
                for number, group in enumerate(groups):
                    if any(group.overlaps(other) for other in groups[:number]):
                        raise ValueError(
                            f"{backbone}, {name} has two settings for the same size, budget and "
                            "source"
                        )
        return self

    def groups(self) -> Iterator[tuple[str, str, TunedGroup]]:
        """Yield backbone, arm and settings of all that was tuned."""
        for backbone, arms in self.arms.items():
            for name, groups in arms.items():
                for group in groups:
                    yield backbone, name, group

    def group(
        self, backbone: str, arm: str, size: int, updates: int, source: str | None = None
    ) -> TunedGroup | None:
        """Return what was tuned for an arm with ``size`` structures at one budget; None if none."""
        groups = self.arms.get(backbone, {}).get(arm, [])
        return next((group for group in groups if group.covers(size, updates, source)), None)

    def training(
        self,
        backbone: str,
        arm: str,
        size: int,
        updates: int,
        untuned: TrainingConfig,
        source: str | None = None,
    ) -> TrainingConfig:
        """Return ``untuned`` with the settings that were tuned for an arm, if any were.

        Parameters
        ----------
        size
            Number of target structures; of pretraining any.
        updates
            The budget at which the arm is compared. Settings of another budget are never taken.
        source
            What the model starts from, or is compared with that does.
        """
        found = self.group(backbone, arm, size, updates, source)
        return untuned.model_copy(update=found.settings.model_dump()) if found else untuned


TUNED_FORMAT = Format("file of tuned settings", Tuned, version=2, upgrades={1: _in_groups})


def read_tuned(path: Path) -> Tuned:
    """Read a file of tuned settings.

    Raises
    ------
    InputError
        If it cannot be read, or is not one.
    """
    value, lines = read_yaml(path)
    return validate(Tuned, TUNED_FORMAT.upgraded(value, str(path)), str(path), lines)
