"""Evaluating supplied weights again, on this machine."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from tlbench.base.errors import InputError, TlbenchError
from tlbench.board.checks.agreement import Findings, compare, not_compared, same_data
from tlbench.board.checks.record import EVALUATED, CheckedModel
from tlbench.board.reading import Entry, digest_of
from tlbench.board.verification.models import Model, measured_models
from tlbench.data.marks import MarkedFrames
from tlbench.jobs.context import WEIGHTS, Context
from tlbench.jobs.evaluate import ERRORS, Config, run
from tlbench.models.backbones import BACKBONES
from tlbench.results.frame_errors import ModelErrors
from tlbench.study.sources import registered_backbone

MAX_WEIGHTS = 256 << 20
MAX_WIDTH = 4096
"""Bytes of a file of weights, and the largest setting of its backbone."""


def rerun(
    entry: Entry,
    weights: Path,
    store: Path,
    mirror: Path | None = None,
    partial: bool = False,
    on_model: Callable[[str], None] = lambda label: None,
) -> Findings:
    """Evaluate the models of a submission whose weights lie in ``weights``, and compare.

    Parameters
    ----------
    weights
        Folder with ``<key>.safetensors``, and ``<key>.best.safetensors`` where best weights are
        measured, for keys of trained models, or a store.
    store
        Where the data sets are, or will be made.
    partial
        Whether the weights of some models suffice.
    on_model
        Called with the name of every model that is evaluated.

    Raises
    ------
    InputError
        If there are no weights of this submission, or not of all of its models.
    """
    found = _with_weights(entry, weights)
    if not found:
        raise InputError(
            f"{weights} has no weights of {entry.label}; they are files KEY.safetensors, as "
            "tlbench board add --weights writes them, or a store."
        )
    n_models = len(measured_models(entry))
    if len(found) < n_models and not partial:
        raise InputError(
            f"{weights} has the weights of {len(found)} of the {n_models} models of {entry.label}; "
            "supply all of them, or add --partial to check these alone."
        )
    folders, problems = same_data(entry, store, mirror)
    published = {errors.job: errors for errors in entry.errors()}
    marks = {tests.data: tests.marks for tests in entry.tests()}
    checked = []
    for model, path in found:
        errors = published[model.job]
        if errors.data not in folders:
            continue
        on_model(model.where.label())
        stated = entry.about.digest_of_weights(model.trained or "", model.where.weights)
        if digest_of(path) != stated:
            problems.append(f"{path} is not the file whose digest is in the submission.")
            continue
        backbone = registered_backbone(model.where.model.backbone)
        if backbone not in BACKBONES:
            problems.append(f"The backbone {backbone!r} is not installed here.")
            continue
        try:
            data = folders[errors.data]
            checked.append(_evaluate(entry, model, path, data, errors, marks[errors.data]))
        except TlbenchError as error:
            checked.append(not_compared(model, str(error)))
    return Findings(EVALUATED, checked, [*dict.fromkeys(problems)])


def _with_weights(entry: Entry, weights: Path) -> list[tuple[Model, Path]]:
    found = []
    for model in measured_models(entry).values():
        key = model.trained
        if key is None:
            continue
        ending = "" if model.where.weights == "last" else f".{model.where.weights}"
        places = (
            weights / f"{key}{ending}.safetensors",
            weights / key / WEIGHTS[model.where.weights],
        )
        found += [(model, path) for path in places if path.is_file()][:1]
    return found


def _evaluate(
    entry: Entry,
    model: Model,
    path: Path,
    data: Path,
    published: ModelErrors,
    marks: MarkedFrames,
) -> CheckedModel:
    """Compare a model with what the job that measures it finds.

    Messages go into published records, so they name no folder of this machine.
    """
    if path.stat().st_size > MAX_WEIGHTS:
        raise InputError(f"{path.name} is larger than {MAX_WEIGHTS >> 20} MiB.")
    _check_backbone(entry, model, path)
    which = model.where.weights
    config = Config(
        split="test",
        metrics=entry.suite.error_metrics,
        by=entry.suite.by,
        weights=which,
        marks=marks,
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model").mkdir()
        (Path(folder) / "model" / WEIGHTS[which]).symlink_to(path.absolute())
        parents = {"model": Path(folder) / "model", "data": data}
        result = run(config, Context(Path(folder), parents, "cpu", lambda progress: None))
        errors = Path(folder) / ERRORS
        return compare(model, published, result.model_dump()["metrics"], errors, same_weights=True)


def _check_backbone(entry: Entry, model: Model, path: Path) -> None:
    """Refuse weights of another backbone, or with other settings, than the suite's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            described = json.loads((file.metadata() or {})["tlbench"])
        name, config = described["backbone"], json.loads(described["config"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path.name} is not a potential of tlbench ({error}).") from error
    backbone = model.where.model.backbone
    wanted = entry.suite.backbone_config(backbone).model_dump(mode="json")
    if (name, config) != (registered_backbone(backbone), wanted):
        raise InputError(
            f"{path.name} is of a backbone {name!r} with other settings than the suite's."
        )
    for setting, number in wanted.items():
        if isinstance(number, int | float) and not abs(number) <= MAX_WIDTH:
            raise InputError(f"{path.name} describes a network with {setting} of {number:g}.")
