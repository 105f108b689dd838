"""Submissions of any suite whose numbers are drawn at random, but hold together."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from forging import PUBLISHED
from learners import Learners

from tlbench.base.files import PACKED
from tlbench.board.reading import digest_of
from tlbench.board.submission import ABOUT, ERRORS, FORMAT, PROVENANCE, SUITE, TESTS
from tlbench.board.verification.data import known_contents
from tlbench.board.verification.models import Coordinates, expected
from tlbench.board.verification.parameters import CUTOFF, count_parameters
from tlbench.jobs.reference_run import ReferenceRun, Structure
from tlbench.metrics import METRICS
from tlbench.metrics.dynamics import Comparison
from tlbench.models.backbones import BACKBONES
from tlbench.results.costs import Cost
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.frame_errors import (
    ERRORS_FORMAT,
    TESTS_FORMAT,
    ModelErrors,
    TestSet,
    recompute,
)
from tlbench.results.provenance import PROVENANCE_FORMAT, JobProvenance
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.study.keys import KeyScheme
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.plan import PRETRAIN
from tlbench.study.sources import registered_backbone
from tlbench.study.study import resolve
from tlbench.study.suite import Suite
from tlbench.transfer import arm

COMMIT = "c0ffee" + "0" * 34
TEMPERATURES = (300.0, 900.0, 1500.0)
GAIN = {"scratch": 1.0, "finetune": 0.7, "zero-shot": 2.0}


def publish(
    results: Path,
    name: str,
    suite: str = "quick",
    settings: Sequence[tuple[str, str]] = (),
    *,
    seed: int = 0,
    without: Sequence[Coordinates] = (),
    rename: dict[str, str] | None = None,
    learners: Learners | None = None,
    **about: Any,
) -> Path:
    """Write a submission that passes its verification, and return its folder.

    Parameters
    ----------
    seed
        Of all its numbers.
    without
        Models that it has no results of.
    rename
        Backbone of the suite → name to give it, as of a plugin.
    learners
        What errors follow; drawn at random without.
    about
        What else ``submission.json`` should say, as ``revision``.
    """
    chosen = load_suite(suite, settings)
    if rename:
        backbones = {rename.get(n, n): config for n, config in chosen.backbones.items()}
        chosen = chosen.model_copy(update={"backbones": backbones})
    return _Publication(chosen, seed, about, learners).write(results, name, without, about)


class _AnyCode(dict[str, str]):
    """Digests of whatever source is asked for."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, sha256(name.encode()).hexdigest())


def _is_source(r: Record) -> bool:
    return r.model.strategy == PRETRAIN


def _source(r: Record) -> tuple[object, ...]:
    return r.model.source, r.model.source_part, r.model.backbone, r.model.init_seed


