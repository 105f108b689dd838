"""Whether a model may have no energies of some test structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.board.reading import Entry
from tlbench.board.verification.models import Model
from tlbench.results.frame_errors import ModelErrors, TestSet
from tlbench.study.model_key import TrainingSet
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import arm
from tlbench.transfer.strategy import Strategy

Origin = tuple[str, str | None, str, int | None]
Drawn = tuple[str, TrainingSet | None]
"""Target, and the structures of it that models are trained on."""


@dataclass(frozen=True)
class Energies:
    """What models of a submission are known to have learned energies of.

    Attributes
    ----------
    tests
        Test sets by the job of their data.
    own, sources
        Errors on a model's own test set by the job that trained it, and those of source models by
        what the models that start from them share.
    drawn
        The training structures from which some arm has learned energies.
    n_train, left_out
        Number of training structures, and elements that none of them contains on purpose, by the
        job of the data.
    """

    tests: Mapping[str, TestSet]
    own: Mapping[str | None, ModelErrors]
    sources: Mapping[Origin, ModelErrors]
    drawn: frozenset[Drawn]
    n_train: Mapping[str, int]
    left_out: Mapping[str, Sequence[str]]

    @classmethod
    def of(
        cls,
        entry: Entry,
        models: Sequence[Model],
        tests: Mapping[str, TestSet],
        errors: Mapping[str, ModelErrors],
    ) -> "Energies":
        """Return what the errors of models, by the job that measured them, show."""
        at_home = {
            m.trained: m
            for m in models
            if m.job in errors
            and not m.where.simulated
            and m.where.weights == "last"
            and m.where.data is None
        }
        own = {trained: errors[m.job] for trained, m in at_home.items()}
        data = entry.about.data
        return cls(
            tests,
            own,
            sources={
                m.where.model.origin: own[trained]
                for trained, m in at_home.items()
                if m.where.model.strategy == PRETRAIN
            },
            drawn=frozenset(_drawn(m) for t, m in at_home.items() if any(own[t].energy or ())),
            n_train={each.job: each.n_frames["train"] for each in data},
            left_out={
                each.job: entry.cards[each.recipe].origin.elements_left_out()
                for each in data
                if each.recipe in entry.cards
            },
        )

    def are_missing(self, model: Model, errors: ModelErrors) -> bool:
        """Return whether ``errors`` of a model have no energies where it must have some."""
        # Zero-shot models are fitted to no energies.
        has_energies = model.where.model.strategy == PRETRAIN or _arm_of(model).trains
        return has_energies and lacks_energies(
            errors, self.tests[errors.data], self._unseen(model, errors.data)
        )

    def _unseen(self, model: Model, data: str) -> Sequence[str]:
        """Return the elements of test structures of which a model may know no energy."""
        elements, key = [*self.tests[data].element_counts], model.where.model
        if model.where.data is not None:
            learned = known_elements(self.own.get(model.trained), self.tests)
            if key.strategy == PRETRAIN or _arm_of(model).needs_source:
                learned |= known_elements(self.sources.get(key.origin), self.tests)
            return [name for name in elements if name not in learned]
        is_part = key.size < self.n_train.get(data, 0)
        if is_part and len(elements) > 1 and _drawn(model) not in self.drawn:
            # The structures that are drawn may all lack one of the elements.
            return elements
        return self.left_out.get(data, [])


def _arm_of(model: Model) -> Strategy:
    return arm(model.where.model.strategy)


def _drawn(model: Model) -> Drawn:
    return model.where.model.target, model.where.model.training_set


def known_elements(own: ModelErrors | None, tests: Mapping[str, TestSet]) -> set[str]:
    """Return the elements that a model has energies of on its own test set.

    Parameters
    ----------
    own
        Its errors there, if they are known.
    tests
        Test sets by the job of their data.
    """
    if own is None or own.energy is None or own.data not in tests:
        return set()
    counts, known = tests[own.data].element_counts, np.array([e is not None for e in own.energy])
    if len(known) != len(tests[own.data].n_atoms):
        return set()
    return {name for name, of in counts.items() if known[of > 0].any()}


def lacks_energies(errors: ModelErrors, tests: TestSet, left_out: Sequence[str]) -> bool:
    """Return whether energies are missing of structures all of whose elements were trained on.

    The few structures that a model is trained on may lack an element by chance. Then no structure
    that contains it has an energy, but others do.

    Parameters
    ----------
    left_out
        Elements that no training structure of the data set contains.
    """
    unknown = np.array([each is None for each in errors.energy or [None] * len(tests.n_atoms)])
    counts = tests.element_counts
    if len(unknown) != len(tests.n_atoms):
        # Nothing can be recomputed, and a note states that.
        return False
    new = [name for name in counts if unknown[counts[name] > 0].all()]
    if unknown.all():
        new = [name for name in new if name in left_out]
    explained = np.any([counts[name] > 0 for name in new] or [np.zeros_like(unknown)], axis=0)
    return bool((unknown & ~explained).any())
