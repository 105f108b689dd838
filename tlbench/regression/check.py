"""A run checked against a baseline, and what is written of it."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tlbench.base.errors import InputError, printable
from tlbench.base.phrases import counted, listed
from tlbench.metrics import METRICS
from tlbench.regression.losses import Loss, losses_of
from tlbench.regression.markdown import bullets, inert, table
from tlbench.regression.numbers import Numbers
from tlbench.regression.origins import differences, same_bits
from tlbench.regression.pairing import Pairing, pair_up
from tlbench.regression.table import brief, described, numbers_by_model

EXAMPLES = 10
"""How many faults the terminal shows."""

HEADER = ["models", "metric", "condition", "change", "tolerance", "confidence", ""]


@dataclass(frozen=True)
class Case:
    """One thing that was checked, and its fault; empty if it has none."""

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
    losses
        The change of the numbers that both have.
    exact
        Whether every number should be that of the baseline to the last bit.
    """

    pairing: Pairing
    losses: list[Loss]
    exact: bool

    @property
    def worse(self) -> list[Loss]:
        """What got worse."""
        return [loss for loss in self.losses if loss.worse]

    @property
    def faults(self) -> list[Case]:
        """What is wrong."""
        return [case for case in self.cases() if case.fault]

    def cases(self) -> list[Case]:
        """Return everything that was checked."""
        cases = [
            Case("worse", loss.name, loss.sentence() if loss.worse else "") for loss in self.losses
        ]
        cases += [
            Case("missing", f"missing: {line}", f"missing from the run: {line}")
            for line in numbers_by_model(self.pairing.only_second)
        ]
        if self.exact:
            differ = not self.pairing.changed().empty
            fault = f"{self._changed()} This should not be." if differ else ""
            cases.append(Case("changed", "identical to the baseline", fault))
        # Models from scratch are those of every transfer to their target: one case, not several.
        return list(dict.fromkeys(cases))

    def remarks(self) -> list[str]:
        """Return what else should be known."""
        remarks = [self._bits(), *self.pairing.remarks()]
        new = self.pairing.only_first
        if len(new):
            models = brief(described(new, self.pairing.second.table))
            number = f"{counted(len(new), 'number')} of the run {'is' if len(new) == 1 else 'are'}"
            remarks.append(f"{number} not in the baseline and not judged: {models}.")
        # Where nothing changed there is no noise to speak of.
        return remarks if self.pairing.changed().empty else [*remarks, *self._noise()]

    def headline(self) -> str:
        """Return in a sentence how it went."""
        run, baseline = self.pairing.first, self.pairing.second
        if not self.faults:
            return (
                f"Nothing of {run.title} got worse: {counted(len(self.pairing.shared), 'number')} "
                f"compared with {baseline.name}."
            )
        bad = dict.fromkeys(loss.backbone for loss in self.worse)
        faults = [f"{', '.join(bad)} got worse"] if bad else []
        lost = len(self.pairing.only_second)
        if lost:
            faults.append(f"{counted(lost, 'number')} {'is' if lost == 1 else 'are'} missing")
        if self.exact and not self.pairing.changed().empty:
            faults.append("the numbers are not identical")
        return f"{run.title}: {listed(faults)}, beside {baseline.name}."

    def sentences(self) -> list[str]:
        """Return what the terminal shows, line by line."""
        faults = [case.fault for case in self.faults]
        lines = [f"  {fault}" for fault in faults[:EXAMPLES]]
        if len(faults) > EXAMPLES:
            lines.append(f"  and {len(faults) - EXAMPLES} more; --markdown FILE has all of them")
        return [printable(line) for line in (self.headline(), *lines, *self.remarks())]

    def markdown(self) -> str:
        """Return a summary in Markdown."""
        faults = self.faults
        headline = f"**{'Failed' if faults else 'Passed'}.** {inert(self.headline())}"
        others = [case.fault for case in faults if case.kind != "worse"]
        blocks = [headline, bullets(others), bullets(self.remarks())]
        for title, losses in (
            ("Whole backbones", [loss for loss in self.losses if loss.of_backbone]),
            ("Single places that got worse", [loss for loss in self.worse if not loss.of_backbone]),
        ):
            if losses:
                blocks += [f"{title}:", table([HEADER, *map(_cells, losses)])]
        return "\n\n".join(filter(None, blocks)) + "\n"

    def junit(self) -> str:
        """Return the cases as JUnit XML, for a service of continuous integration."""
        cases = self.cases()
        root = ET.Element("testsuites")
        suite = ET.SubElement(
            root,
            "testsuite",
            name=printable(f"tlbench check {self.pairing.first.suite}"),
            tests=str(len(cases)),
            failures=str(len(self.faults)),
            errors="0",
            skipped="0",
        )
        for case in cases:
            element = ET.SubElement(
                suite, "testcase", classname=f"tlbench.check.{case.kind}", name=printable(case.name)
            )
            if case.fault:
                ET.SubElement(element, "failure", type=case.kind, message=printable(case.fault))
        ET.SubElement(suite, "system-out").text = "\n".join(map(printable, self.remarks()))
        ET.indent(root)
        text = ET.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'

    def _bits(self) -> str:
        run, baseline = self.pairing.first.origins, self.pairing.second.origins
        if self.pairing.changed().empty:
            number = counted(len(self.pairing.shared), "number")
            return f"All {number} that both have are identical."
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
        changed, count = self.pairing.changed(), counted(len(self.pairing.shared), "number")
        return f"{len(changed)} of {count} changed: {brief(numbers_by_model(changed))}."

    def _noise(self) -> list[str]:
        groups = self.pairing.shared.groupby(["backbone", "metric", "condition"], sort=False)
        seeds = groups["init_seed"].nunique()
        alone = seeds[seeds == 1].index.unique("backbone")
        remarks = []
        if len(alone):
            remarks.append(
                f"All models of {listed(alone)} have one init seed, so the noise is that of "
                "the choice of structures alone; a change that draws other initial weights can "
                "pass for a loss."
            )
        unknown = dict.fromkeys(
            f"{loss.backbone} ({loss.metric})"
            for loss in self.losses
            if math.isnan(loss.chance) and math.isfinite(loss.value)
        )
        if unknown:
            remarks.append(
                f"The noise of {listed(unknown)} cannot be estimated from so few models, so "
                "the tolerance alone decides there."
            )
        return remarks


