"""Distances of distributions: closed forms, other implementations, axioms, convergence."""

import subprocess
import sys

import numpy as np
import ot
import pytest
from scipy.stats import energy_distance, wasserstein_distance

from tlbench.metrics.distances.structures import Sample
from tlbench.metrics.distances.transport import discrepancy, estimate, exact, sliced, wasserstein

OF_VECTORS = {
    "sliced": lambda a, b: sliced(a, b, 20),
    "exact": exact,
    "discrepancy": discrepancy,
}
OF_ALL = {"wasserstein": wasserstein, **OF_VECTORS}


def sample(values, per_frame=1):
    values = np.asarray(values, dtype=np.float64)
    frame = np.arange(len(values)) // per_frame
    return Sample(values, frame, int(frame[-1]) + 1)


def distance(prepare, a, b):
    return prepare(a, b)(a.ones(), b.ones())


def gaussian(n, *, mean=0.0, width=1.0, features=None, seed=0):
    shape = n if features is None else (n, features)
    return mean + width * np.random.default_rng(seed).normal(size=shape)


def vectors_or_values(name, seed, n=40):
    features = None if name == "wasserstein" else 3
    return sample(gaussian(n, features=features, seed=seed, mean=0.3 * seed))


def test_shifted_gaussians_are_as_far_apart_as_their_means():
    a, b = gaussian(50_000, seed=1), gaussian(50_000, mean=0.7, seed=2)
    assert distance(wasserstein, sample(a), sample(b)) == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_scaled_gaussians_differ_by_the_mean_stretch(width):
    # W1 of N(0, 1) and N(0, w²) is E|x| |w - 1| = |w - 1| √(2/π).
    a, b = gaussian(50_000, seed=1), gaussian(50_000, width=width, seed=2)
    expected = abs(width - 1) * np.sqrt(2 / np.pi)
    assert distance(wasserstein, sample(a), sample(b)) == pytest.approx(expected, abs=0.02)


def test_a_shift_of_vectors_is_its_length():
    x, shift = gaussian(300, features=5), np.array([0.3, -0.2, 0.1, 0.0, 0.4])
    a, b = sample(x), sample(x + shift)
    length = np.linalg.norm(shift)
    assert distance(exact, a, b) == pytest.approx(length, abs=1e-12)
    # The mean of |cos| between a direction and the shift, over the directions of the sphere.
    found = sliced(a, b, 1000)(a.ones(), b.ones())
    assert found == pytest.approx(length * 3 / 8, rel=0.05)


def test_in_one_dimension_all_agree_with_scipy():
    x, y = gaussian(200, seed=1), gaussian(150, mean=0.4, width=1.5, seed=2)
    a, b = sample(x[:, None]), sample(y[:, None])
    expected = wasserstein_distance(x, y)
    assert distance(exact, a, b) == pytest.approx(expected, rel=1e-10)
    assert distance(OF_VECTORS["sliced"], a, b) == pytest.approx(expected, rel=1e-10)
    assert distance(discrepancy, a, b) == pytest.approx(energy_distance(x, y), rel=1e-9)


def test_weights_count_structures_like_copies_of_them():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 0.5
    a, b = sample(x, per_frame=3), sample(y, per_frame=2)
    counts = rng.integers(0, 3, a.n_frames).astype(float)
    repeated = np.repeat(x, counts[a.frame].astype(int), axis=0)
    for name, prepare in OF_VECTORS.items():
        weighed = prepare(a, b)(counts, b.ones())
        copied = distance(prepare, sample(repeated), b)
        assert weighed == pytest.approx(copied, rel=1e-9), name


@pytest.mark.parametrize("name", OF_ALL)
def test_it_is_a_metric(name):
    prepare = OF_ALL[name]
    a, b, c = (vectors_or_values(name, seed) for seed in (0, 1, 2))
    assert distance(prepare, a, a) == pytest.approx(0, abs=1e-7)
    assert distance(prepare, a, b) > 0.05
    assert distance(prepare, a, b) == pytest.approx(distance(prepare, b, a), rel=1e-10)
    assert distance(prepare, a, c) <= distance(prepare, a, b) + distance(prepare, b, c) + 1e-12


@pytest.mark.parametrize("name", OF_ALL)
def test_the_order_of_atoms_does_not_matter(name):
    prepare = OF_ALL[name]
    a, b = vectors_or_values(name, 0), vectors_or_values(name, 1)
    order = np.random.default_rng(3).permutation(len(a))
    shuffled = Sample(a.values[order], a.frame[order], a.n_frames)
    assert distance(prepare, shuffled, b) == pytest.approx(distance(prepare, a, b), rel=1e-10)


