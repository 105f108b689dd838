"""Advice on what a potential for one's own data should start from, from the data to the answer."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlbench.advice.answer import Answer, answer_of
from tlbench.advice.as_is import AsIs, measured_as_is
from tlbench.advice.calibration import calibrate
from tlbench.advice.candidates import Candidate, Candidates, candidates, check_here, published
from tlbench.advice.defects import on_defects
from tlbench.advice.design import Design
from tlbench.advice.plan import (
    FEWEST_TO_CHOOSE,
    SCALES,
    Target,
    TooShortError,
    fitting,
    scales_for,
    suite_text,
    suite_value,
)
from tlbench.advice.potential import FILE, write_best
from tlbench.advice.question import (
    SUITE,
    Planned,
    Question,
    planned_before,
    write_into,
    writing_in,
)
from tlbench.advice.rates import tune_comparison
from tlbench.advice.run_context import RunContext
from tlbench.advice.section import advice_section
from tlbench.advice.stability import (
    Simulations,
    Stability,
    conditions_of,
    longest_simulations,
    planned_simulations,
    simulate,
)
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError, StoreError
from tlbench.base.files import write_whole
from tlbench.base.phrases import counted, duration, listed
from tlbench.data.cards import SameDataError
from tlbench.data.fetch import fetch
from tlbench.engine.run.runner import Listener, Report, Resources
from tlbench.engine.store.store import Store
from tlbench.models.backbones import BACKBONES
from tlbench.report.analysis import Analysis
from tlbench.report.content import Section, Table
from tlbench.report.inspection.audit import check_distinct
from tlbench.report.inspection.compositions import check_elements
from tlbench.report.markdown import section_text
from tlbench.report.wording import BASELINE
from tlbench.run import Run, default_store, run_suite, write_results
from tlbench.study.loading import load_suite
from tlbench.study.plan import Plan
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite

TEXT = "advice.md"
SIMULATED = "stability"
"""What the names of files begin with that have the suites of simulations."""

FASTER = "schnet"
"""A backbone whose updates take less time than those of the default one."""

SHARE = 0.8
"""Of the time that is planned for; the rest is for what an estimate does not know."""


@dataclass(frozen=True)
class Advice:
    """The answer, in words and as tables, and the run that it rests on."""

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
    show: Callable[[Table], None] = lambda table: None,
) -> Advice:
    """Compare what a potential for some data could start from, in a given time, and answer.

    ``out`` gets what `tlbench.run.run_suite` writes, with the answer first in ``report.html``, and
    ``suite.yaml`` (the comparison, which tlbench run repeats), ``advice.md`` (the answer) and
    ``potential.safetensors`` (the best model). Where there is time for simulations,
    ``stability.yaml`` and ``stability-scratch.yaml`` are their suites. The same question again goes
    on where it stopped, with what it had planned.

    Parameters
    ----------
    store, resources, on_change, on_event
        As of `tlbench.run.run_suite`.
    say
        Called with sentences on what is done.
    show
        Called with the errors of published potentials as they are, before anything is trained.

    Raises
    ------
    TlbenchError
        If there are no data, they are too few or have no forces, there is nothing to start from,
        the time is too short, or the temperature is not one.
    """
    deadline = time.monotonic() + question.seconds
    resources = resources or Resources()
    resources.check()
    BACKBONES.get(question.backbone)
    question.check()
    out = out or default_out(question)
    root = store or default_store()
    name, card, said = target_card(question.data, out)
    check_here(card)
    target = Target(name, card)
    with writing_in(out):
        out.mkdir(parents=True, exist_ok=True)
    for sentence in said:
        say(sentence)
    context = RunContext(Store(root), resources, on_change, on_event, say, show)
    asked = question.asked(name, card)
    planned = planned_before(out, asked)
    if planned is None:
        known = _candidates(question, target)
        as_is = _as_is(question, target, context)
        planned = _plan(question, target, known, as_is, out, context, deadline)
        planned.write(out, asked)
    else:
        as_is = _as_is(question, target, context)
        say(f"Going on with the comparison planned in {out / SUITE}.")
    for sentence in planned.left_out:
        say(sentence)
    suite = load_suite(out / SUITE)
    if planned.chooses_rates and suite.tuned is None:
        suite = tune_comparison(out, context)
    design = Design.of(resolve(suite))
    with writing_in(out):
        # What lies there may be of jobs that are done again.
        (out / FILE).unlink(missing_ok=True)
    run = run_suite(
        suite,
        out,
        root,
        resources,
        on_change=on_change,
        on_event=on_event,
        first=lambda found: [
            advice_section(
                answer_of(found, question.backbone, design, as_is.rows),
                planned.left_out,
                as_is=as_is,
            )
        ],
    )
    analysis = Analysis.of(run.notes.comparable_results(run.results), run.plan.suite)
    answer = answer_of(analysis, question.backbone, design, as_is.rows)
    stability: Stability | str = ""
    if answer is not None:
        try:
            found = _simulations(question, planned, answer, run, context, deadline)
            replace(planned, time_ps=found.time_ps).write(out, asked)
            stability = simulate(found, context)
        except (InputError, StoreError) as error:
            stability = f"Stability in molecular dynamics was not tested. {error}"
    return _answered(answer, stability, as_is, run, context.store, planned.left_out)


def _candidates(question: Question, target: Target) -> Candidates:
    """Return the candidates, with which data are checked before anything is measured."""
    fetch(target.card)
    known = candidates(
        target.card,
        question.backbone,
        question.sources,
        lambda each: _check(each, target, question.backbone),
    )
    check_elements(_study(target, known.found, question.backbone))
    return known


def _as_is(question: Question, target: Target, context: RunContext) -> AsIs:
    """Measure every published potential that is here and knows the elements, as it is."""
    found = measured_as_is(target, published(target.card).found, question.backbone, context)
    if found.rows:
        context.show(found.table)
    return found


def _plan(
    question: Question,
    target: Target,
    known: Candidates,
    as_is: AsIs,
    out: Path,
    context: RunContext,
    deadline: float,
) -> Planned:
    """Write the suite of a comparison that fits the time; return what it leaves out."""
    found = known.found
    context.say(
        f"Candidates: {', '.join(each.name for each in found)}, and training from scratch. "
        "Measuring how fast they are here."
    )
    measured = calibrate(target, found, question.backbone, context)
    seconds = SHARE * (deadline - time.monotonic())
    if not measured.found:
        raise InputError(f"No candidate can be run: {' '.join(measured.failures)}")
    try:
        scales = scales_for(target)
        fit = fitting(measured.found, question.backbone, seconds, measured.seconds, scales)
    except TooShortError as error:
        spent = question.seconds - (deadline - time.monotonic())
        is_own = any(each.backbone == question.backbone for each in measured.found)
        raise too_short(error, as_is, spent, question.backbone if is_own else "") from error
    value = suite_value(target, fit.found, question.backbone, fit.scale)
    write_into(out / SUITE, suite_text(value))
    context.say(
        f"Comparing {', '.join(each.name for each in fit.found)} with training from scratch; by "
        f"estimate this takes {duration(fit.seconds)}."
    )
    card = target.card
    stated = on_defects(card, card.read(fetch(card))) if card.data_files() else ()
    left_out = [*stated, *known.left_out, *measured.failures, *fit.left_out]
    if (n_validation := card.n_frames("validation")) < FEWEST_TO_CHOOSE:
        few = counted(n_validation, "structure")
        left_out.append(f"All starts have one learning rate: validation has {few} only.")
    return Planned(left_out, seconds - fit.seconds, chooses_rates=fit.scale.chooses_rates)


def too_short(error: TooShortError, as_is: AsIs, spent: float, backbone: str) -> InputError:
    """Return the refusal of a time that is too short, with what is known without training.

    Parameters
    ----------
    spent
        Seconds that measuring took.
    backbone
        That of models that are pretrained on data sets; empty without these.
    """
    minutes = math.ceil((spent + error.seconds / SHARE) / 60)
    faster = f", --backbone {FASTER}, which is faster," if backbone == Question.backbone else ""
    return InputError(
        f"The time is too short to train anything: {error}. Type --time {minutes}m{faster} or give "
        f"other candidates with --sources. {as_is.text}".rstrip()
    )


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


def _simulations(
    question: Question,
    planned: Planned,
    answer: Answer,
    run: Run,
    context: RunContext,
    deadline: float,
) -> Simulations:
    """Plan simulations of the start whose potential is kept, and of scratch, in the time left.

    Raises
    ------
    InputError
        If they cannot be simulated, or not in the time.
    """
    at = conditions_of(run.plan, context.store, question.temperature_k)
    name, row = answer.leading
    rows = {name: row, BASELINE: answer.baseline[answer.size]}
    if planned.time_ps is None:
        # The comparison may have taken longer than predicted.
        seconds = min(planned.spare_seconds, deadline - time.monotonic())
        found = longest_simulations(run.plan, rows, at, context, seconds)
    else:
        found = planned_simulations(run.plan, rows, at, planned.time_ps, context)
    for each, value in found.suites.items():
        suffix = f"-{BASELINE}" if each == BASELINE else ""
        write_into(run.out / f"{SIMULATED}{suffix}.yaml", suite_text(value))
    context.say(
        f"Simulating models from {listed(found.suites)} for {found.time_ps:g} ps at "
        f"{at.temperature_k:g} K ({at.reason}); by estimate this takes {duration(found.seconds)}."
    )
    return found


def _answered(
    answer: Answer | None,
    stability: Stability | str,
    as_is: AsIs,
    run: Run,
    store: Store,
    further: Sequence[str],
) -> Advice:
    """Write the answer, the page with it, and the best potential into the folder of a run."""
    found: list[str] = []
    with writing_in(run.out):
        if answer is not None:
            found = write_best(run.plan, store, answer, run.out)
        section = advice_section(answer, [*further, *found], stability, as_is)
        write_whole(run.out / TEXT, "\n\n".join(section_text(section)) + "\n")
    whole = write_results(run.plan, store, run.report, run.out, lambda analysis: [section])
    return Advice(section, whole)
