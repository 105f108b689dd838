"""The jobs that say how data sets and test structures are related to what models are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlbench.base.schema import canonical_json
from tlbench.data.cards import Card
from tlbench.data.splits import Drawn, Share, Subset
from tlbench.jobs import coverage, distance
from tlbench.jobs.environments import Config as EnvironmentsConfig
from tlbench.jobs.geometry import Config as GeometryConfig
from tlbench.jobs.kind import first_form
from tlbench.study.ends import Ends
from tlbench.study.plan import ComparedSet, Plan, SetPair


@dataclass(frozen=True)
class _Set:
    """Structures of a data set, and what they are called."""

    named: ComparedSet
    card: Card
    data: str
    subset: Subset | None
    described: EnvironmentsConfig

    @property
    def side(self) -> distance.Side:
        return distance.Side(split=self.named.split, subset=self.subset)


def described(result: Plan, ends: Ends) -> tuple[EnvironmentsConfig, EnvironmentsConfig]:
    """Return how the environments of source and target are described.

    Elements are distinguished where the suite asks for it; every target element counts as the
    source element that it starts as, so that a source of one element distinguishes none.
    """
    settings, source = result.suite.distances, ends.source.elements
    if settings is None or settings.elements == "blind" or len(source) == 1:
        return EnvironmentsConfig(), EnvironmentsConfig()
    starts = {each.target: each.source for each in ends.starts if each.target != each.source}
    return EnvironmentsConfig(species=source), EnvironmentsConfig(species=source, counts_as=starts)


def compare_data(
    result: Plan,
    ends: Ends,
    *,
    source: Card,
    source_data: str,
    part: str | None,
    subset: Subset | None,
    target: Card,
    target_data: str,
) -> None:
    """Plan the distances that belong to a transfer.

    They are those between what is pretrained on and the target's training structures; and where
    models are trained at one temperature, those from what they are pretrained and trained on to
    the test structures of each temperature.
    """
    if result.suite.distances is None:
        return
    of_source, of_target = described(result, ends)
    pretrained = _Set(
        _named(result, source, "train", part=part), source, source_data, subset, of_source
    )
    trained = _Set(_named(result, target, "train"), target, target_data, None, of_target)
    _distance(result, pretrained, trained)
    training = result.suite.training_temperatures_k
    if training is None:
        return
    for temperature in _test_temperatures(target, training):
        tested = _at(result, target, target_data, "test", temperature, of_target)
        _distance(result, pretrained, tested)
        for at in training:
            trained = _at(result, target, target_data, "train", at, of_target)
            _distance(result, trained, tested)


def cover(
    result: Plan,
    ends: Ends,
    *,
    source: Card,
    source_data: str,
    source_subset: Share | None,
    target: Card,
    target_data: str,
    subset: Drawn,
) -> str:
    """Plan how near test atoms are to what a model is trained on, and return the job's key."""
    of_source, of_target = described(result, ends)
    job = result.keys.job(
        coverage.Config(target=subset, source=source_subset),
        {
            "target_data": target_data,
            "target_environments": environments(result, target, target_data, of_target),
            "source_data": source_data,
            "source_environments": environments(result, source, source_data, of_source),
        },
        f"coverage of {target.formula} by {subset.size} structures, "
        f"seed {subset.seed}, and {source.formula}",
    )
    return result.add(job)


def geometry(result: Plan, card: Card, data: str) -> str:
    """Plan what errors on test atoms are sorted by, and return the job's key."""
    config = GeometryConfig()
    return result.add(result.keys.job(config, {"data": data}, f"geometry of {card.name}"))


def environments(result: Plan, card: Card, data: str, config: EnvironmentsConfig) -> str:
    """Plan the descriptors of a data set's atoms, and return the job's key."""
    return result.add(result.keys.job(config, {"data": data}, f"environments of {card.name}"))


def _named(
    result: Plan,
    card: Card,
    split: str,
    temperature_k: float | None = None,
    part: str | None = None,
) -> ComparedSet:
    return ComparedSet(card.name, result.study.name_of(card), split, part, temperature_k)


def _at(
    result: Plan,
    card: Card,
    data: str,
    split: str,
    temperature_k: float,
    described: EnvironmentsConfig,
) -> _Set:
    subset = Share(share=1.0, seed=0, temperatures_k=[temperature_k])
    return _Set(_named(result, card, split, temperature_k), card, data, subset, described)


def _test_temperatures(card: Card, training: Sequence[float]) -> Sequence[float]:
    """Return those of the test structures; for data read from files, those trained at."""
    return card.origin.temperatures() or training


def _distance(result: Plan, a: _Set, b: _Set) -> None:
    if (a.data, a.side) == (b.data, b.side):
        # Pretrained and trained on the same structures: there is nothing between them.
        return
    # A distance is the same both ways, so it is computed once.
    a, b = sorted((a, b), key=lambda each: (each.data, canonical_json(first_form(each.side))))
    if result.suite.distances is None:
        return
    parents = {}
    for role, each in (("a", a), ("b", b)):
        parents[f"{role}_data"] = each.data
        parents[f"{role}_environments"] = environments(result, each.card, each.data, each.described)
    config = distance.Config(a=a.side, b=b.side, settings=result.suite.distances)
    label = f"distance of {a.named.label()} and {b.named.label()}"
    job = result.add(result.keys.job(config, parents, label))
    pair = SetPair(a.named, b.named, job)
    if pair not in result.compared:
        result.compared.append(pair)
