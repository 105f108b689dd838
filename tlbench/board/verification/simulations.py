"""Whether simulations are possible, and what follows from them."""

import math
import re
from collections.abc import Iterator

import numpy as np

from tlbench.board.reading import Entry
from tlbench.data.cards import Card
from tlbench.data.origins import ORIGINS
from tlbench.jobs.reference import frames_label, simulations_label
from tlbench.md.protocol import CRITERIA, STABLE
from tlbench.metrics import METRICS
from tlbench.metrics.dynamics import Comparison
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.frame_errors import Recomputed
from tlbench.study.simulations import Simulations

PLAIN = re.compile(r"[\w .,:;+()/%@®™–-]{1,300}")
"""Words that mean nothing to Markdown or HTML."""


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
    n_bins = (len(reference.distances), len(reference.angles))
    n_times = len(reference.times_ps)
    for run in dynamics.models:
        name = _named(run)
        if len(run.survival_ps) != asked.replicas:
            yield f"{name}: {len(run.survival_ps)} replicas, but the suite has {asked.replicas}."
        for criterion in sorted({*run.criterion} - {STABLE, *CRITERIA}):
            yield f"{name}: {criterion!r} is no criterion of stability."
        for time, criterion in zip(run.survival_ps, run.criterion, strict=True):
            whole = math.isclose(time, asked.time_ps, rel_tol=1e-3)
            if not 0 <= time <= asked.time_ps * (1 + 1e-3) or (criterion == "" and not whole):
                yield (
                    f"{name}: a replica lasted {time:g} ps of {asked.time_ps:g}, and is "
                    f"{criterion or 'stable'}."
                )
        shapes = [(len(s.rdf), len(s.adf)) for s in (run.structure, reference.structure) if s]
        curves = [msd for msd in (run.msd, reference.msd) if msd is not None]
        if any(shape != n_bins for shape in shapes) or any(len(msd) != n_times for msd in curves):
            yield f"{name}: the distributions are not on the bins of the reference."
        if (run.structure is None) != (run.n_stable == 0):
            yield f"{name}: there should be structure if and only if a replica is stable."
    if reference.digest() != entry.about.reference:
        yield "The reference dynamics is not that whose digest is given."
    yield from _strangers(entry, dynamics)


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
        If its distributions are no distributions.
    """
    dynamics, suite = entry.results.dynamics, entry.suite
    if dynamics is None or suite.dynamics is None:
        return {}
    reference, structure = dynamics.reference, run.structure
    found = Comparison(
        survival_ps=np.array(run.survival_ps),
        stable=np.array([name == "" for name in run.criterion]),
        distances=np.array(reference.distances),
        angles=np.radians(reference.angles),
        rdf=None if structure is None else np.array(structure.rdf),
        adf=None if structure is None else np.array(structure.adf),
        reference_rdf=np.array(reference.structure.rdf),
        reference_adf=np.array(reference.structure.adf),
    )
    condition = (("md_temperature_k", suite.dynamics.temperature_k),)
    values = {name: METRICS.get(name).function(found) for name in suite.simulation_metrics}
    return {(name, condition): v for name, v in values.items() if math.isfinite(v)}