class _Publication:
    def __init__(
        self, suite: Suite, seed: int, about: dict[str, Any], learners: Learners | None
    ) -> None:
        self.suite, self.learners = suite, learners
        packages = {"backbone": about.get("providers", {}), **about.get("plugins", {})}
        self.sources = _AnyCode()
        self.study = resolve(suite, published=True)
        self.planned = plan(self.study, KeyScheme(self.sources, packages))
        simulated = {cell.job for cell in self.planned.simulated}
        self.cells = {
            Coordinates(c.model, c.job in simulated, c.weights, c.data): c
            for c in self.planned.cells
        }
        made = {k: job for k, job in self.planned.jobs.items() if job.kind == "dataset"}
        self.data = {job.config["elements"][0]: key for key, job in made.items()}
        self.digest = self.study.digest
        self.rng = np.random.default_rng(seed)
        self.cards = {card.elements[0]: card for card in self.study.cards}
        self.tests = {element: self._tests(element) for element in self.cards}
        self.level = {name: 0.15 * 1.4**n for n, name in enumerate(suite.backbones)}

    def write(
        self, results: Path, name: str, without: Sequence[Coordinates], about: dict[str, Any]
    ) -> Path:
        wanted = [where for where in expected(self.study) if where not in without]
        errors: dict[str, ModelErrors] = {}
        runs: list[ModelRun] = []
        records: list[Record] = []
        for where in wanted:
            job = self.cells[where].job
            if where.simulated:
                runs.append(self._run(where, job))
                values = self._simulated(runs[-1])
            else:
                errors.setdefault(job, self._errors(where, job))
                by = self.suite.by if where.weights == "last" else []
                tests = self.tests[where.model.target]
                values = recompute(errors[job], tests, self.suite.metrics, by)
            records += self._records(where, job, values)
        trained = {r.trained: r for r in records if r.trained}
        models = sorted(trained)
        costs = {model: self._cost(trained[model]) for model in models}
        # Target models start from source models of the last budget.
        last = self.suite.source_budgets()[-1]
        sources = {
            _source(r): costs[model]
            for model, r in trained.items()
            if _is_source(r) and r.model.updates == last
        }
        for model, r in trained.items():
            if not _is_source(r) and arm(r.model.strategy).needs_source and _source(r) in sources:
                source = sources[_source(r)]
                seconds = {
                    "pretraining_wall_seconds": source.wall_seconds,
                    "pretraining_cpu_seconds": source.cpu_seconds,
                }
                costs[model] = costs[model].model_copy(update=seconds)
        found = Results(
            records=records,
            costs=list(costs.values()),
            dynamics=self._dynamics(runs) if self.suite.dynamics else None,
        )
        ending = "" if about.get("revision", 1) == 1 else f"-r{about['revision']}"
        folder = results / self.suite.name / f"{name}{ending}"
        folder.mkdir(parents=True)
        (folder / SUITE).write_text(json.dumps(self.study.complete()))
        found.write(folder, PACKED)
        jobs = [*errors, *(run.job for run in runs)]
        lines = [self._provenance(job) for job in jobs]
        lines += [self._training(cost) for cost in costs.values()]
        PROVENANCE_FORMAT.write_lines(folder / (PROVENANCE + PACKED), lines)
        ERRORS_FORMAT.write_lines(folder / (ERRORS + PACKED), errors.values())
        TESTS_FORMAT.write_lines(folder / (TESTS + PACKED), self.tests.values())
        best = sorted({r.trained for r in records if r.trained and "weights" in r.condition})
        said = self._about(name, models, best) | about
        said["files"] = {p.name: digest_of(p) for p in folder.iterdir()}
        (folder / ABOUT).write_text(json.dumps(said))
        return folder

    def _tests(self, element: str) -> TestSet:
        card, count = self.cards[element], self.cards[element].n_frames("test")
        if card.digest() in known_contents() and card.data_files():
            # Structures that everybody knows cannot be drawn.
            tests = TESTS_FORMAT.read_lines(
                PUBLISHED / "matrix-cpu/2026-11-23-two-cores" / (TESTS + PACKED)
            )
            (found,) = (each for each in tests if each.element == element)
            return found.model_copy(update={"data": self.data[element]})
        groups = ["bulk" if n % 2 else "vacancy" for n in range(count)]
        n_atoms, at = 8, [TEMPERATURES[n % len(TEMPERATURES)] for n in range(count)]
        phases = ["crystal" if t < 1000 else "liquid" for t in at]
        if made := card.origin.described("test"):
            n_atoms, groups = made[0].n_atoms, [""] * count
            at = [each.temperature_k for each in made]
            phases = [each.phase for each in made]
        return TestSet(
            data=self.data[element],
            element=element,
            n_atoms=[n_atoms] * count,
            temperature=list(at),
            phases=phases,
            groups=groups,
        )

    def _errors(self, where: Coordinates, job: str) -> ModelErrors:
        tests = self.tests[where.model.target]
        gain = GAIN.get(where.model.strategy, 0.9) * (1 + 4 / (1 + where.model.size) ** 0.5)
        scale = self.level[where.model.backbone] * gain * self.rng.lognormal(0, 0.05)
        mean = scale * self.rng.uniform(0.8, 1.2, len(tests.n_atoms)) * 24
        energy = 0.01 * mean
        if self.learners:
            forces, energies = self.learners.errors(where.model, where.weights)
            n_atoms = np.array(tests.n_atoms)
            mean, energy = 3e-3 * forces * n_atoms, 1e-3 * energies * n_atoms
        return ModelErrors(
            job=job,
            data=tests.data,
            energy=energy.tolist(),
            force_abs=mean.tolist(),
            # Between those of one component with all of the error, and of all with the same.
            force_square=(mean**2 / np.minimum(18, 2.25 * np.array(tests.n_atoms))).tolist(),
            weights=where.weights,
        )

    def _records(self, where: Coordinates, job: str, values: Any) -> list[Record]:
        return [
            Record(
                suite=self.suite.name,
                suite_version=self.suite.version,
                suite_digest=self.digest,
                model=where.model,
                metric=metric,
                unit=METRICS.get(metric).unit,
                value=value,
                condition=dict(condition),
                job=job,
                trained=self.cells[where].trained,
            )
            for (metric, condition), value in values.items()
        ]

    def _run(self, where: Coordinates, job: str) -> ModelRun:
        protocol = self.suite.dynamics
        assert protocol is not None
        stable = self.rng.random(protocol.replicas) < {"scratch": 0.5}.get(
            where.model.strategy, 0.9
        )
        return ModelRun(
            model=where.model.without_transfer(),
            survival_ps=np.where(stable, protocol.time_ps, 0.5 * protocol.time_ps).tolist(),
            criterion=["" if each else "force" for each in stable],
            structure=self._structure(self.rng.uniform(0.9, 1.1)) if stable.any() else None,
            msd=None,
            job=job,
        )

    def _simulated(self, run: ModelRun) -> dict[Any, float]:
        reference, structure = self._dynamics([]).reference, run.structure
        found = Comparison(
            survival_ps=np.array(run.survival_ps),
            stable=np.array([name == "" for name in run.criterion]),
            distances=np.array(reference.distances),
            angles=np.radians(reference.angles),
            rdf=np.array(structure.rdf) if structure else None,
            adf=np.array(structure.adf) if structure else None,
            reference_rdf=np.array(reference.structure.rdf),
            reference_adf=np.array(reference.structure.adf),
        )
        condition = (("md_temperature_k", reference.temperature_k),)
        specs = [METRICS.get(name) for name in self.suite.simulation_metrics]
        values = {spec.name: spec.function(found) for spec in specs}
        return {(name, condition): v for name, v in values.items() if np.isfinite(v)}

    def _dynamics(self, runs: list[ModelRun]) -> Dynamics:
        protocol = self.suite.dynamics
        assert protocol is not None
        return Dynamics(
            suite=self.suite.name,
            reference=ReferenceRun(
                temperature_k=protocol.temperature_k,
                time_ps=protocol.time_ps,
                n_atoms=64,
                element="Ge",
                origin=f"Stillinger–Weber Ge, {protocol.replicas} simulations",
                distances=np.linspace(0.1, 6, 60).tolist(),
                angles=np.linspace(3, 177, 30).tolist(),
                structure=self._structure(1.0),
                rdf_floor=0.02,
                adf_floor=0.01,
                times_ps=[0.0, protocol.time_ps],
                msd=None,
            ),
            models=runs,
        )

    def _structure(self, scale: float) -> Structure:
        r, angles = np.linspace(0.1, 6, 60), np.linspace(3, 177, 30)
        rdf = 1 + scale * np.exp(-((r - 2.45) ** 2) / 0.05) - np.exp(-(r**2))
        adf = np.exp(-((angles - 109 * scale) ** 2) / 300)
        return Structure(rdf=rdf.tolist(), adf=adf.tolist(), coordination=4 * scale)

    def _cost(self, r: Record) -> Cost:
        training = self.study.training(r.model)
        updates = training.updates if training else 0
        # As fast as the pace says, and some time to begin.
        seconds = float(self.rng.uniform(1, 2)) * max(updates, 100) / 10
        return Cost(
            trained=r.trained or "",
            device="Processor, 2 cores",
            threads=1,
            n_parameters=self._n_parameters().get(r.model.backbone, 123_318),
            updates=updates,
            updates_per_second=10.0 if updates else None,
            wall_seconds=seconds,
            cpu_seconds=seconds,
            pretraining_wall_seconds=None,
            pretraining_cpu_seconds=None,
            peak_memory_mib=500,
            force_call_seconds=0.01 + 0.001 * list(self.suite.backbones).index(r.model.backbone),
        )

    def _n_parameters(self) -> dict[str, int]:
        suite = self.suite
        known = [name for name in suite.backbones if registered_backbone(name) in BACKBONES]
        configs = {name: suite.backbone_config(name).model_dump(mode="json") for name in known}
        found = count_parameters(
            {registered_backbone(name): {**c, "cutoff": CUTOFF} for name, c in configs.items()}
        )
        return {name: found.get(registered_backbone(name)) for name in known}

    def _training(self, cost: Cost) -> JobProvenance:
        seconds = {"wall_seconds": cost.wall_seconds, "cpu_seconds": cost.cpu_seconds}
        return self._provenance(cost.trained).model_copy(update={"kind": "train", **seconds})

    def _provenance(self, job: str) -> JobProvenance:
        return JobProvenance(
            job=job,
            kind=self.planned.jobs[job].kind,
            label="evaluation",
            started="2026-01-01T00:00:00+00:00",
            wall_seconds=1.0,
            cpu_seconds=1.0,
            device_name="Processor, 2 cores",
            threads=1,
            kernels="cc 12",
            python="3.11.7",
            packages={"numpy": "2.4.6", "tlbench": "0.1.0", "torch": "2.13.0+cpu"},
            git_commit=COMMIT,
            git_dirty=False,
        )

    def _about(self, name: str, models: list[str], best: list[str]) -> dict[str, Any]:
        data = [
            {
                "card": card.name,
                "title": card.title,
                "element": element,
                "job": self.tests[element].data,
                "recipe": card.digest(),
                "content": known_contents()[card.digest()].content
                if card.digest() in known_contents()
                else sha256(f"content of {element}".encode()).hexdigest(),
                "tests": self.tests[element].digest(),
                "licence": card.licence,
                "citation": card.citation,
                "n_frames": {s: card.n_frames(s) for s in ("train", "validation", "test")},
            }
            for element, card in self.cards.items()
        ]
        return {
            "format": FORMAT,
            "name": name,
            "revision": 1,
            "replaces": None,
            "authors": ["A. Author"],
            "url": None,
            "created": "2026-01-01",
            "tlbench": "0.1.0",
            "suite": self.suite.name,
            "suite_version": self.suite.version,
            "suite_digest": self.digest,
            "protocol_digest": self.study.protocol_digest,
            "data": data,
            "reference": self._dynamics([]).reference.digest() if self.suite.dynamics else None,
            "providers": {},
            "sources": dict(self.sources),
            "weights": {model: sha256(model.encode()).hexdigest() for model in models},
            "best_weights": {model: sha256(f"best {model}".encode()).hexdigest() for model in best},
        }
