"""Evaluating supplied weights again, on this machine."""

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store import State, Store
from tlbench.errors import InputError, TlbenchError
from tlbench.jobs.context import ERRORS, MODEL, Context
from tlbench.leaderboard.collecting import content_of
from tlbench.leaderboard.reading import Entry, digest_of
from tlbench.leaderboard.submission import DataSet
from tlbench.leaderboard.verification.numbers import Model, models_of
from tlbench.metrics.conditions import key_of
from tlbench.plan import dataset_job
from tlbench.records import Record
from tlbench.run import load_dataset

TOLERANCE = 1e-3
"""Relative agreement of errors: networks compute in single precision, in another order of sums on
another processor."""

MAX_WEIGHTS = 256 << 20
MAX_WIDTH = 4096
"""Bytes of a file of weights, and the largest setting of its backbone."""


@dataclass(frozen=True)
class Rerun:
    """How many models of how many, and how many numbers, were evaluated again, and what differs.

    ``largest`` is the largest relative difference.
    """

    models: int
    n_models: int
    numbers: int
    largest: float
    problems: list[str]


def rerun(
    entry: Entry,
    weights: Path,
    store: Path,
    mirror: Path | None = None,
    tolerance: float = TOLERANCE,
    on_model: Callable[[str], None] = lambda label: None,
) -> Rerun:
    """Evaluate the models of a submission whose weights lie in ``weights``, and compare.

    Parameters
    ----------
    weights
        Folder with ``<key>.safetensors`` for keys of trained models, or a store.
    store
        Where the data sets are, or will be made.
    tolerance
        Relative; what a number may differ by.
    on_model
        Called with the name of every model that is evaluated.

    Raises
    ------
    InputError
        If there are no weights of this submission.
    """
    cards = {card.digest(): card for card in entry.suite.cards()}
    problems, folders = [], {}
    for data in entry.about.data:
        folder, said = _data(data, cards[data.recipe], store, mirror)
        problems += said
        if folder is not None:
            folders[data.element] = folder
    evaluated, numbers, largest = 0, 0, 0.0
    found = _with_weights(entry, weights)
    if not found:
        raise InputError(
            f"{weights} has no weights of {entry.label}; they are files KEY.safetensors, as "
            "tlbench board add --weights writes them, or a store."
        )
    for model, path in found:
        if model.where.target not in folders:
            continue
        on_model(model.where.label())
        try:
            again = _evaluate(entry, model, path, folders[model.where.target])
        except TlbenchError as error:
            problems.append(f"{model.where.label()}: {error}")
            continue
        evaluated += 1
        for record in model.records:
            difference = _difference(record, again)
            numbers += 1
            largest = max(largest, difference)
            if not difference <= tolerance:
                value = again.get(_key(record.metric, record.condition))
                problems.append(
                    f"{model.where.label()}: {record.metric} is given as {record.value:g}, but "
                    f"evaluated here it is {value}."
                )
    return Rerun(evaluated, len(entry.about.weights), numbers, largest, problems)


def _data(
    data: DataSet, card: Card, store: Path, mirror: Path | None
) -> tuple[Path | None, list[str]]:
    """Return the folder of a data set if it is the submission's, else why it is not."""
    parts = _parts(card, store, mirror)
    if content_of(parts) != data.content:
        why = "the files are the same, so the submission's digest is wrong"
        if not card.data_files():
            why = "dynamics sampled on another processor differ: use a machine of the same kind"
        return None, [
            f"{data.card} has other structures here than in the submission, so nothing of it can "
            f"be compared ({why})."
        ]
    return Store(store).folder(dataset_job(card).key), []


def _parts(card: Card, store: Path, mirror: Path | None) -> dict[str, Frames]:
    job, opened = dataset_job(card).key, Store(store)
    if opened.state(job, thorough=True) is State.FINISHED:
        # The files of a private submission are seldom beside its cards.
        return {split: Frames.load(opened.folder(job) / f"{split}.npz") for split in SPLITS}
    return load_dataset(card, store, mirror)


def _with_weights(entry: Entry, weights: Path) -> list[tuple[Model, Path]]:
    found = []
    for model in models_of(entry):
        key = model.records[0].model
        if model.where.simulated or key is None:
            continue
        places = (weights / f"{key}.safetensors", weights / key / MODEL)
        found += [(model, path) for path in places if path.is_file()][:1]
    return found


def _evaluate(entry: Entry, model: Model, path: Path, data: Path) -> dict[Any, float]:
    """Return what the job that measures a model finds, by metric and condition."""
    from tlbench.jobs.evaluate import run

    key = model.records[0].model or ""
    if path.stat().st_size > MAX_WEIGHTS:
        raise InputError(f"{path} is larger than {MAX_WEIGHTS >> 20} MiB.")
    if digest_of(path) != entry.about.weights[key]:
        raise InputError(f"{path} is not the file whose digest stands in the submission.")
    _check_backbone(entry, model, path)
    config = {"split": "test", "metrics": entry.suite.error_metrics, "by": entry.suite.by}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model").mkdir()
        (Path(folder) / "model" / MODEL).symlink_to(path.absolute())
        parents = {"model": Path(folder) / "model", "data": data}
        result = run(config, Context(Path(folder), parents, "cpu", lambda progress: None))
        (Path(folder) / ERRORS).unlink()
    return {_key(m["metric"], m["condition"]): m["value"] for m in result["metrics"]}


def _check_backbone(entry: Entry, model: Model, path: Path) -> None:
    """Refuse weights of another backbone, or with other settings, than the suite's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            described = json.loads((file.metadata() or {})["tlbench"])
        name, config = described["backbone"], json.loads(described["config"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is no potential of tlbench ({error}).") from error
    backbone = model.where.backbone
    wanted = entry.suite.backbone_config(backbone).model_dump(mode="json")
    if (name, config) != (backbone, wanted):
        raise InputError(f"{path} is of a backbone {name!r} with other settings than the suite's.")
    for setting, number in wanted.items():
        if isinstance(number, int | float) and not abs(number) <= MAX_WIDTH:
            raise InputError(f"{path} describes a network with {setting} of {number:g}.")


def _key(metric: str, condition: dict[str, float | str]) -> tuple[Any, ...]:
    return metric, key_of(condition)


def _difference(record: Record, again: dict[Any, float]) -> float:
    """Return the relative difference, infinite where there is nothing to compare with."""
    value = again.get(_key(record.metric, record.condition))
    if value is None:
        return math.inf
    return (
        0.0
        if value == record.value
        else abs(value - record.value) / max(abs(value), abs(record.value))
    )
