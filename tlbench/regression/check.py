"""A run checked against a baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tlbench.base.errors import InputError, printable
from tlbench.metrics import METRICS
from tlbench.regression.judgement import Verdicts, judge
from tlbench.regression.origins import differences, same_bits
from tlbench.regression.pairing import Pairing, lengths, pair_up
from tlbench.regression.places import brief, listed, numbers
from tlbench.regression.sides import Side


@dataclass(frozen=True)
class Case:
    """One thing that was checked, and what is wrong with it; empty if nothing is."""

    kind: Literal["worse", "missing", "changed"]
    name: str
    fault: str = ""


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes
    ----------
    pairing
        The run, first, and the baseline.
    verdicts
        What became of the numbers that both have.
    exact
        Whether every number should be that of the baseline to the last bit.
    """

    pairing: Pairing
    verdicts: Verdicts
    exact: bool

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def faults(self) -> list[Case]:
        """What is wrong."""
        return [case for case in self.cases() if case.fault]

    def cases(self) -> list[Case]:
        """Return everything that was checked."""
        worse = [
            Case("worse", each.name, each.sentence() if each.worse else "")
            for each in self.verdicts.judged
        ]
        missing = [
            Case("missing", f"missing: {line}", f"missing from the run: {line}")
            for line in listed(lengths(self.pairing.only_second))
        ]
        changed = []
        if self.exact:
            count = sum(self.pairing.changed().values())
            fault = f"{self._changed()} This should not be." if count else ""
            changed.append(Case("changed", "identical to the baseline", fault))
        # Models from scratch are those of every transfer to their target: one case, not several.
        return list(dict.fromkeys([*worse, *missing, *changed]))

    def remarks(self) -> list[str]:
        """Return what else should be known."""
        found = [self._bits(), *self.pairing.remarks()]
        new = sum(map(len, self.pairing.only_first.values()))
        if new:
            found.append(
                f"{numbers(new)} of the run {'is' if new == 1 else 'are'} not in the baseline "
                f"and not judged: {brief(self.pairing.described_first())}."
            )
        # Where nothing changed there is no noise to speak of.
        return [*found, *(self.verdicts.remarks if self.pairing.changed() else [])]

    def headline(self) -> str:
        """Say in a sentence how it went."""
        run, baseline = self.pairing.first, self.pairing.second
        of = f"{run.suite} (version {run.suite_version})"
        if self.passed:
            return (
                f"Nothing of {of} got worse: {numbers(self.pairing.count())} compared with "
                f"{baseline.name}."
            )
        bad = dict.fromkeys(each.backbone for each in self.verdicts.worse)
        what = [f"{', '.join(bad)} got worse"] if bad else []
        lost = sum(map(len, self.pairing.only_second.values()))
        what += [f"{numbers(lost)} {'is' if lost == 1 else 'are'} missing"] if lost else []
        what += ["the numbers are not identical"] if self.exact and self.pairing.changed() else []
        return f"{of}: {' and '.join(what)}, beside {baseline.name}."

    def _bits(self) -> str:
        run, baseline = self.pairing.first.origins, self.pairing.second.origins
        if not self.pairing.changed():
            return f"All {numbers(self.pairing.count())} that both have are identical."
        if same_bits(run, baseline):
            return (
                "Device, threads, kernels and packages are those of the baseline, so every number "
                f"should be the same to the last bit unless the code changed. {self._changed()}"
            )
        why = brief(differences(run, baseline)) or (
            "they come from several machines or an accelerator"
            if run
            else "where they come from is not known"
        )
        return f"The last digits may differ from the baseline's: {why}. {self._changed()}"

    def _changed(self) -> str:
        changed = self.pairing.changed()
        return (
            f"{sum(changed.values())} of {numbers(self.pairing.count())} changed: "
            f"{brief(listed(changed))}."
        )


def check(run: Side, baseline: Side, tolerances: Mapping[str, float], exact: bool) -> Check:
    """Check a run against a baseline.

    Parameters
    ----------
    tolerances
        Metric → what may be lost, instead of its own tolerance.
    exact
        Whether numbers that changed at all are a fault.

    Raises
    ------
    InputError
        If the two cannot be compared, or a tolerance is of a metric that is not compared.
    """
    pairing = pair_up(run, baseline)
    metrics = {place.metric for place in pairing.shared}
    for name in tolerances:
        if METRICS.get(name).name not in metrics:
            raise InputError(
                f"--tolerance {name}: the run and the baseline share no numbers of this metric; "
                f"they share those of {printable(', '.join(sorted(metrics)))}."
            )
    return Check(pairing, judge(pairing, tolerances), exact)


def tolerances_of(texts: Iterable[str]) -> dict[str, float]:
    """Return metric → tolerance of ``--tolerance METRIC=VALUE``.

    Raises
    ------
    InputError
        If one is written otherwise, or is no number from 0 on.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not equals or not 0 <= number < float("inf"):
            raise InputError(
                f"--tolerance {text}: write it as METRIC=VALUE with a value from 0 on, e.g. "
                "force_mae=0.1 for 10 %."
            )
        found[name.strip()] = number
    return found
