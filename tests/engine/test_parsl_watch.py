"""A run through Parsl gives up where no worker will come any more, and only there."""

from types import SimpleNamespace

import pytest
from parsl.jobs.error_handlers import noop_error_handler, simple_error_handler
from parsl.jobs.states import JobState, JobStatus

from tlbench.engine.executors.parsl.watch import MOST_BLOCKS, Watch

REFUSED = (
    "Failed to start block 0: Cannot launch job x: no ID; recode=1, stdout=, stderr=no account"
)


def engine(*, first: int = 1, strategy: str = "simple", **more) -> SimpleNamespace:
    """Return a configuration of one executor, as far as a watch looks at it."""
    executor = SimpleNamespace(
        label="nodes",
        provider=SimpleNamespace(init_blocks=first),
        block_error_handler=simple_error_handler,
        status_facade={},
        **more,
    )
    return SimpleNamespace(executors=[executor], strategy=strategy, run_dir="logs")


def show(config: SimpleNamespace, *blocks: JobStatus) -> None:
    """Do what Parsl does when it has looked at its blocks."""
    (executor,) = config.executors
    executor.status_facade = {str(number): block for number, block in enumerate(blocks)}
    executor.block_error_handler(executor, executor.status_facade)


def missing() -> JobStatus:
    return JobStatus(JobState.MISSING, exit_code=127)


def test_blocks_that_never_came_end_the_run_when_all_of_the_first_have_failed():
    config = engine(first=2)
    watch = Watch(config)
    show(config, missing(), JobStatus(JobState.PENDING))
    assert watch.stuck(True) is None
    show(config, missing(), missing())
    assert watch.stuck(True) == "no block of workers comes up (exit code 127)"


def test_what_the_scheduler_says_is_passed_on():
    config = engine()
    watch = Watch(config)
    show(config, JobStatus(JobState.FAILED, REFUSED))
    reason = "no block of workers comes up (the scheduler refuses it, exit code 1: no account)"
    assert watch.stuck(True) == reason


def test_a_block_that_breaks_after_it_came_is_replaced():
    config = engine()
    watch = Watch(config)
    show(config, JobStatus(JobState.FAILED, exit_code=137))
    assert watch.stuck(True) is None


def test_blocks_that_break_one_after_another_end_the_run_unless_a_job_comes_back():
    config = engine()
    watch = Watch(config)
    broken = [JobStatus(JobState.FAILED, exit_code=137) for _ in range(MOST_BLOCKS)]
    show(config, *broken[:-1])
    assert watch.stuck(True) is None
    watch.worked()
    show(config, *broken)
    assert watch.stuck(True) is None
    show(config, *broken, *broken)
    assert "blocks of workers have failed since the last job (exit code 137)" in watch.stuck(True)


@pytest.mark.parametrize(
    ("strategy", "waiting", "ends"),
    [("none", True, True), ("none", False, False), ("simple", True, False)],
)
def test_where_no_other_block_will_come_jobs_do_not_wait_for_ever(strategy, waiting, ends):
    config = engine(strategy=strategy)
    watch = Watch(config)
    assert watch.stuck(waiting) is None
    show(config, JobStatus(JobState.COMPLETED), JobStatus(JobState.RUNNING))
    assert watch.stuck(waiting) is None
    show(config, JobStatus(JobState.COMPLETED), JobStatus(JobState.CANCELLED))
    assert (watch.stuck(waiting) is not None) is ends


def test_an_interchange_that_has_ended_ends_the_run():
    config = engine(interchange_proc=SimpleNamespace(poll=lambda: None))
    watch = Watch(config)
    assert watch.stuck(False) is None
    config.executors[0].interchange_proc.poll = lambda: -9
    assert "its interchange has ended with exit code -9" in watch.stuck(False)


def test_what_parsl_itself_has_given_up_is_told():
    error = ValueError("versions do not match")
    config = engine(bad_state_is_set=True, executor_exception=error)
    assert Watch(config).stuck(False) == "versions do not match"


def test_a_users_own_handler_of_failed_blocks_is_left_alone():
    config = engine()
    config.executors[0].block_error_handler = noop_error_handler
    Watch(config)
    assert config.executors[0].block_error_handler is noop_error_handler
