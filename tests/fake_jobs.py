"""Jobs that do what a test asks for, done in this process."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tlbench.engine.run.runner import Resources
from tlbench.engine.work.worker import attempt
from tlbench.jobs.base import Job


@dataclass(frozen=True)
class FakeKind:
    """A kind of job whose work is a function of this test."""

    run: object
    outputs: tuple = ()
    uses_device: bool = False
    measures_device: bool = False

    def outputs_of(self, config):
        return frozenset(self.outputs)

    def seed_of(self, config):
        return config

    def perform(self, config, context):
        return self.run(config, context)


class Here(ThreadPoolExecutor):
    """Does jobs in a thread of this process, which knows the kinds of this test."""

    def submit(self, function, task):
        return super().submit(attempt, task)


@contextmanager
def one_thread():
    with Here(1) as pool:
        yield pool


def within(executor, workers=1000, **more):
    """Return the resources of a run whose jobs an executor does, as many at once as there are."""
    return Resources(device="cpu", executor=(executor, workers), **more)


HERE = within(one_thread)


def add(name, n, *parents, **extra):
    roles = {f"p{i}": parent.key for i, parent in enumerate(parents)}
    return Job("sum", {"name": name, "n": n, **extra}, roles, label=name)


def graph(*jobs):
    return {job.key: job for job in jobs}
