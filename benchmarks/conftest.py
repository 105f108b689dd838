"""Structures that several benchmarks time, races between peers, and the table of results."""

import gc
import time

import pytest
import torch
from ase.build import bulk
from results import Row, machine, render, save

from tlbench.engine.work.cost import keep_freed_memory

ROWS: list[Row] = []


@pytest.fixture(autouse=True)
def _settled():
    """Let all contestants run as jobs do: on one thread, with memory that is kept."""
    keep_freed_memory()
    torch.set_num_threads(1)
    gc.collect()
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def thermal_silicon():
    """Return a function that makes thermally displaced 64-atom silicon cells."""

    def make(count):
        images = []
        for seed in range(count):
            atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
            atoms.rattle(0.1, seed=seed)
            images.append(atoms)
        return images

    return make


@pytest.fixture
def race(benchmark):
    """Return a function that times two contestants in turn, and keeps the result.

    In turn, because machines change their speed from second to second. Of each the median
    counts.
    """

    def run(what, ours, theirs, *, peer, target=None, rounds=5):
        times = [[], []]
        for contestant in (ours, theirs):
            contestant()
        for _ in range(rounds):
            for contestant, kept in zip((theirs, ours), times, strict=True):
                start = time.perf_counter()
                contestant()
                kept.append(time.perf_counter() - start)
        slow, fast = (sorted(kept)[rounds // 2] for kept in times)
        benchmark.pedantic(ours, rounds=rounds)
        row = Row(what, 1e3 * fast, "ms", peer, 1e3 * slow, target)
        benchmark.extra_info.update(peer=peer, peer_seconds=slow, ratio=row.ratio)
        ROWS.append(row)
        return row

    return run


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def threads(request):
    """Set torch's number of threads, and return it in words."""
    torch.set_num_threads(request.param)
    return f"{request.param} thread{'s' if request.param > 1 else ''}"


@pytest.fixture
def note():
    """Return a function that keeps a result that is no race."""

    def keep(what, value, unit, target=None, **peer):
        row = Row(what, value, unit, target=target, **peer)
        ROWS.append(row)
        return row

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Keep what a benchmark without a peer took, if it says by ``target_s`` what it may take."""
    result = yield
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if benchmark is not None and "target_s" in benchmark.extra_info and benchmark.stats:
        what = benchmark.extra_info.get("what", benchmark.group)
        target = benchmark.extra_info["target_s"]
        ROWS.append(Row(what, benchmark.stats.stats.median, "s", target=target))
    return result


def pytest_sessionstart(session):
    """Look at the machine before it is busy."""
    session.config.stash[_MACHINE] = machine()


def pytest_terminal_summary(terminalreporter, config):
    """Print the table, and save it where every benchmark was run."""
    if not ROWS:
        return
    about = config.stash[_MACHINE]
    terminalreporter.write_line("")
    terminalreporter.write_line(render(ROWS, about))
    if config.getoption("--save-results"):
        save(ROWS, about)


def pytest_addoption(parser):
    """Add the switch that replaces the committed results."""
    parser.addoption("--save-results", action="store_true", help="replace results.json, README.md")


_MACHINE = pytest.StashKey[dict]()
