"""How a model is named: its coordinates in the grid of a suite."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import Any, ClassVar

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from tlbench.base.formats import later
from tlbench.base.magnitudes import Count, Temperature
from tlbench.base.phrases import counted
from tlbench.base.schema import Strict


@dataclass(frozen=True)
class Transfer:
    """A source, part of it if only some is pretrained on, and a target."""

    source: str
    part: str | None
    target: str

    def label(self) -> str:
        """Return the transfer in short."""
        part = "" if self.part is None else f" ({self.part})"
        return f"{self.source}{part} → {self.target}"


@dataclass(frozen=True)
class Place:
    """What the models of one transfer that differ in nothing but their seeds have in common.

    ``size`` is 0 for an arm that sees no target data; ``train_temperature_k`` is None where
    training structures of all temperatures are used. ``updates`` is the budget at which arms are
    compared, see `ModelKey`.
    """

    backbone: str
    strategy: str
    size: int
    train_temperature_k: float | None = None
    updates: int | None = None

    def replace(self, **changes: Any) -> "Place":
        """Return the place with other coordinates, as ``replace(strategy="scratch")``."""
        return with_changes(self, **changes)

    def order(self) -> tuple[str, str, int, float, int]:
        """Return what places are sorted by."""
        at = self.train_temperature_k or 0.0
        return self.backbone, self.strategy, self.size, at, self.updates or 0

    @property
    def position(self) -> tuple[str, int, float, int]:
        """What the places of one strategy are sorted by."""
        return self.backbone, self.size, self.train_temperature_k or 0.0, self.updates or 0

    @property
    def scratch(self) -> "Place":
        """The place of the models from scratch that these are compared with."""
        return self.replace(strategy="scratch")

    @property
    def column(self) -> "Place":
        """What the places of all arms of all backbones may share."""
        return self.replace(backbone="", strategy="")

    def training_set(self) -> str:
        """Return number and temperature of the training structures in words, and the budget."""
        at = self.train_temperature_k
        return f"N = {self.size}" + ("" if at is None else f" at {at:g} K") + self.budget_label()

    def label(self) -> str:
        """Return the place in words."""
        at = self.train_temperature_k
        trained = "" if at is None else f", trained at {at:g} K"
        return f"{self.backbone}, {self.strategy}, N = {self.size}{trained}{self.budget_label()}"

    def budget_label(self) -> str:
        """Return the budget, as ``", 400 updates"``; empty where there is one for all."""
        return "" if self.updates is None else f", {counted(self.updates, 'update')}"


class TrainingSet(Strict):
    """The target structures that models are trained on, and the seed of what comes before them.

    ``init_seed`` draws the part of the source that is pretrained on.
    """

    size: Count
    subset_seed: int
    init_seed: int
    train_temperature_k: Temperature | None


class ModelKey(Strict):
    """The coordinates of one model among those of a suite.

    Attributes
    ----------
    source, source_part
        What it is transferred from, the elements of a data set or the name of a potential; and
        which part of that, None where suites have none.
        A model from scratch has the source that it is compared with.
    target
        Element that it is made for and measured on.
    size
        Number of training structures of the target; 0 for a strategy that does not train.
    subset_seed, init_seed
        Which structures are drawn, None where none are; and which initial weights, None for those
        of a published potential as it is, which has no others.
    train_temperature_k
        Temperature of the training structures, K; None where those of all temperatures are used.
    updates
        Budget at which arms are compared: each arm trains for so many updates, but for those that
        `tlbench.transfer.strategy.Strategy.compute_matched` says. None in suites of one budget, and
        for a strategy that does not train.
    """

    source: str
    source_part: str | None = Field(
        default=None, description="which part of the source; None where suites have no parts"
    )
    target: str
    backbone: str
    strategy: str
    size: Count
    subset_seed: int | None
    init_seed: int | None
    train_temperature_k: Temperature | None = None
    updates: Count | None = later(None)

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return (
            found
            if self.updates is not None
            else {k: v for k, v in found.items() if k != "updates"}
        )

    @property
    def transfer(self) -> Transfer:
        """What it is transferred from and to."""
        return Transfer(self.source, self.source_part, self.target)

    @property
    def place(self) -> Place:
        """Its coordinates but for transfer and seeds."""
        at, updates = self.train_temperature_k, self.updates
        return Place(self.backbone, self.strategy, self.size, at, updates)

    @property
    def training_set(self) -> "TrainingSet | None":
        """The structures that it is trained on; None where none are drawn."""
        if self.subset_seed is None:
            return None
        return TrainingSet(
            size=self.size,
            subset_seed=self.subset_seed,
            init_seed=self.init_seed,
            train_temperature_k=self.train_temperature_k,
        )

    @property
    def pair(self) -> tuple[int | None, int | None]:
        """Subset seed and init seed: what arms are paired by."""
        return self.subset_seed, self.init_seed

    @property
    def origin(self) -> tuple[str, str | None, str, int | None]:
        """What it has in common with the source model that it starts from."""
        return self.source, self.source_part, self.backbone, self.init_seed

    def order(self) -> tuple[object, ...]:
        """Return what models of one arm are sorted by, transfer first and seeds last."""
        part, at = self.source_part or "", self.train_temperature_k or 0.0
        seeds = (float("-inf") if seed is None else seed for seed in self.pair)
        return (self.source, part, self.target, self.size, at, self.updates or 0, *seeds)

    def replace(self, **changes: Any) -> "ModelKey":
        """Return the key with other coordinates, as ``replace(strategy="scratch")``."""
        return self.model_copy(update=changes)

    def without_source(self) -> "ModelKey":
        """Return the key of a model for which it does not matter what it is compared with."""
        return self.replace(source="", source_part=None)

    def without_transfer(self) -> "ModelKey":
        """Return the key of a model in a suite that has a single transfer."""
        return self.replace(**NO_TRANSFER)

    def is_trained_on(self, structures: TrainingSet) -> bool:
        """Return whether it was trained on these; without target data, it may have been."""
        if self.size == 0:
            return self.init_seed in (None, structures.init_seed)
        return all(getattr(self, name) == value for name, value in structures)

    def temperature_label(self) -> str:
        """Return at which temperature it is trained, as ``" at 300 K"``; empty for all."""
        at = self.train_temperature_k
        return "" if at is None else f" at {at:g} K"

    def label(self) -> str:
        """Return the model in words, but for its transfer."""
        seeds = "/".join(str(seed) for seed in self.pair if seed is not None)
        at = self.temperature_label() + self.place.budget_label()
        name = f"{self.strategy} {self.backbone}, N {self.size}{at}"
        return f"{name}, seed {seeds}" if seeds else name


NO_TRANSFER: dict[str, Any] = {"source": "", "source_part": None, "target": ""}
"""Coordinates of a model where neither source nor target is given."""


class Flat(Strict):
    """A schema that holds a key, whose coordinates are beside its other fields in a file.

    In memory ``model`` is the key of the model, and ``trained`` the key of the job that trained
    it; in a file the coordinates are fields of their own, and ``model`` is that job.
    """

    absent: ClassVar[dict[str, Any]] = {}
    """Coordinates that files of the schema leave out, and what they are read as."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        named = "model" in value and not isinstance(value["model"], ModelKey)
        if named and "trained" in cls.model_fields:
            value["trained"] = value.pop("model")
        for name, kind in cls._keys():
            if name not in value:
                held = {each: value.pop(each) for each in kind.model_fields if each in value}
                # Validated here, so that what is wrong is named as in the file.
                value[name] = kind.model_validate({**cls.absent, **held})
        return value

    @model_serializer(mode="wrap")
    def _to_file(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        keys = dict(self._keys())
        flat: dict[str, Any] = {}
        for name, value in dump(self).items():
            if name in keys:
                flat |= {each: v for each, v in value.items() if each not in self.absent}
            else:
                flat["model" if name == "trained" else name] = value
        return flat

    @classmethod
    def _keys(cls) -> Iterator[tuple[str, type[Strict]]]:
        for name, field in cls.model_fields.items():
            if field.annotation in (ModelKey, TrainingSet):
                yield name, field.annotation


class OfModel(Flat):
    """What is known of one model; its coordinates are the first fields of a file."""

    model: ModelKey
