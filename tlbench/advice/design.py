"""What a comparison was to compare, and the structures that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tlbench.advice.candidates import is_empirical
from tlbench.advice.rates import Choice
from tlbench.data.cards import Card
from tlbench.data.marks import MarkName
from tlbench.report.wording import BASELINE
from tlbench.results.shares import FEWEST_GROUPS
from tlbench.study.plan import PRETRAIN
from tlbench.study.study import Study

UNKNOWN = "unknown"
"""Level of theory on a card that was guessed."""


@dataclass(frozen=True)
class Design:
    """What a comparison was to compare, and the structures that it rests on.

    Attributes
    ----------
    starts
        Names of all starts beside scratch.
    sizes
        Numbers of training structures, ascending.
    n_pairs
        Pairs of seeds.
    n_train, n_test
        Structures there are to train on, and those that errors are taken over.
    order
        How the test structures were held back; see `tlbench.data.splits.Split`.
    batch_size
        Structures of an update.
    marked
        Mark → how many test structures errors are not taken over for it.
    n_held_back
        Test structures, those with a mark included.
    theory
        Level of theory of the data, as their card states it.
    other_theories
        Name of a start that is pretrained on labels of another one → that.
    choice
        How learning rates were chosen; None if all starts have one.
    """

    starts: tuple[str, ...]
    sizes: tuple[int, ...]
    n_pairs: int
    n_train: int
    n_test: int
    order: str
    batch_size: int = 2
    marked: Mapping[MarkName, int] = field(default_factory=dict)
    n_held_back: int = 0
    theory: str = ""
    other_theories: Mapping[str, str] = field(default_factory=dict)
    choice: Choice | None = None

    @classmethod
    def of(cls, study: Study) -> Self:
        """Return the design of a study of one target, all of whose test structures count."""
        card = study.ends[0].target
        split = getattr(card.origin, "split", None)
        trained = [each for each in study.grid if each.strategy not in (BASELINE, PRETRAIN)]
        return cls(
            starts=tuple(dict.fromkeys(each.source for each in trained)),
            sizes=tuple(sorted(study.suite.sizes)),
            n_pairs=len(study.suite.seed_pairs()),
            n_train=card.n_frames("train"),
            n_test=card.n_frames("test"),
            order="" if split is None else split.order,
            batch_size=study.suite.training.batch_size,
            theory=card.level_of_theory,
            other_theories={
                ends.source_name: ends.data.level_of_theory
                for ends in study.ends
                if ends.data is not None and _differ(ends.data, card)
            },
            choice=Choice.of(study),
        )

    @property
    def has_tests(self) -> bool:
        """Whether test structures are enough for a claim."""
        return self.n_test >= FEWEST_GROUPS


def _differ(source: Card, target: Card) -> bool:
    """Return whether labels are of other levels of theory, as far as that is known."""
    empirical = {is_empirical(source), is_empirical(target)}
    if empirical != {False}:
        # Of two empirical potentials of one form, parameters are those of the elements.
        return len(empirical) == 2
    stated = {source.level_of_theory, target.level_of_theory}
    return len(stated) == 2 and UNKNOWN not in stated
