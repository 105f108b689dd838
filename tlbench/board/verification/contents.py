"""Whether a submission is what its suite asks for, and nothing else."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tlbench.base.wording import PART
from tlbench.board.providers import is_own, names_of
from tlbench.board.reading import Entry
from tlbench.board.submission import DataSet
from tlbench.board.verification.coordinates import (
    Coordinates,
    coordinates_of,
    expected,
)
from tlbench.board.verification.numbers import Model
from tlbench.board.verification.simulations import PLAIN
from tlbench.board.verification.verdict import Coverage
from tlbench.data.cards import Card
from tlbench.data.origins import SPLITS
from tlbench.metrics import METRICS
from tlbench.metrics.distances.quantities import FORMS, OF_ENVIRONMENTS, QUANTITIES
from tlbench.study.study import Study

MOST_KINDS = 50
"""Kinds of jobs, by far more than there are or were."""

_DISTANCES = {
    *((q.name, "raw", q.unit) for q in QUANTITIES),
    *((q.name, "scaled", q.scaled_unit) for q in QUANTITIES),
    *((name, form, "") for name in OF_ENVIRONMENTS for form in FORMS),
}

_BACKBONE = re.compile(PART)


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
            yield f"{name!r} is no name of a backbone: letters, digits, and . _ + - only."
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


def check_data(entry: Entry) -> Iterator[str]:
    """Yield what does not fit between the submission's data sets and the cards."""
    cards = {card.digest(): card for card in entry.study.cards}
    given = [each.recipe for each in entry.about.data]
    if sorted(given) != sorted(cards):
        yield "The data sets are not those of the suite, each once."
        return
    for each in entry.about.data:
        for name in _differing(each, cards[each.recipe]):
            yield f"Data set {each.card}: {name} is not that of its card."


def _differing(given: DataSet, card: Card) -> Iterator[str]:
    counts = {split: card.n_frames(split) for split in ("train", "validation", "test")}
    for name, mine, theirs in (
        ("name", given.card, card.name),
        ("title", given.title, card.title),
        ("licence", given.licence, card.licence),
        ("citation", given.citation, card.citation),
        ("element", [given.element], card.elements),
        ("number of structures", given.n_frames, counts),
    ):
        if mine != theirs:
            yield name


def check_models(study: Study, models: list[Model]) -> tuple[Coverage, list[str]]:
    """Return how many of the suite's models are there, and what there is beside them."""
    wanted = expected(study)
    found = Counter(model.where for model in models)
    problems = [f"{w.label()} is no model of the suite." for w in found.keys() - set(wanted)]
    problems += [f"{w.label()} is given twice." for w, count in found.items() if count > 1]
    missing = [where.label() for where in wanted if where not in found]
    return Coverage(len(wanted) - len(missing), len(wanted), missing), sorted(problems)


def check_jobs(entry: Entry, models: list[Model]) -> Iterator[str]:
    """Yield what is wrong with the jobs that numbers come from."""
    by_job: dict[str, set[Coordinates]] = defaultdict(set)
    for model in models:
        by_job[model.job].add(model.where.own())
    for job, some in by_job.items():
        if len(some) > 1:
            names = "; ".join(sorted(where.label() for where in some)[:2])
            yield f"Job {job[:12]} stands for different models: {names}."
    known = {p.job for p in entry.provenance}
    if len(known) != len(entry.provenance):
        yield "Where a job was done is said twice."
    if len({p.kind for p in entry.provenance}) > MOST_KINDS:
        yield f"The jobs are of more than {MOST_KINDS} kinds."
    for job in sorted(by_job.keys() - known):
        yield f"Nothing says where job {job[:12]} was done."
    dirty = sum(p.git_dirty is True for p in entry.provenance)
    if dirty:
        yield f"{dirty} jobs were done by changed code, which nobody can repeat; commit it first."
    weights = {r.trained for r in entry.results.records if r.trained}
    if weights != entry.about.weights.keys():
        yield "The digests of weights are not those of the models that records name."
    for cost in entry.results.costs:
        if cost.trained not in weights:
            yield f"The cost of model {cost.trained[:12]} is of no model that is there."


def check_extras(entry: Entry, models: list[Model]) -> Iterator[str]:
    """Yield what is wrong with what stands beside records: simulations, distances, profiles."""
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
        if coordinates_of(profile) not in places:
            model = profile.model
            yield f"A profile is of {model.strategy} {model.backbone}, which has no records."
            break
    known = {(each.card, each.element) for each in entry.about.data}
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
            yield "What is said of the device of a cost holds more than words."
            break
