"""Advice on what a potential for somebody's data should start from, from the data to the answer."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlbench.advice.answer import Design, answer_of
from tlbench.advice.calibration import calibrate
from tlbench.advice.candidates import Candidate, candidates, check_here
from tlbench.advice.plan import SCALES, Target, fitting, suite_text, suite_value
from tlbench.advice.potential import FILE, write_best
from tlbench.advice.section import advice_section
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.phrases import duration
from tlbench.data.cards import SameDataError
from tlbench.data.fetch import fetch
from tlbench.engine.run.runner import Listener, Report, Resources
from tlbench.engine.store.store import Store
from tlbench.models.backbones import BACKBONES
from tlbench.report.analysis import Analysis
from tlbench.report.content import Section
from tlbench.report.inspection.audit import check_distinct
from tlbench.report.inspection.compositions import check_elements
from tlbench.report.markdown import section_text
from tlbench.report.wording import listed
from tlbench.run import Run, default_store, run_suite
from tlbench.study.loading import load_suite
from tlbench.study.plan import Plan
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite

SUITE = "suite.yaml"
PLANNED = "advice.json"
TEXT = "advice.md"

ASKED = {
    "data": "data",
    "card": "structures",
    "seconds": "time",
    "sources": "sources",
    "backbone": "--backbone",
}
"""What a question consists of, as messages call it."""

SHARE = 0.8
"""Of the time that is planned for; the rest is for what an estimate does not know."""


@dataclass(frozen=True)
class Question:
    """What advice is asked for.

    Attributes
    ----------
    data
        A file of structures, a card, or the name of a data set.
    seconds
        How long it may take.
    sources
        Names or paths of the candidates; None: all that there are.
    backbone
        The architecture that is trained from scratch and pretrained on data sets.
    """

    data: str
    seconds: float
    sources: tuple[str, ...] | None = None
    backbone: str = "dimenetpp"


@dataclass(frozen=True)
class Advice:
    """The answer, in words and as a table, and the run that it rests on."""

    section: Section
    run: Run


def default_out(question: Question) -> Path:
    """Return the folder that advice goes to."""
    return Path("runs") / f"advise-{Path(question.data).resolve().stem}"


def advise(
    question: Question,
    out: Path | None = None,
    store: Path | None = None,
    resources: Resources | None = None,
    on_change: Callable[[Plan, Store, Report], None] = lambda plan, store, report: None,
    on_event: Listener = lambda event, job, **fields: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Advice:
    """Compare what a potential for some data could start from, in a given time, and answer.

    ``out`` gets what `tlbench.run.run_suite` writes, with the answer first in ``report.html``, and
    ``suite.yaml`` (the comparison, which tlbench run repeats), ``advice.md`` (the answer) and
    ``potential.safetensors`` (the best model). The same question again goes on where it stopped,
    with the comparison that it had planned.

    Parameters
    ----------
    store, resources, on_change, on_event
        As of `tlbench.run.run_suite`.
    say
        Called with sentences on what is done.

    Raises
    ------
    TlbenchError
        If there are no data, they are too few or have no forces, there is nothing to start from, or
        the time is too short.
    """
    resources = resources or Resources()
    resources.check()
    BACKBONES.get(question.backbone)
    out = out or default_out(question)
    root = store or default_store()
    name, card, said = target_card(question.data, out)
    check_here(card)
    target = Target(name, card)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    for sentence in said:
        say(sentence)
    asked = {**asdict(question), "sources": question.sources and [*question.sources]}
    asked |= {"data": name, "card": card.digest()}
    left_out = _planned_before(out, asked)
    if left_out is None:
        left_out = _plan(question, target, out, Store(root), resources, on_change, on_event, say)
        content = {"question": asked, "left_out": left_out}
        _write(out / PLANNED, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    else:
        say(f"Going on with the comparison planned in {out / SUITE}.")
    for sentence in left_out:
        say(sentence)
    suite = load_suite(out / SUITE)
    design = Design.of(resolve(suite))
    try:
        # What lies there may be of jobs that are done again.
        (out / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    run = run_suite(
        suite,
        out,
        root,
        resources,
        on_change=on_change,
        on_event=on_event,
        first=lambda found: [advice_section(answer_of(found, question.backbone, design), left_out)],
    )
    return _answered(question, design, run, root, left_out)


def _planned_before(out: Path, asked: dict[str, Any]) -> list[str] | None:
    """Return what a comparison left out that was planned for the same question; None without.

    Raises
    ------
    InputError
        If the folder has the comparison for another question, which would be lost.
    """
    try:
        before = json.loads((out / PLANNED).read_text(encoding="utf-8"))
        question = dict(before["question"])
        left_out = [str(each) for each in before["left_out"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if changed := [ASKED[key] for key in ASKED if question.get(key) != asked[key]]:
        raise InputError(
            f"{out}: has advice on another question, which differs in {listed(changed)}; choose "
            "another folder with --out."
        )
    return left_out if (out / SUITE).is_file() else None


def _plan(
    question: Question,
    target: Target,
    out: Path,
    store: Store,
    resources: Resources,
    on_change: Callable[[Plan, Store, Report], None],
    on_event: Listener,
    say: Callable[[str], None],
) -> list[str]:
    """Write the suite of a comparison that fits the time; return what it leaves out."""
    started = time.monotonic()
    fetch(target.card)
    known = candidates(
        target.card,
        question.backbone,
        question.sources,
        lambda each: _check(each, target, question.backbone),
    )
    found = known.found
    check_elements(_study(target, found, question.backbone))
    say(
        f"Candidates: {', '.join(each.name for each in found)}, and training from scratch. "
        "Measuring how fast they are here."
    )
    measured = calibrate(target, found, question.backbone, store, resources, on_change, on_event)
    left = question.seconds - (time.monotonic() - started)
    if not measured.found:
        raise InputError(f"No candidate can be run: {' '.join(measured.failures)}")
    fit = fitting(measured.found, question.backbone, SHARE * left, measured.seconds)
    value = suite_value(target, fit.found, question.backbone, fit.scale)
    _write(out / SUITE, suite_text(value))
    say(
        f"Comparing {', '.join(each.name for each in fit.found)} with training from scratch; by "
        f"estimate this takes {duration(fit.seconds)}."
    )
    return [*known.left_out, *measured.failures, *fit.left_out]


def _study(target: Target, found: Sequence[Candidate], backbone: str) -> Study:
    return resolve(Suite.model_validate(suite_value(target, found, backbone, SCALES[-1])))


def _check(each: Candidate, target: Target, backbone: str) -> None:
    """Refuse a data set that holds the target's structures under other file names."""
    if not each.is_data:
        return
    try:
        check_distinct(_study(target, [each], backbone))
    except SameDataError as error:
        raise InputError(
            f"{each.name} holds most of these structures, so it cannot show what transfer brings."
        ) from error


def _answered(
    question: Question, design: Design, run: Run, root: Path, left_out: Sequence[str]
) -> Advice:
    """Return the answer of a run, and write it and the best potential into its folder."""
    analysis = Analysis.of(run.notes.comparable_results(run.results), run.plan.suite)
    answer = answer_of(analysis, question.backbone, design)
    found: list[str] = []
    try:
        if answer is not None:
            found = write_best(run.plan, Store(root), answer, run.out)
        section = advice_section(answer, [*left_out, *found])
        write_whole(run.out / TEXT, "\n\n".join(section_text(section)) + "\n")
    except OSError as error:
        raise _unwritable(run.out, error) from error
    return Advice(section, run)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"{folder}: cannot be written ({error.strerror}); choose another folder with --out."
    )
