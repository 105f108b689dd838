"""Simulations that never took place, whose truth is known."""

import math

import numpy as np

from tlbench.jobs.reference_run import ReferenceRun, Structure
from tlbench.results.dynamics import Dynamics, ModelRun

DISTANCES = np.arange(0.05, 6, 0.1)
ANGLES = np.arange(1, 180, 2.0)
TIMES = [2.5, 5.0, 7.5, 10.0]


def structure(rdf_error=0.0, adf_error=0.0, coordination=4.0):
    """Return a structure whose errors against ``structure()`` are those given."""
    waves = 1 + 0.5 * np.sin(2 * math.pi * DISTANCES)
    random = np.sin(np.radians(ANGLES)) / 2
    peak = np.where(abs(ANGLES - 109) < 5, 1.0, 0.0)
    peak /= peak.sum()
    # Mixed with what has error 1, a structure has the share of it as its error.
    return Structure(
        rdf=((1 - rdf_error) * waves + rdf_error).tolist(),
        adf=((1 - adf_error) * peak + adf_error * random / random.sum()).tolist(),
        coordination=coordination,
    )


def reference(**changes):
    fields = {
        "temperature_k": 1200.0, "time_ps": 10.0, "n_atoms": 64, "element": "Ge",
        "origin": "made up", "distances": DISTANCES.tolist(), "angles": ANGLES.tolist(),
        "structure": structure(), "rdf_floor": 0.02, "adf_floor": 0.01,
        "times_ps": TIMES, "msd": [0.3] * len(TIMES),
    }  # fmt: skip
    return ReferenceRun(**{**fields, **changes})


def model(strategy, seed=0, failed=(), stable=4, errors=(0.1, 0.2), **changes):
    """Return a model of which ``failed`` replicas stopped at these times, and others did not."""
    fields = {
        "backbone": "b", "strategy": strategy, "size": 10, "subset_seed": seed, "init_seed": 0,
        "train_temperature_k": None, "survival_ps": [*failed, *[10.0] * stable],
        "criterion": [*["closest-pair"] * len(failed), *[""] * stable],
        "structure": structure(*errors) if stable else None, "msd": None,
        "job": f"{strategy}{seed}",
    }  # fmt: skip
    return ModelRun(**{**fields, **changes})


def of(*models, **changes):
    return Dynamics(suite="s", reference=reference(**changes), models=list(models))


def rows(table):
    """Return the cells of a table by title."""
    return [dict(zip(table.lines[0], line, strict=True)) for line in table.lines[1:]]


def detail(section, title):
    return next(table for table in section.tables if title in table.title)
