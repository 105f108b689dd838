"""What a benchmark suite is: the schema of ``suites/*.yaml``."""

from itertools import product
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    field_validator,
    model_validator,
)

from tlbench.base.errors import TlbenchError
from tlbench.base.formats import later
from tlbench.base.registry import Registry, near_names
from tlbench.base.schema import LARGEST, Lines, Strict, validate
from tlbench.metrics import METRICS, has_logarithm, of_every_simulation
from tlbench.metrics.conditions import Weights
from tlbench.metrics.distances.quantities import DistanceSettings
from tlbench.models.backbones import BACKBONES
from tlbench.models.backbones.config import BackboneConfig
from tlbench.study.budgets import Budgets, with_largest
from tlbench.study.contradictions import contradictions_between_keys
from tlbench.study.property_choice import PropertyChoice
from tlbench.study.simulations import (
    Simulations,
)
from tlbench.study.sources import (
    SourceChoice,
    is_architecture,
)
from tlbench.study.transfers import OWN_SOURCE, DataChoice, Matrix, SourcePart
from tlbench.study.tuned import Tuned
from tlbench.study.validation import Validation
from tlbench.training.config import TrainingConfig
from tlbench.transfer import STRATEGIES, arm, base_of
from tlbench.transfer.potentials import POTENTIALS

Property = Literal["temperature_k", "phase", "group", "composition", "element"]

Seed = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


