"""Whether simulations are possible, and what follows from them."""

import math
import re
from collections.abc import Iterator

import numpy as np

from tlbench.board.reading import Entry
from tlbench.data.cards import Card
from tlbench.data.origins import ORIGINS
from tlbench.jobs.reference_run import ReferenceRun, Structure, frames_label, simulations_label
from tlbench.md.protocol import CRITERIA, STABLE
from tlbench.metrics import METRICS
from tlbench.metrics.diffusion import diffusion_coefficient
from tlbench.metrics.structure import shares_of_pairs
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.frame_errors import Recomputed
from tlbench.study.simulations import Simulations

PLAIN = re.compile(r"[\w .,:;+()/%@®™–-]{1,300}")
"""Words that mean nothing to Markdown or HTML."""

ROUNDING = 2e-5
"""Distributions are published to five decimals; means of them are that far off at most."""


def check_simulations(entry: Entry) -> Iterator[str]:
    """Yield what is impossible of simulations, where there are any."""
    asked, dynamics = entry.suite.dynamics, entry.results.dynamics
    if asked is None or dynamics is None:
        return
    reference = dynamics.reference
    if (reference.temperature_k, reference.time_ps) != (asked.temperature_k, asked.time_ps):
        yield "The reference dynamics is at another temperature or of another length than asked."
    if not all(_is_made_of(reference.origin, ends.target, asked) for ends in entry.study.ends):
        yield "The origin of the reference dynamics is not the one that its data set gives."
    if reference.start_structure != asked.start:
        yield "The reference dynamics does not start from what the suite asks for."
    if {reference.element} != {ends.target.formula for ends in entry.study.ends}:
        yield "The reference dynamics is not of the target's elements."
    if reference.composition is not None:
        yield from _impossible_composition(reference, entry.study.ends[0].target)
    for run in dynamics.models:
        name = _named(run)
        if len(run.survival_ps) != asked.replicas:
            yield f"{name}: {len(run.survival_ps)} replicas, but the suite has {asked.replicas}."
        for criterion in sorted({*run.criterion} - {STABLE, *CRITERIA}):
            yield f"{name}: {criterion!r} is not a criterion of stability."
        for time, criterion in zip(run.survival_ps, run.criterion, strict=True):
            whole = math.isclose(time, asked.time_ps, rel_tol=1e-3)
            if not 0 <= time <= asked.time_ps * (1 + 1e-3) or (criterion == "" and not whole):
                yield (
                    f"{name}: a replica lasted {time:g} ps of {asked.time_ps:g}, and is "
                    f"{criterion or 'stable'}."
                )
        both = [(each.structure, each.msd, each.spectrum) for each in (run, reference)]
        if not all(reference.fits(*each) for each in both):
            yield f"{name}: the distributions are not on the bins of the reference."
        elif any(s is not None and not _adds_up(s, reference) for s, *_ in both):
            yield f"{name}: the distributions of pairs of elements do not add up to that of all."
        elif run.diffusion and not _is_mean_slope(run, reference):
            yield f"{name}: the diffusion of replicas does not follow from their displacement."
        if (run.structure is None) != (run.n_stable == 0):
            yield f"{name}: there should be structure if and only if a replica is stable."
    if reference.digest() != entry.about.reference:
        yield "The reference dynamics is not that whose digest is given."
    yield from _strangers(entry, dynamics)


def _is_mean_slope(run: ModelRun, reference: ReferenceRun) -> bool:
    """Return whether the mean of the replicas' slopes is that of their mean displacement."""
    if run.msd is None or not run.diffusion:
        return False
    slope = diffusion_coefficient(reference.times_ps, run.msd)
    # Rounding of the displacement tilts a short line the more.
    return abs(sum(run.diffusion) / len(run.diffusion) - slope) <= ROUNDING / min(
        1.0, reference.time_ps
    )


def _impossible_composition(reference: ReferenceRun, target: Card) -> Iterator[str]:
    composition = reference.composition or {}
    if not set(composition) <= set(target.elements):
        yield "The reference dynamics is of elements that its data set does not have."
    if sum(composition.values()) != reference.n_atoms:
        yield "The composition of the reference dynamics is not one of its number of atoms."


def _adds_up(structure: Structure, reference: ReferenceRun) -> bool:
    """Return whether g_ab of all pairs, weighted by their number, add up to g."""
    if structure.partial_rdf is None:
        return True
    shares = shares_of_pairs(reference.composition or {})
    total = sum(share * np.array(structure.partial_rdf[pair]) for pair, share in shares.items())
    return bool(np.abs(total - np.array(structure.rdf)).max() <= ROUNDING)


def _is_made_of(text: str, target: Card, asked: Simulations) -> bool:
    """Return whether ``text``, which sentences of the site repeat, is what the job would say."""
    kind = target.origin.start(asked.temperature_k)["kind"]
    if kind == "frames":
        return re.fullmatch(frames_label("[0-9]{1,9}"), text) is not None
    name = ORIGINS.get(kind).reference_name(target.formula)
    return text == simulations_label(name, asked.replicas)


def _named(run: ModelRun) -> str:
    return f"Simulations of {run.model.strategy} {run.model.backbone}, N {run.model.size}"


def _strangers(entry: Entry, dynamics: Dynamics) -> Iterator[str]:
    """Yield simulations that are not of the models that records say they are of."""
    known = {
        (r.job, r.model.without_transfer())
        for r in entry.results.records
        if "md_temperature_k" in r.condition
    }
    for run in dynamics.models:
        if (run.job, run.model) not in known:
            yield f"{_named(run)}: no records of it."
    if len({run.job for run in dynamics.models}) != len(dynamics.models):
        yield "Simulations of one model are given twice."


def of_simulations(entry: Entry, run: ModelRun) -> Recomputed:
    """Return every number that is published of the simulations of one model.

    Raises
    ------
    ValueError
        If its distributions are not valid.
    """
    dynamics, suite = entry.results.dynamics, entry.suite
    if dynamics is None or suite.dynamics is None:
        return {}
    found = dynamics.reference.comparison(
        run.survival_ps, run.criterion, run.structure, run.msd, run.spectrum
    )
    condition = (("md_temperature_k", suite.dynamics.temperature_k),)
    values = {name: METRICS.get(name).function(found) for name in suite.simulation_metrics}
    return {(name, condition): v for name, v in values.items() if math.isfinite(v)}
