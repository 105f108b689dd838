"""The best settings of a search, in ``tuned.yaml``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.base.locks import Lock
from tlbench.base.phrases import counted
from tlbench.base.schema import digest
from tlbench.study.tuned import TUNED_FORMAT, Tuned, TunedGroup, read_tuned
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
            f"Every trial of {series.label()} diverged, also that of the suite's "
            "own settings; change them."
        )
    return best


Groups = dict[Series, TunedGroup]


def tuned_before(out: Path, search: Search) -> Groups:
    """Return the settings that ``out`` holds already and that go with the search.

    Raises
    ------
    InputError
        If some have another number of trials than they would have beside the others, trials that
        are not written, or sizes of which the search tunes only some.
    """
    path = out / RESULT
    if not path.exists():
        return {}
    found, sizes_of = _by_series(read_tuned(path)), search.sizes_of()
    written = {trial.place for trial in ended_trials(out, search.digest())}
    for series, group in found.items():
        label, trials = series.label(), group.trials
        again = tuple(group.sizes or ()) == sizes_of.get(series)
        if trials > search.trials or (trials < search.trials and not again):
            raise InputError(
                f"{path} holds {label} with {counted(trials, 'trial')}, and all of its arms should "
                f"have as many; choose --trials {trials}, tune all of them with more, or choose "
                "another folder with --out."
            )
        if not again and any((*series, number) not in written for number in range(trials)):
            raise InputError(
                f"{path} holds {label}, but {TRIALS} beside it lacks its trials; remove both and "
                "tune all arms again, which trains nothing that is in the store, or choose another "
                "folder with --out."
            )
        for other, sizes in sizes_of.items():
            same = series._replace(size=other.size) == other
            if not again and same and (shared := {*sizes} & {*(group.sizes or ())}):
                raise InputError(
                    f"{path} holds {label} for the sizes {_listed(group.sizes)}, but "
                    f"{min(shared)} is now in the group {_listed(sizes)}; choose the same "
                    "groups, or another folder with --out."
                )
    return found


def _listed(sizes: Iterable[int] | None) -> str:
    return ", ".join(map(str, sizes or ()))


def _by_series(tuned: Tuned) -> Groups:
    """Return settings by the series that they were chosen from; version 1 has no budgets."""
    return {
        Series(backbone, name, group.size or 0, group.updates or 0, group.source or ""): group
        for backbone, name, group in tuned.groups()
    }


def write_settings(
    out: Path, search: Search, ended: Mapping[Series, Sequence[EndedTrial]]
) -> Tuned:
    """Write the best settings of every series, all of whose trials have ended; keep others.

    Raises
    ------
    InputError
        As by `tuned_before`, or if every trial of a series diverged.
    """
    with Lock(out / LOCK):
        groups = tuned_before(out, search)
        for series, sizes in search.sizes_of().items():
            trials = ended[series]
            best = best_trial(series, trials)
            groups[series] = TunedGroup(
                sizes=list(sizes) or None,
                updates=series.updates,
                source=series.source or None,
                size=series.size or None,
                settings=best.settings,
                trials=len(trials),
                pruned=sum(each.validation_force_mae is None for each in trials),
                validation_force_mae=best.validation_force_mae,
                default_validation_force_mae=trials[0].validation_force_mae,
            )
        chosen_from = [
            # Trials of one source alone have the digest that they had before there were several.
            each.model_dump(exclude=None if each.source else {"source"})
            for each in ended_trials(out, search.digest())
            if Series(*each.place[:-1]) in groups and each.number < search.trials
        ]
        arms: dict[str, dict[str, list[TunedGroup]]] = {}
        # An order of their own, so that the file does not show what was tuned first.
        for series, group in sorted(groups.items(), key=lambda each: each[0][2:]):
            arms.setdefault(series.backbone, {}).setdefault(series.arm, []).append(group)
        tuned = Tuned(
            suite=search.suite.name,
            suite_digest=search.study.digest,
            study=digest(chosen_from),
            pairs=search.pairs,
            arms=arms,
        )
        write_whole(
            out / RESULT, yaml.safe_dump(TUNED_FORMAT.stated(tuned.model_dump()), sort_keys=False)
        )
    return tuned
