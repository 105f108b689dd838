"""Whether a submission is what its suite asks for, and nothing else."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tlbench.base.foreign_text import PART
from tlbench.board.collecting import is_own, names_of
from tlbench.board.reading import Entry
from tlbench.board.verification.models import Coordinates, Model, expected
from tlbench.board.verification.simulations import PLAIN
from tlbench.data.origins import SPLITS
from tlbench.metrics import METRICS
from tlbench.metrics.distances.quantities import FORMS, OF_ENVIRONMENTS, QUANTITIES
from tlbench.study.study import Study

_DISTANCES = {
    *((q.name, "raw", q.unit) for q in QUANTITIES),
    *((q.name, "scaled", q.scaled_unit) for q in QUANTITIES),
    *((name, form, "") for name in OF_ENVIRONMENTS for form in FORMS),
}

_BACKBONE = re.compile(PART)


@dataclass(frozen=True)
class Coverage:
    """How many of the suite's models have results, and which have none."""

    found: int
    expected: int
    missing: list[str] = field(default_factory=list)


def check_suite(entry: Entry) -> Iterator[str]:
    """Yield what does not fit between ``submission.json`` and the suite."""
    about, suite = entry.about, entry.suite
    for what, given, found in (
        ("suite", about.suite, suite.name),
        ("version of the suite", about.suite_version, suite.version),
        ("digest of the suite", about.suite_digest, entry.study.digest),
        ("digest of the protocol", about.protocol_digest, entry.study.protocol_digest),
    ):
        if given != found:
            yield f"The {what} is given as {given}, but is {found}."
    for name in suite.backbones:
        if not _BACKBONE.fullmatch(name):
            yield f"{name!r} is not a name of a backbone: letters, digits, and . _ + - only."
    used = names_of(entry.study)
    for kind, names in about.packages.items():
        for name in names:
            if name not in used[kind] or is_own(kind, name):
                yield f"{name!r} comes from tlbench itself, or is not a {kind} of the suite."
    for metric in suite.error_metrics:
        if METRICS.get(metric).of_frames is None:
            yield f"{metric} cannot be recomputed from errors of structures; leave it out."
    for r in entry.results.records:
        mine = (r.suite, r.suite_version, r.suite_digest)
        if mine != (about.suite, about.suite_version, about.suite_digest):
            yield f"A record is of {r.suite} version {r.suite_version}, another suite or version."
            return


def check_models(study: Study, models: list[Model]) -> tuple[Coverage, list[str]]:
    """Return how many of the suite's models are there, and what there is beside them."""
    wanted = expected(study)
    found = Counter(model.where for model in models)
    problems = [f"{w.label()} is not a model of the suite." for w in found.keys() - set(wanted)]
    problems += [f"{w.label()} is given twice." for w, count in found.items() if count > 1]
    missing = [where.label() for where in wanted if where not in found]
    return Coverage(len(wanted) - len(missing), len(wanted), missing), sorted(problems)


def check_extras(entry: Entry, models: list[Model]) -> Iterator[str]:
    """Yield what is wrong with what comes with records: simulations, distances, profiles."""
    suite, results = entry.suite, entry.results
    if entry.about.created > datetime.now(UTC).date() + timedelta(days=1):
        yield "It was created in the future."
    if results.dynamics is None and entry.about.reference is not None:
        yield "There is a digest of reference dynamics, but no simulation."
    if (results.dynamics is None) != (suite.dynamics is None):
        yield "There are simulations if and only if the suite has 'dynamics'; here there are not."
    if suite.distances is None and (results.distances or results.profiles):
        yield "There are distances, but the suite has none."
    places = {model.where for model in models}
    for profile in results.profiles:
        if Coordinates(profile.model) not in places:
            model = profile.model
            yield f"A profile is of {model.strategy} {model.backbone}, which has no records."
            break
    known = {(each.card, entry.name_of(each)) for each in entry.about.data}
    parts = {None, *(part.label() for part in suite.source_parts or ())}
    for distance in results.distances:
        sides = (distance.a, distance.b)
        if any(
            (s.data, s.element) not in known or s.part not in parts or s.split not in SPLITS
            for s in sides
        ):
            yield "A distance is of structures that are not of the suite's data sets."
            break
    names = {(d.name, d.form, d.unit) for each in results.distances for d in each.distances}
    if names - _DISTANCES:
        yield "A distance has a name or a unit that is not one of tlbench."
    for cost in results.costs:
        if not PLAIN.fullmatch(cost.device):
            yield "The name of the device of a cost holds more than words."
            break
