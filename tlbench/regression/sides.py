"""What is compared: the numbers of a run, or of a baseline that was made of one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tlbench.base.errors import InputError, printable
from tlbench.base.files import stored
from tlbench.base.schema import Strict, read_json, read_yaml
from tlbench.metrics.statistics import Pair
from tlbench.regression.origins import Origin, read_origins
from tlbench.regression.places import Entry, Place
from tlbench.results.records import read_records
from tlbench.results.results import RECORDS

SUITE = "suite.json"
"""The file in which a run keeps its settings."""

FORMAT = 1
"""Of baseline files; another number for what older versions cannot read."""


class Baseline(Strict):
    """The file that ``tlbench baseline`` writes."""

    format: Literal[1]
    suite: str
    suite_version: int
    suite_digest: str
    origins: list[Origin]
    records: list[Entry] = Field(min_length=1)


@dataclass(frozen=True)
class Side:
    """One of two runs that are compared.

    Attributes
    ----------
    name
        How the user calls it.
    suite, suite_version, suite_digest
        Which suite it is of; the digest covers all settings.
    values
        Place → value of each pair of seeds.
    origins
        Where they come from, as far as known.
    settings
        The suite with every default spelt out; None of a baseline file, which has its digest only.
    """

    name: str
    suite: str
    suite_version: int
    suite_digest: str
    values: Mapping[Place, Mapping[Pair, float]]
    origins: tuple[Origin, ...]
    settings: Mapping[str, Any] | None = None

    def count(self) -> int:
        """Return how many numbers there are."""
        return sum(map(len, self.values.values()))


def make_baseline(folder: Path) -> Baseline:
    """Return the baseline that a run makes.

    Raises
    ------
    InputError
        If the folder has no records that can be read, or those of several suites.
    """
    path = stored(folder / RECORDS)
    if not path.exists():
        raise InputError(
            f"{folder}: there is no {RECORDS}; name a folder that tlbench run has written."
        )
    records = read_records(path)
    if not records:
        raise InputError(f"{path}: holds no records, so nothing can be compared with it.")
    suites = {(r.suite, r.suite_version, r.suite_digest) for r in records}
    if len(suites) > 1:
        raise InputError(f"{path}: holds records of several suites; compare one at a time.")
    ((suite, version, digest),) = suites
    return Baseline(
        format=FORMAT,
        suite=suite,
        suite_version=version,
        suite_digest=digest,
        origins=read_origins(folder),
        records=[Entry.of(record) for record in records],
    )


def baseline_text(baseline: Baseline) -> str:
    """Return the JSON of a baseline, a line for each record, so that changes of it can be read."""
    head = baseline.model_dump(mode="json", exclude={"records"})
    lines = [
        json.dumps(record.model_dump(mode="json"), ensure_ascii=False)
        for record in baseline.records
    ]
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{text},\n "records": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def read_baseline(path: Path) -> Side:
    """Read a baseline file.

    Raises
    ------
    InputError
        If it is not there, or is damaged or of another version.
    """
    if path.is_dir():
        raise InputError(
            f"{path}: is a folder; make a baseline file of it with tlbench baseline {path} "
            "--out FILE."
        )
    if not path.exists():
        raise InputError(f"{path}: there is no such file; make one with tlbench baseline.")
    return _side(path, read_json(path, Baseline, "a baseline"))


def read_run(folder: Path) -> Side:
    """Read the folder of a run.

    Raises
    ------
    InputError
        If it is not one.
    """
    side = _side(folder, make_baseline(folder))
    path = folder / SUITE
    return replace(side, settings=read_yaml(path)[0]) if path.exists() else side


def read_side(path: Path) -> Side:
    """Read a run's folder or a baseline file, whichever it is.

    Raises
    ------
    InputError
        If it is neither.
    """
    if path.is_file():
        return read_baseline(path)
    return read_run(path)


def _side(path: Path, baseline: Baseline) -> Side:
    return Side(
        name=str(path),
        suite=baseline.suite,
        suite_version=baseline.suite_version,
        suite_digest=baseline.suite_digest,
        values=_by_place(path, baseline.records),
        origins=tuple(baseline.origins),
    )


def _by_place(path: Path, entries: Iterable[Entry]) -> dict[Place, dict[Pair, float]]:
    found: dict[Place, dict[Pair, float]] = {}
    for entry in entries:
        values = found.setdefault(entry.place, {})
        if entry.pair in values:
            where = printable(f"{entry.place.model}, {entry.metric}")
            raise InputError(
                f"{path}: holds two numbers for {where}, seeds "
                f"{entry.model.subset_seed}/{entry.model.init_seed}; keep the folder of one run."
            )
        values[entry.pair] = entry.value
    return found
