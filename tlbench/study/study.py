"""A suite resolved: its cards read, its defaults spelt out, the grid of its models laid out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.formats import lasting
from tlbench.base.schema import digest
from tlbench.data.cards import Card
from tlbench.data.marks import Marked
from tlbench.data.splits import Drawn
from tlbench.data.strata import Stratum
from tlbench.metrics.conditions import Weights
from tlbench.models.backbones import BACKBONES
from tlbench.study.consistency import arm_names, check_consistent
from tlbench.study.ends import Ends, ends_of, with_energy_references
from tlbench.study.further_sets import Tests, Untested, check_tested, further_cards, further_tests
from tlbench.study.model_key import ModelKey, TrainingSet, Transfer
from tlbench.study.places import budgets_of, is_among, is_trained_by
from tlbench.study.property_choice import literature
from tlbench.study.sources import is_architecture, registered_backbone
from tlbench.study.suite import Suite
from tlbench.study.transfers import OWN_SOURCE
from tlbench.study.tuned import PRETRAINING
from tlbench.training.config import TrainingConfig
from tlbench.transfer import arm
from tlbench.transfer.strategy import Strategy

BESIDE_PROTOCOL = ("backbones", "from_scratch", "strategies", "tuned", "distances", "properties")
"""Keys in which submissions that share a table may differ."""

_OPTIONAL = (
    "source",
    "sources",
    "target",
    "source_parts",
    "matrix",
    "elements",
    "tested_on",
    "distances",
    "dynamics",
    "tuned",
    "properties",
    "allow_same_data",
)


@dataclass(frozen=True)
class Study:
    """A suite with everything that it names looked up.

    Attributes
    ----------
    suite
        As it was written.
    ends
        What is transferred from and to.
    backbones
        Name → all its settings, with the cutoff.
    arms
        The strategies.
    foreign
        Names of the backbones whose settings are only those that are stated.
    further
        The data sets of ``tested_on``, in its order; None for the source of each transfer.
    seeded
        Whether a published potential as it is is a model of each init seed, as in submissions of
        earlier versions, and not one model.
    """

    suite: Suite
    ends: tuple[Ends, ...]
    backbones: Mapping[str, dict[str, Any]]
    arms: tuple[Strategy, ...]
    foreign: frozenset[str] = frozenset()
    further: tuple[Card | None, ...] = ()
    seeded: bool = False

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """Every data set once: sources, targets, and what models are tested on beside them."""
        cards = [each.data for each in self.ends if each.data]
        cards += [each.target for each in self.ends]
        cards += filter(None, self.further)
        return tuple({card.digest(): card for card in cards}.values())

    def name_of(self, card: Card) -> str:
        """Return what one of its data sets is called in the coordinates of models."""
        return self._names[card.digest()]

    @cached_property
    def _names(self) -> Mapping[str, str]:
        found = {card.digest(): card.name for card in filter(None, self.further)}
        found |= {ends.data.digest(): ends.source_name for ends in self.ends if ends.data}
        return found | {ends.target.digest(): ends.target_name for ends in self.ends}

    def left_out(self) -> list[str]:
        """Return which arms cannot start from which potentials, a sentence for each of these."""
        found = []
        for ends in self.ends:
            if arms := [each for each in self.arms if not ends.serves(each)]:
                found.append(
                    f"{arm_names(arms)} {'is' if len(arms) == 1 else 'are'} left out for "
                    f"{ends.source_name}, whose training data and pretraining are not available."
                )
        return found

    def element_sentences(self) -> list[str]:
        """Return as what the elements of each target start and why, where an end has several."""
        if not any(each.needs_source for each in self.arms):
            return []
        return [*dict.fromkeys(ends.element_sentence() for ends in self.ends if ends.has_several)]

    @cached_property
    def grid(self) -> tuple[ModelKey, ...]:
        """Every model of the study, transfer by transfer, source models first.

        A source model that several transfers start from is one.
        """
        found: list[ModelKey] = []
        pretrained = set()
        for ends in self.ends:
            pretraining = ends.data and ends.data.digest(), ends.source_label
            if pretraining not in pretrained:
                pretrained.add(pretraining)
                found += self.source_models(ends)
            found += self.target_models(ends)
        return tuple(found)

    def source_models(self, ends: Ends) -> Iterator[ModelKey]:
        """Yield the models that are pretrained: one of each backbone and init seed.

        There are none where the source is a potential, whose weights are there.
        """
        if ends.data and any(each.needs_source for each in self.arms):
            place = {"strategy": PRETRAINING, "size": ends.n_source_frames(), "subset_seed": None}
            key = _key(ends.transfer, **place)
            key = key.replace(target=key.source)
            for backbone, seed, updates in product(
                ends.backbones, self.suite.init_seeds, self.suite.source_budgets()
            ):
                yield key.replace(backbone=backbone, init_seed=seed, updates=updates)

    def target_models(self, ends: Ends) -> Iterator[ModelKey]:
        """Yield the models of a transfer, those that are not trained last.

        Arms that cannot start from its source are left out, see `Ends.serves`. A potential as it is
        has its weights whatever the seeds, so it is one model.
        """
        key, arms = _key(ends.transfer), [each for each in self.arms if ends.serves(each)]
        for structures in self.training_sets():
            for backbone, each in product(ends.backbones, arms):
                if not is_trained_by(self.suite, each, backbone):
                    continue
                for updates in budgets_of(self.suite, each):
                    place = {"backbone": backbone, "strategy": each.name, "updates": updates}
                    yield key.replace(**place, **dict(structures))
        is_fixed = ends.potential is not None and not self.seeded
        untrained = (
            key.replace(
                backbone=backbone,
                strategy=each.name,
                init_seed=None if is_fixed and each.needs_source else seed,
            )
            for seed, backbone, each in product(self.suite.init_seeds, ends.backbones, arms)
            if not each.trains
        )
        yield from dict.fromkeys(untrained)

    @cached_property
    def _tests(self) -> tuple[Tests, list[Untested]]:
        return further_tests(self.further, self.ends, self.arms)

    @property
    def untested(self) -> list[Untested]:
        """The further data sets that target models are not tested on."""
        return self._tests[1]

    def further_tests(self, model: ModelKey) -> tuple[Card, ...]:
        """Return the data sets beside its own that a model is tested on."""
        return self._tests[0].get((model.transfer, model.strategy), ())

    def training_sets(self) -> Iterator[TrainingSet]:
        """Yield every set of target structures that models are trained on."""
        suite = self.suite
        for size, at, (subset_seed, init_seed) in product(
            suite.sizes, suite.temperatures(), suite.seed_pairs()
        ):
            yield TrainingSet(
                size=size,
                subset_seed=subset_seed,
                init_seed=init_seed,
                train_temperature_k=at,
            )

    def strata(self, target: Card) -> list[Stratum] | None:
        """Return by which properties training structures are stratified; None for a random draw."""
        wanted = self.suite.subsets or ("stratified" if self.suite.budgets else "random")
        return [*target.strata] if wanted == "stratified" and target.strata else None

    def drawn(self, target: Card, structures: TrainingSet) -> Drawn:
        """Return how training structures are drawn from a data set."""
        return Drawn(
            size=structures.size,
            seed=structures.subset_seed,
            temperature_k=structures.train_temperature_k,
            strata=self.strata(target),
        )

    def validation_size(self, model: ModelKey) -> int | None:
        """Return on how many structures at most a model is validated; None for all."""
        validation = self.suite.validation
        if model.strategy == PRETRAINING or not (validation or self.suite.budgets):
            return None
        return (validation and validation.size) or model.size or None

    def marked(self, tested: Card) -> Marked:
        """Return the test structures of a data set that count only in numbers of their own."""
        return tested.marked() if self.suite.budgets else {}

    def training(self, model: ModelKey) -> TrainingConfig | None:
        """Return how a model of an arm is trained, tuned or not; None if it is not trained."""
        given, extra = self.suite.pretraining, 0
        if model.strategy != PRETRAINING:
            strategy = arm(model.strategy)
            if not strategy.trains:
                return None
            extra = given.updates if strategy.compute_matched else 0
            given = self.suite.training
        budget = model.updates or given.updates
        if budget + extra != given.updates:
            given = given.model_copy(update={"updates": budget + extra})
        tuned, arm_of = self.suite.tuned, (model.backbone, model.strategy)
        return tuned.training(*arm_of, model.size, budget, given, model.source) if tuned else given

    def weights(self, model: ModelKey) -> tuple[Weights, ...]:
        """Return which weights of a model are measured on its own test set."""
        return self.suite.weights if self.training(model) else ("last",)

    def is_simulated(self, model: ModelKey) -> bool:
        """Return whether a model is simulated; those without target data always are."""
        return is_among(self.suite, self.suite.dynamics, model)

    def has_properties(self, model: ModelKey) -> bool:
        """Return whether properties are computed with a model, always without target data."""
        return is_among(self.suite, self.suite.properties, model)

    def complete(self) -> dict[str, Any]:
        """Return the suite with every default and card spelt out: a suite file of its own."""
        return self._spelt_out(self.suite.model_dump(mode="json"), self.backbones)

    def _spelt_out(
        self, value: dict[str, Any], backbones: Mapping[str, dict[str, Any]]
    ) -> dict[str, Any]:
        for choice, ends in zip(value.get("sources") or (), self.ends, strict=False):
            if ends.data:
                choice["changes"] = ends.data.origin.model_dump(mode="json")
            elif ends.potential and ends.potential.path:
                choice["sha256"] = ends.potential.sha256
        if self.suite.matrix is None:
            data, target = self.ends[0].data, self.ends[0].target
            for end, card in (("source", data), ("target", target)):
                if card and value.get(end):
                    value[end]["changes"] = card.origin.model_dump(mode="json")
        for entry, further in zip(value.get("tested_on") or (), self.further, strict=True):
            if further:
                entry["changes"] = further.origin.model_dump(mode="json")
        for name, settings in backbones.items():
            if not is_architecture(name):
                value["backbones"][name] = {k: v for k, v in settings.items() if k != "cutoff"}
        # A suite without one of them is the same as before there were any.
        return {k: v for k, v in value.items() if v or k not in _OPTIONAL}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that determines the records."""
        return digest(self._determined_by())

    @cached_property
    def protocol_digest(self) -> str:
        """SHA-256 of what different architectures should share to be compared.

        That is everything but which backbones and strategies are run, with which tuned settings,
        and what is measured beside the models.
        """
        return digest({k: v for k, v in self._determined_by().items() if k not in BESIDE_PROTOCOL})

    def _determined_by(self) -> dict[str, Any]:
        # Without what was added later and is not used.
        value = self._spelt_out(
            lasting(self.suite),
            {
                name: settings
                if name in self.foreign
                else lasting(self.suite.backbone_config(name))
                for name, settings in self.backbones.items()
            },
        )
        if self.suite.matrix is not None:
            value["matrix"] = [card.recipe() for card in self.cards]
        else:
            if self.suite.sources is not None:
                value["sources"] = [_identity(ends) for ends in self.ends]
            elif self.ends[0].data:
                value["source"] = self.ends[0].data.recipe()
            value["target"] = self.ends[0].target.recipe()
        for name, settings in self.backbones.items():
            if is_architecture(name):
                value["backbones"][name] = {"of": registered_backbone(name), **settings}
        if self.further:
            value["tested_on"] = [
                OWN_SOURCE if card is None else {"name": card.name, **card.recipe()}
                for card in self.further
            ]
        # None changes the frames of a data set, so its recipe has none.
        beside: dict[str, dict[str, Any]] = {
            "strata": {ends.target.name: self.strata(ends.target) for ends in self.ends},
            "marks": {card.name: self.marked(card) for card in self.cards},
            "literature": literature(self.suite.properties, [e.target for e in self.ends]),
        }
        for key, found in beside.items():
            if named := {name: each for name, each in found.items() if each}:
                value[key] = named
        return {k: v for k, v in value.items() if k not in ("title", "description")}


