"""Fair tuning: every backbone and strategy gets as many trials, of the suite's own budget.

Trials are training jobs like any other, judged by their error on validation structures; test sets
are never read. Pretraining is tuned first, on source data, and its best settings serve every
strategy that transfers. Trial 0 of each study is the suite's own settings, so tuning cannot make
a validation error worse.

Trials are numbered; whoever runs one holds its lock, which is freed if its holder dies, and its
proposal is drawn with a seed of its own. A trial that diverges has ended like any other.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import resource_tracker

import yaml
from filelock import FileLock

from tlbench.engine.supervisor import without_interrupts
from tlbench.errors import InputError, TlbenchError
from tlbench.files import write_whole
from tlbench.plan import plan
from tlbench.tuned import Tuned, TunedArm, TunedSettings
from tlbench.tuning.search import Search
from tlbench.tuning.studies import JOURNAL, LOCKS, best_of, ended, is_complete, mend, study_of
from tlbench.tuning.trials import must_run, work

__all__ = ["RESULT", "Search", "Standing", "best", "standings", "tune"]

RESULT = "tuned.yaml"
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Standing:
    """How a study stands: trials that have ended, and the best error so far, meV/Å."""

    backbone: str
    arm: str
    ended: int
    best: float | None


def tune(
    search: Search,
    workers: int = 1,
    on_change: Callable[[list[Standing]], None] = lambda standings: None,
) -> Tuned:
    """Run all trials that have not been run, and write the best settings to ``tuned.yaml``.

    Several processes may call this with the same folder at once, and share the trials.

    Parameters
    ----------
    workers
        Trials at a time.
    on_change
        Called now and then with how every study stands.

    Raises
    ------
    InputError
        If the folder is of another search, or trials cannot be run.
    """
    if not search.studies():
        raise InputError("None of the suite's strategies trains anything, so nothing is tuned.")
    _prepare(search)
    # The data sets are made once, before workers wait for each other's.
    data = {k: job for k, job in plan(search.suite).jobs.items() if job.kind == "dataset"}
    must_run(data, search)
    context = multiprocessing.get_context("spawn")
    pool = [context.Process(target=work, args=(search,), daemon=True) for _ in range(workers)]
    # Ctrl-C reaches this process alone, which ends the others. Python's tracker of their resources
    # would let it through again if it were started meanwhile.
    resource_tracker.ensure_running()
    with without_interrupts():
        for process in pool:
            process.start()
    try:
        while any(process.is_alive() for process in pool):
            on_change(standings(search))
            pool[0].join(timeout=POLL_SECONDS)
            for process in pool[1:]:
                process.join(timeout=0)
    finally:
        for process in pool:
            process.terminate()
            process.join()
    on_change(standings(search))
    if any(process.exitcode for process in pool):
        raise TlbenchError(
            "A worker stopped, as it says above; finished trials are kept, and the same command "
            "goes on."
        )
    tuned = best(search)
    write_whole(search.out / RESULT, yaml.safe_dump(tuned.model_dump(), sort_keys=False))
    return tuned


def standings(search: Search) -> list[Standing]:
    """Return how every study stands."""
    found = []
    for backbone, name in search.studies():
        study = study_of(search, backbone, name)
        over = [] if study is None else list(ended(study, search.trials).values())
        values = [trial.value for trial in over if is_complete(trial)]
        found.append(Standing(backbone, name, len(over), min(values, default=None)))
    return found


def best(search: Search) -> Tuned:
    """Return the best settings of every study, all of whose trials have ended."""
    arms: dict[str, dict[str, TunedArm]] = {}
    told = []
    for backbone, name in search.studies():
        study = study_of(search, backbone, name)
        trials = {} if study is None else ended(study, search.trials)
        chosen = best_of(trials)
        if chosen is None:
            raise InputError(
                f"Every trial of {backbone}, {name} diverged, also that of the suite's own "
                "settings; change them."
            )
        complete = [t for t in trials.values() if is_complete(t)]
        own = trials.get(0)
        arms.setdefault(backbone, {})[name] = TunedArm(
            settings=TunedSettings(**chosen.params),
            trials=len(trials),
            pruned=len(trials) - len(complete),
            validation_force_mae=chosen.value,
            default_validation_force_mae=own.value if own and is_complete(own) else None,
        )
        told += [[backbone, name, n, t.params, t.value, t.state.name] for n, t in trials.items()]
    return Tuned(
        suite=search.suite.name,
        suite_digest=search.suite.digest(),
        study=hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(),
        size=search.size,
        pairs=search.pairs,
        arms=arms,
    )


def _prepare(search: Search) -> None:
    """Make the folder, or refuse one of another search."""
    named = search.out / "search.json"
    text = json.dumps({"digest": search.digest()}) + "\n"
    try:
        search.out.mkdir(parents=True, exist_ok=True)
        if not named.exists():
            write_whole(named, text)
        found = named.read_text()
        (search.out / LOCKS).mkdir(exist_ok=True)
        with FileLock(search.out / LOCKS / "journal.lock", timeout=10):
            mend(search.out / JOURNAL)
    except OSError as error:
        raise InputError(
            f"{search.out} cannot be written ({error.strerror}); choose another --out."
        ) from error
    if found != text:
        raise InputError(
            f"{search.out} holds the tuning of another suite, size or number of pairs; choose "
            "another folder with --out."
        )
