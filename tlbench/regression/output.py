"""What a check says, on the terminal, in Markdown and to a continuous-integration service."""

import xml.etree.ElementTree as ET

from tlbench.base.errors import printable
from tlbench.regression.check import Check
from tlbench.regression.judged import Judged, Scope
from tlbench.regression.markdown import inert, rows
from tlbench.report.markdown import markdown_table

EXAMPLES = 10
"""How many faults the terminal shows."""

HEADER = ["models", "metric", "condition", "change", "tolerance", "confidence", ""]


def sentences(check: Check) -> list[str]:
    """Return what a check found, line by line."""
    faults = [case.fault for case in check.faults]
    lines = [f"  {fault}" for fault in faults[:EXAMPLES]]
    if len(faults) > EXAMPLES:
        lines.append(f"  and {len(faults) - EXAMPLES} more; --markdown FILE has all of them")
    return [printable(line) for line in (check.headline(), *lines, *check.remarks())]


def lines_of(judged: list[Judged]) -> list[list[str]]:
    """Return a table of what was judged, its header first."""
    return [HEADER, *(_line(each) for each in judged)]


def _line(each: Judged) -> list[str]:
    # Confidence in a loss says nothing about what did not get worse.
    confidence = each.confidence if each.loss.value > 0 else ""
    verdict = "worse" if each.worse else ""
    return [
        each.models, each.spec.name, each.place.under, each.change, each.allowed, confidence,
        verdict,
    ]  # fmt: skip


def backbones(check: Check) -> list[Judged]:
    """Return what became of whole backbones."""
    return [each for each in check.verdicts.judged if each.scope is Scope.BACKBONE]


def markdown(check: Check) -> str:
    """Return a summary of a check."""
    blocks = [f"**{'Passed' if check.passed else 'Failed'}.** {inert(check.headline())}"]
    wrong = [case.fault for case in check.faults if case.kind != "worse"]
    blocks.append("\n".join(f"- {inert(fault)}" for fault in wrong))
    blocks.append("\n".join(f"- {inert(remark)}" for remark in check.remarks()))
    worse = [each for each in check.verdicts.worse if each.scope is Scope.PLACE]
    for title, judged in (
        ("Whole backbones", backbones(check)),
        ("Single places that got worse", worse),
    ):
        if judged:
            blocks += [f"{title}:", markdown_table(rows(lines_of(judged)))]
    return "\n\n".join(block.strip() for block in blocks if block) + "\n"


def junit(check: Check) -> str:
    """Return the cases of a check as JUnit XML."""
    cases = check.cases()
    suite = ET.Element(
        "testsuite",
        name=printable(f"tlbench check {check.pairing.first.suite}"),
        tests=str(len(cases)),
        failures=str(len(check.faults)),
        errors="0",
        skipped="0",
    )
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", classname=f"tlbench.check.{case.kind}", name=printable(case.name)
        )
        if case.fault:
            failure = ET.SubElement(element, "failure", type=case.kind)
            failure.set("message", printable(case.fault))
    properties = ET.SubElement(suite, "system-out")
    properties.text = "\n".join(map(printable, check.remarks()))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
