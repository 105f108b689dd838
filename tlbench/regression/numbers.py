"""The numbers that are compared: those of a run, or of a baseline that was made of one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tlbench.base.errors import InputError, printable
from tlbench.base.files import stored
from tlbench.base.formats import Format
from tlbench.base.schema import Strict, read_yaml
from tlbench.regression.origins import Origin, read_origins
from tlbench.regression.table import PLACE, SEEDS, Entry, table_of
from tlbench.results.records import read_records
from tlbench.results.results import RECORDS
from tlbench.study.loading import SUITE_FORMAT

if TYPE_CHECKING:
    from pandas import DataFrame

SUITE = "suite.json"
"""The file in which a run keeps its settings."""


class Baseline(Strict):
    """The file that ``tlbench baseline`` writes."""

    format: Literal[1]
    suite: str
    suite_version: int
    suite_digest: str
    origins: list[Origin]
    records: list[Entry] = Field(min_length=1)


BASELINE_FORMAT = Format("baseline", Baseline)


@dataclass(frozen=True)
class Numbers:
    """The numbers of a run or a baseline.

    Attributes
    ----------
    name
        How the user calls it.
    suite, version, digest
        The suite; the digest covers all settings.
    table
        See `tlbench.regression.table.table_of`.
    origins
        Where they come from, as far as known.
    settings
        The suite with every default spelt out; None of a baseline file, which has its digest only.
    """

    name: str
    suite: str
    version: int
    digest: str
    table: "DataFrame"
    origins: tuple[Origin, ...]
    settings: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """Name and version of the suite."""
        return f"{self.suite} (version {self.version})"


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
        format=1,
        suite=suite,
        suite_version=version,
        suite_digest=digest,
        origins=read_origins(folder),
        records=[Entry.of(record) for record in records],
    )


def baseline_text(baseline: Baseline) -> str:
    """Return the JSON of a baseline, a line for each record, so that changes of it can be read."""
    written = baseline.model_dump(mode="json")
    lines = [json.dumps(record, ensure_ascii=False) for record in written.pop("records")]
    text = json.dumps(written, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{text},\n "records": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def read_baseline(path: Path) -> Numbers:
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
    return _numbers(path, BASELINE_FORMAT.read(path))


def read_run(folder: Path) -> Numbers:
    """Read the folder of a run.

    Raises
    ------
    InputError
        If it is not one.
    """
    numbers, path = _numbers(folder, make_baseline(folder)), folder / SUITE
    if not path.exists():
        return numbers
    return replace(numbers, settings=SUITE_FORMAT.upgraded(read_yaml(path)[0], str(path)))


def read_numbers(path: Path) -> Numbers:
    """Read a run's folder or a baseline file, whichever it is.

    Raises
    ------
    InputError
        If it is neither.
    """
    return read_baseline(path) if path.is_file() else read_run(path)


def _numbers(path: Path, baseline: Baseline) -> Numbers:
    table = table_of(entry.model_dump() for entry in baseline.records)
    for row in table[table.duplicated([*PLACE, *SEEDS])].head(1).to_dict("records"):
        raise InputError(
            f"{path}: holds two numbers for {printable(row['models'] + ', ' + row['metric'])}, "
            f"seeds {row['subset_seed']}/{row['init_seed']}; keep the folder of one run."
        )
    return Numbers(
        str(path),
        baseline.suite,
        baseline.suite_version,
        baseline.suite_digest,
        table,
        tuple(baseline.origins),
    )
