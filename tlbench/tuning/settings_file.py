"""The file of the best settings, ``tuned.yaml``, which searches of several arms may share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.locks import Lock
from tlbench.base.schema import digest
from tlbench.study.tuned import TUNED_FORMAT, Tuned, TunedArm, read_tuned
from tlbench.tuning.ledger import LOCK, TRIALS, EndedTrial, best_of, ended_trials
from tlbench.tuning.search import Search, Series

RESULT = "tuned.yaml"


def best_trial(series: Series, trials: Sequence[EndedTrial]) -> EndedTrial:
    """Return the trial of a series with the smallest error.

    Raises
    ------
    InputError
        If all diverged.
    """
    best = best_of(trials)
    if best is None:
        raise InputError(
            f"Every trial of {series.backbone}, {series.arm} diverged, also that of the suite's "
            "own settings; change them."
        )
    return best


def check_arms(out: Path, search: Search) -> dict[str, dict[str, TunedArm]]:
    """Return the arms, by backbone, that ``out`` holds already and that go with the search.

    Raises
    ------
    InputError
        If one has another number of trials than it would have beside the others, or trials that
        are not written.
    """
    path = out / RESULT
    if not path.exists():
        return {}
    found = read_tuned(path).arms
    series = search.series()
    written = {(t.backbone, t.arm, t.number) for t in ended_trials(out, search.digest())}
    for backbone, arms in found.items():
        for name, arm in arms.items():
            again = (backbone, name) in series
            if arm.trials > search.trials or (arm.trials < search.trials and not again):
                raise InputError(
                    f"{path} holds {backbone}, {name} with {arm.trials} trials, and all of its "
                    f"arms should have as many; choose --trials {arm.trials}, tune all of them "
                    "with more, or choose another folder with --out."
                )
            if not again and any((backbone, name, n) not in written for n in range(arm.trials)):
                raise InputError(
                    f"{path} holds {backbone}, {name}, but {TRIALS} beside it lacks its trials; "
                    "remove both and tune all arms again, which trains nothing that is in the "
                    "store, or choose another folder with --out."
                )
    return found


def write_settings(
    out: Path, search: Search, ended: Mapping[Series, Sequence[EndedTrial]]
) -> Tuned:
    """Write the best settings of every series, all of whose trials have ended; keep other arms.

    Raises
    ------
    InputError
        As by `check_arms`, or if every trial of a series diverged.
    """
    with Lock(out / LOCK):
        arms = check_arms(out, search)
        for series, trials in ended.items():
            best = best_trial(series, trials)
            arms.setdefault(series.backbone, {})[series.arm] = TunedArm(
                settings=best.settings,
                trials=len(trials),
                pruned=sum(each.validation_force_mae is None for each in trials),
                validation_force_mae=best.validation_force_mae,
                default_validation_force_mae=trials[0].validation_force_mae,
            )
        chosen_from = [
            each.model_dump()
            for each in ended_trials(out, search.digest())
            if each.arm in arms.get(each.backbone, {}) and each.number < search.trials
        ]
        tuned = Tuned(
            suite=search.suite.name,
            suite_digest=search.study.digest,
            study=digest(chosen_from),
            size=search.size,
            pairs=search.pairs,
            arms=arms,
        )
        stated = TUNED_FORMAT.stated(tuned.model_dump())
        write_whole(out / RESULT, yaml.safe_dump(stated, sort_keys=False))
    return tuned
