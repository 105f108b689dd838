"""Extremes as results have them: what is known of each replica, in numbers that can be stored."""

from types import SimpleNamespace

import numpy as np

from tlbench.jobs.extremes import FARTHEST, Extremes, extremes_of
from tlbench.md.criteria import Expected
from tlbench.md.protocol import Protocol

PROTOCOL = Protocol(temperature_k=300, time_ps=3, sample_fs=1000)
SERIES = np.array([
    [[1.23456, 2, 3], [0.9, 0.8, 0.7], [1, 2, 1e9], [0, 1e-12, 0.1], [0, 0.1, 0.2]],
    [[1.5, np.nan, np.nan]] * 5,
])  # fmt: skip


def written(expected, protocol=PROTOCOL):
    outcome = SimpleNamespace(extremes=SERIES)
    return Extremes.model_validate(extremes_of(outcome, protocol, expected))


def test_values_are_those_of_each_replica_up_to_where_it_left():
    found = written(Expected((0.0, 1.0), np.ones(120)))
    assert found.times_ps == [1, 2, 3]
    assert found.temperature == [[1.235, 2, 3], [1.5]]
    assert found.closest_pair == [[0.9, 0.8, 0.7], [1.5]]
    assert found.lasted == [True, False]


def test_tiny_and_huge_values_can_be_stored():
    found = written(Expected((0.0, 1.0), np.ones(120)))
    assert found.force[0] == [1, 2, FARTHEST]
    assert found.energy[0] == [0, 0, 0.1]


def test_what_has_no_reference_or_no_window_is_not_known():
    found = written(Expected())
    assert (found.energy, found.structure) == (None, None)
    # A window of 1 ps has to begin after equilibration.
    assert written(Expected(rdf=np.ones(120))).structure is not None
    late = PROTOCOL.model_copy(update={"equilibration_ps": 2.5})
    assert written(Expected(rdf=np.ones(120)), late).structure is None