def check(run: Numbers, baseline: Numbers, tolerances: Mapping[str, float], exact: bool) -> Check:
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
    metrics = sorted(pairing.shared["metric"].unique())
    for name in tolerances:
        if METRICS.get(name).name not in metrics:
            raise InputError(
                f"--tolerance {name}: the run and the baseline share no numbers of this metric; "
                f"they share those of {printable(', '.join(metrics))}."
            )
    return Check(pairing, losses_of(pairing.shared, tolerances), exact)


def tolerances_of(texts: Iterable[str]) -> dict[str, float]:
    """Return metric → tolerance of ``--tolerance METRIC=VALUE``.

    Raises
    ------
    InputError
        If one is written otherwise, or is not a number from 0 on.
    """
    tolerances = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not equals or not 0 <= number < math.inf:
            raise InputError(
                f"--tolerance {text}: write it as METRIC=VALUE with a value from 0 on, e.g. "
                "force_mae=0.1 for 10 %."
            )
        tolerances[name.strip()] = number
    return tolerances


def _cells(loss: Loss) -> list[str]:
    # Confidence in a loss says nothing about what did not get worse.
    confidence = loss.confidence if loss.value > 0 else ""
    return [
        loss.models, loss.metric, loss.condition, loss.change, loss.allowed, confidence,
        "worse" if loss.worse else "",
    ]  # fmt: skip