class Suite(Strict):
    """A benchmark: which models are trained on what, and how they are measured.

    A suite of one budget has it in ``training.updates``. One with ``budgets`` trains every target
    model at each of them, and follows a stricter protocol: models are validated on no more
    structures than they are trained on, the weights of the lowest validation error are measured
    beside the last, training structures are drawn stratified where the card of the data set has
    strata, and test structures that the card marks are left out of the headline.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    version: PositiveInt = Field(le=LARGEST)
    title: str = Field(max_length=200)
    description: str = Field(max_length=2000)
    source: DataChoice | None = None
    target: DataChoice | None = None
    sources: list[SourceChoice] | None = later(
        None,
        min_length=1,
        max_length=100,
        description="instead of source: data sets to pretrain on, published potentials, and "
        "potentials in files; each is the source of the backbones that it can give weights to",
    )
    source_parts: list[SourcePart] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="pretrain on each of these parts of the source; by default on all of it",
    )
    matrix: Matrix | None = Field(
        default=None, description="instead of source and target: every ordered pair of elements"
    )
    elements: dict[str, str] | None = later(
        None,
        description="target element: source element that it starts as; others start as themselves "
        "or as the nearest, and so does every element that a potential knows",
    )
    cutoff: PositiveFloat = Field(
        description="interaction range of every backbone, Å, but of the published potentials' own"
    )
    backbones: dict[str, dict[str, Any]] = Field(
        min_length=1,
        max_length=100,
        description="name → settings; the name of a published potential stands for its "
        "architecture, which has no settings",
    )
    strategies: list[str] = Field(
        min_length=1,
        description="a strategy, or with another start of the target element "
        "STRATEGY+random or STRATEGY+mean, or with settings, as lora+rank8",
    )
    from_scratch: list[str] | None = later(
        None,
        min_length=1,
        max_length=100,
        description="backbones that scratch trains, if not all: the architecture of a universal "
        "potential is seldom worth training from nothing",
    )
    sizes: list[PositiveInt] = Field(min_length=1)
    subset_seeds: list[Seed] = Field(min_length=1)
    init_seeds: list[Seed] = Field(min_length=1)
    pairing: Literal["product", "zip"] = Field(
        default="product",
        description="zip: the first subset seed goes with the first init seed, and so on, so "
        "that no two pairs share structures, initial weights or source model",
    )
    pretraining: TrainingConfig
    training: TrainingConfig
    budgets: Budgets | None = later(
        None,
        description="train every target model with each of these numbers of updates, each with a "
        "schedule of its own",
    )
    pretraining_budgets: Budgets | None = later(
        None,
        description="train and measure source models with each of these numbers of updates; "
        "target models start from the last",
    )
    validation: Validation | None = later(
        None, description="how many structures target models are validated on"
    )
    subsets: Literal["stratified", "random"] | None = later(
        None,
        description="how training structures are drawn; by default stratified if the suite has "
        "budgets and the card of the data set has strata",
    )
    metrics: list[str] = Field(min_length=1)
    by: list[list[Property]] = Field(
        default=[],
        description="frame properties, or combinations of them, to break the metrics down by; "
        "'element' is that of the atoms, by which metrics of forces are broken down",
    )
    tested_on: list[Literal["source"] | DataChoice] | None = later(
        None,
        min_length=1,
        max_length=100,
        description="data sets on whose test structures models are also measured, where they were "
        "trained on all of its elements; source: that of each transfer",
    )
    training_temperatures_k: list[PositiveFloat] | None = Field(
        default=None,
        max_length=1000,
        description="train one target model at each of these, with structures of it alone",
    )

    tuned: Tuned | None = Field(
        default=None,
        description="settings that replace those of 'training' and 'pretraining' for some arms; "
        "the path of a file that tlbench tune has written",
    )
    distances: DistanceSettings | None = Field(
        default=None,
        description="compare data sets with each other, and test structures with training "
        "structures, to see when transfer helps",
    )
    dynamics: Simulations | None = Field(
        default=None, description="simulations that the target models are put through"
    )
    properties: PropertyChoice | None = later(
        None,
        description="physical properties that are computed with the target models: a list of "
        "names, a mapping of names to settings, or with more keys",
    )
    allow_same_data: bool = Field(
        default=False,
        description="transfer although source and target share structures, which is refused "
        "otherwise",
    )
    _unchanged: "Suite | None" = PrivateAttr(default=None)

    @property
    def unchanged(self) -> "Suite | None":
        """The suite before its settings were changed on the command line; None if none were."""
        return self._unchanged

    @model_validator(mode="before")
    @classmethod
    def _largest_budgets(cls, value: Any) -> Any:
        """Set the updates of trainings to the largest budget."""
        return with_largest(value) if isinstance(value, dict) else value

    @field_validator("source_parts")
    @classmethod
    def _distinct_parts(cls, value: list[SourcePart] | None) -> list[SourcePart] | None:
        if value is not None and len({part.label() for part in value}) != len(value):
            raise ValueError("a part is given twice")
        return value

    @field_validator("tested_on", mode="before")
    @classmethod
    def _names_of_cards(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [
                {"card": entry} if isinstance(entry, str) and entry != OWN_SOURCE else entry
                for entry in value
            ]
        return value

    @field_validator("by", mode="before")
    @classmethod
    def _single_properties(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [[entry] if isinstance(entry, str) else entry for entry in value]
        return value

    @field_validator("by")
    @classmethod
    def _distinct_combinations(cls, value: list[list[Property]]) -> list[list[Property]]:
        if any(len(set(names)) != len(names) for names in value):
            raise ValueError("a property is given twice in one combination")
        if len({frozenset(names) for names in value}) != len(value):
            raise ValueError("a combination of properties is given twice")
        return value

    @field_validator("training_temperatures_k")
    @classmethod
    def _ascending_temperatures(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and (not value or sorted(set(value)) != value):
            raise ValueError("temperatures should be distinct and ascending")
        return value

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, value: list[int]) -> list[int]:
        if sorted(set(value)) != value:
            raise ValueError("sizes should be distinct and ascending")
        return value

    @field_validator("subset_seeds", "init_seeds")
    @classmethod
    def _distinct(cls, value: list[int]) -> list[int]:
        if len(set(value)) != len(value):
            raise ValueError("seeds should be distinct")
        return value

    @model_validator(mode="after")
    def _keys_agree(self) -> "Suite":
        for contradiction in contradictions_between_keys(self):
            raise ValueError(contradiction)
        return self

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Which weights of each trained model are measured."""
        return ("last", "best") if self.budgets else ("last",)

    def target_budgets(self) -> list[int | None]:
        """Return the budgets of target models, ascending; None where there is one for all."""
        return [*self.budgets] if self.budgets else [None]

    def source_budgets(self) -> list[int | None]:
        """Return the budgets of source models, ascending; target models start from the last."""
        if self.pretraining_budgets:
            return [*self.pretraining_budgets]
        return [self.pretraining.updates if self.budgets else None]

    @property
    def error_metrics(self) -> list[str]:
        """Metrics of errors on the test set."""
        return [name for name in self.metrics if METRICS.get(name).of == "errors"]

    @property
    def simulation_metrics(self) -> list[str]:
        """Metrics of simulations: those of every suite, and those that this one names."""
        named = [name for name in self.metrics if METRICS.get(name).of == "dynamics"]
        return sorted({*of_every_simulation(), *named})

    def temperatures(self) -> list[float | None]:
        """Return the temperatures (K) that models are trained at; None for all together."""
        return [*self.training_temperatures_k] if self.training_temperatures_k else [None]

    def seed_pairs(self) -> list[tuple[int, int]]:
        """Return the (subset seed, init seed) pairs: one model of each trained arm for each."""
        if self.pairing == "zip":
            return list(zip(self.subset_seeds, self.init_seeds, strict=True))
        return list(product(self.subset_seeds, self.init_seeds))

    def n_models(self) -> int:
        """Return an upper bound of how many models there are, without making a list of them."""
        seeds = len(self.init_seeds) * (len(self.subset_seeds) if self.pairing == "product" else 1)
        transfers = len(self.source_parts or self.sources or [None])
        if self.matrix is not None:
            transfers = len(self.matrix.elements) ** 2
        trained = len(self.strategies) * len(self.target_budgets()) + len(self.source_budgets())
        arms = len(self.backbones) * trained
        return transfers * arms * len(self.sizes) * len(self.temperatures()) * seeds

    @field_validator("strategies")
    @classmethod
    def _known_strategies(cls, value: list[str]) -> list[str]:
        _known(list(dict.fromkeys(base_of(name) for name in value)), STRATEGIES)
        try:
            for name in value:
                arm(name)
        except TlbenchError as error:
            raise ValueError(str(error)) from error
        return _distinct_names(value, STRATEGIES)

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, value: list[str]) -> list[str]:
        for name in _known(value, METRICS):
            if name in of_every_simulation():
                raise ValueError(f"{name} is measured by every suite that has 'dynamics'")
            if METRICS.get(name).of == "properties":
                raise ValueError(f"{name} is measured by every suite that has its property")
        if all(METRICS.get(name).of == "dynamics" for name in value):
            raise ValueError("metrics: at least one should be of errors, as force_mae")
        first = next(name for name in value if METRICS.get(name).of == "errors")
        if not has_logarithm(first):
            raise ValueError(f"metrics: {first} may be negative; name another first, as force_mae")
        return value

    @field_validator("backbones", mode="before")
    @classmethod
    def _no_settings_are_empty_settings(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {} if config is None else config for name, config in value.items()}
        return value

    def backbone_config(
        self, name: str, where: str = "the suite", lines: Lines | None = None
    ) -> BackboneConfig:
        """Return the complete configuration of one of the suite's backbones.

        Parameters
        ----------
        where, lines
            Where its settings are written, and on which lines, for messages.

        Raises
        ------
        InputError
            If the suite sets something that the backbone does not have.
        """
        if is_architecture(name):
            return POTENTIALS.get(name).config
        value = {**self.backbones[name], "cutoff": self.cutoff}
        return validate(BACKBONES.get(name), value, where, lines, ("backbones", name))


def _known(names: list[str], registry: Registry[Any]) -> list[str]:
    for name in names:
        if name not in registry:
            raise ValueError(
                f"unknown {registry.kind} {name!r}; {near_names(name, registry.names())}"
            )
    return _distinct_names(names, registry)


def _distinct_names(names: list[str], registry: Registry[Any]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"a {registry.kind} is given twice")
    return names