def resolve(suite: Suite, *, published: bool = False) -> Study:
    """Return the study that a suite describes; every card is read once.

    Parameters
    ----------
    published
        Whether it is the suite of a submission. Then backbones of other packages have the settings
        that it states: they need not be installed here, or may be in another version.

    Raises
    ------
    InputError
        If a data set is missing or has too few structures of training, validation or a
        temperature, source and target share data, an element starts as one that the source does
        not have, no model can be tested on a data set, batches are too small, no arm can start
        from a source, or one could not tell elements apart.
    """
    arms = tuple(arm(name) for name in suite.strategies)
    for strategy in arms:
        if suite.training.batch_size < strategy.smallest_batch:
            raise InputError(
                f"Suite {suite.name!r}: {strategy.name!r} needs batches of at least "
                f"{strategy.smallest_batch} structures; set 'training.batch_size' to that or more."
            )
    foreign = frozenset(name for name in suite.backbones if published and _is_foreign(name))
    all_ends = tuple(ends_of(suite))
    suite = with_energy_references(suite, all_ends)
    further = further_cards(suite, all_ends)
    study = Study(suite, all_ends, _backbones(suite, foreign), arms, foreign, further)
    check_tested(suite, *study._tests)
    check_consistent(study)
    return study


def _key(transfer: Transfer, **place: Any) -> ModelKey:
    untrained = {"backbone": "", "strategy": "", "size": 0, "subset_seed": None, "init_seed": 0}
    return ModelKey(
        source=transfer.source,
        source_part=transfer.part,
        target=transfer.target,
        **{**untrained, **place},
    )


def _identity(ends: Ends) -> dict[str, Any]:
    """Return what the digest of a study has of one of several sources."""
    source = ends.source
    own = source.recipe() if isinstance(source, Card) else source.identity()
    return {**own, "backbones": list(ends.backbones)}


def _is_foreign(backbone: str) -> bool:
    name = registered_backbone(backbone)
    return name not in BACKBONES or BACKBONES.provider(name) is not None


def _backbones(suite: Suite, foreign: Collection[str]) -> dict[str, dict[str, Any]]:
    return {
        name: {**stated, "cutoff": suite.cutoff}
        if name in foreign
        else suite.backbone_config(name).model_dump(mode="json")
        for name, stated in suite.backbones.items()
    }