def test_blocks_change_nothing(monkeypatch):
    a, b = sample(gaussian(70, features=4)), sample(gaussian(50, features=4, seed=1, mean=0.2))
    whole = distance(discrepancy, a, b)
    monkeypatch.setattr("tlbench.metrics.distances.transport.BLOCK", 7)
    # The distance of a vector to itself is rounding, √(1e-16), and differs with the block.
    assert distance(discrepancy, a, b) == pytest.approx(whole, rel=1e-8)


def test_more_samples_come_nearer_to_the_truth():
    def error(n):
        found = [
            distance(wasserstein, sample(gaussian(n, seed=s)), sample(gaussian(n, seed=s + 500)))
            for s in range(20)
        ]
        return np.mean(found)

    few, many = error(100), error(1600)
    # Of one distribution the distance is 0, and that of samples falls as 1/√n.
    assert many / few == pytest.approx(0.25, abs=0.06)


def test_the_floor_is_what_samples_of_one_distribution_differ_by():
    a, b = (sample(gaussian(2000, seed=s), per_frame=10) for s in (1, 2))
    found = estimate(a, b, wasserstein, resamples=50, halves=20)
    # Halves have half the structures.
    assert found.value / found.floor == pytest.approx(1 / np.sqrt(2), rel=0.5)
    assert found.low <= found.floor
    far = estimate(a, sample(b.values + 1, per_frame=10), wasserstein, resamples=50, halves=20)
    assert far.low > far.floor
    assert far.low < 1 < far.high


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "between"), [(0.0, 0.2), (0.1, 0.0), (0.3, 0.2), (1.0, 0.2)])
def test_the_interval_covers_the_distance(shift, between):
    """Atoms of a structure share an offset, so structures, not atoms, are independent."""
    rng = np.random.default_rng(5)

    def structures(mean):
        offsets = rng.normal(mean, between, (30, 1)) if between else np.full((30, 1), mean)
        return sample((offsets + rng.normal(size=(30, 20))).ravel(), per_frame=20)

    covered = 0
    for _ in range(100):
        found = estimate(structures(0.0), structures(shift), wasserstein, resamples=60, halves=1)
        covered += found.low <= shift <= found.high
    assert covered >= 80 if shift == 0 else covered >= 90


def test_thinning_is_even_and_always_the_same():
    whole = sample(gaussian(1000), per_frame=10)
    some = whole.thinned(300)
    assert len(some) == 300
    assert np.array_equal(some.values, whole.thinned(300).values)
    assert len(np.unique(some.frame)) > 95
    assert whole.thinned(5000) is whole


TEN_THOUSAND = """
import resource, time
import numpy as np
from tlbench.metrics.distances.compare import _of_environments
from tlbench.metrics.distances.structures import Sample
from tlbench.metrics.distances.quantities import DistanceSettings

rng = np.random.default_rng(0)
basis = rng.normal(size=(12, 180))

def environments(shift):
    values = rng.normal(size=(10_000, 12)) @ basis + shift
    return Sample(
        values / np.linalg.norm(values, axis=1, keepdims=True), np.arange(10_000) // 64, 157
    )

start = time.process_time()
sum(n * n for n in range(5_000_000))
loop, start = time.process_time() - start, time.process_time()
settings = DistanceSettings(environments=10_000)
tasks = _of_environments(environments(0.0), environments(2.0), "raw", settings)
found = [task() for _, _, _, task in tasks]
assert all(value.low > value.floor for value in found), found
loops = (time.process_time() - start) / loop
print(loops, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_ten_thousand_environments_take_a_bounded_time_and_memory():
    """In a process of its own, so that the memory is what this takes."""
    command = [sys.executable, "-c", TEN_THOUSAND]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert not done.returncode, done.stderr
    # Time of the processor in that of a loop of Python: machines differ twofold in speed.
    loops, mebibytes = map(float, done.stdout.split())
    assert loops < 140
    assert mebibytes < 1500


def test_the_plan_is_the_cheapest_that_there_is():
    x, y = gaussian(6, features=2, seed=1), gaussian(6, features=2, seed=2)
    from itertools import permutations

    cost = ot.dist(x, y, metric="euclidean")
    best = min(cost[range(6), list(order)].mean() for order in permutations(range(6)))
    assert distance(exact, sample(x), sample(y)) == pytest.approx(best, rel=1e-12)
