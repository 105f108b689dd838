"""The trained models of a run: coordinates, test errors, costs, files of the potentials."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tlbench.base.errors import InputError
from tlbench.base.files import stored
from tlbench.base.registry import near_names
from tlbench.engine.run.run_log import RUN, read_started
from tlbench.engine.store.store import State, Store, is_key
from tlbench.jobs.context import MODEL
from tlbench.results.costs import COSTS_FORMAT, Cost
from tlbench.results.costs import FILE as COSTS
from tlbench.results.records import Record, read_records
from tlbench.results.results import RECORDS
from tlbench.study.model_key import ModelKey
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import STRATEGIES, base_of


@dataclass(frozen=True)
class TrainedModel:
    """One trained model of a run.

    Attributes
    ----------
    model
        Its coordinates; without a source (``""``) if it was trained from scratch.
    force_mae, energy_mae
        Errors over the whole test set, meV/Å and meV/atom; None if not measured.
    cpu_seconds, pretraining_cpu_seconds
        What it cost, and what its source model did; None if not known.
    trained
        Key of the job that trained it; None in records of old versions.
    state
        Whether the store has it: "finished", "damaged" or "absent".
    potential
        Its file, which `tlbench.load_potential` reads; None unless the store has it.
    """

    model: ModelKey
    force_mae: float | None
    energy_mae: float | None
    cpu_seconds: float | None
    pretraining_cpu_seconds: float | None
    trained: str | None
    state: Literal["finished", "damaged", "absent"]
    potential: Path | None

    def row(self) -> dict[str, Any]:
        """Return the model as one line of a table: its coordinates, then all else."""
        return {
            "backbone": self.model.backbone,
            "strategy": self.model.strategy,
            **dict(self.model),
            "source": self.model.source or None,
            "force_mae": self.force_mae,
            "energy_mae": self.energy_mae,
            "cpu_seconds": self.cpu_seconds,
            "pretraining_cpu_seconds": self.pretraining_cpu_seconds,
            "model": self.trained,
            "state": self.state,
            "potential": self.potential,
        }


def list_models(
    run: str | Path,
    store: Path | None = None,
    *,
    backbones: Collection[str] = (),
    strategies: Collection[str] = (),
    sizes: Collection[int] = (),
) -> list[TrainedModel]:
    """Return the trained models of a run, by backbone and strategy in the run's order, then size.

    Parameters
    ----------
    run
        Folder of the run, or the name of its suite for ``runs/SUITE``.
    store
        Folder of finished jobs, if it is not where the run left them.
    backbones, strategies, sizes
        Only models of these; by default all. The strategy of source models is "pretrain".

    Raises
    ------
    InputError
        If the run has no results, or no model of a backbone, strategy or size that is asked for.

    Examples
    --------
    >>> best = min(list_models("runs/quick", strategies=["finetune"]), key=lambda m: m.force_mae)
    >>> potential = load_potential(best.potential)
    """
    folder = run_folder(run)
    records = read_records(stored(folder / RECORDS))
    wanted = {"backbone": backbones, "strategy": strategies, "size": sizes}
    for coordinate, values in wanted.items():
        _check(coordinate, values, {getattr(r.model, coordinate) for r in records})
    path = stored(folder / COSTS)
    costs = {c.trained: c for c in (COSTS_FORMAT.read_lines(path) if path.exists() else ())}
    root = store or store_of(folder)
    # The run's own store may be gone; one that is named explicitly should be there.
    there = root is not None and (store is not None or (root / "store.json").exists())
    opened = Store(root, read_only=True) if root is not None and there else None
    found = [
        _model(some, costs, opened)
        for some in _by_model(records)
        if all(not v or getattr(some[0].model, name) in v for name, v in wanted.items())
    ]
    backbones_there = list(dict.fromkeys(r.model.backbone for r in records))
    arms = list(dict.fromkeys(r.model.strategy for r in records))

    def order(of: TrainedModel) -> tuple[object, ...]:
        place = backbones_there.index(of.model.backbone), arms.index(of.model.strategy)
        return (*place, *of.model.order())

    return sorted(found, key=order)


def run_folder(run: str | Path) -> Path:
    """Return the folder of a run that has results, or that of the suite of this name in ``runs``.

    Raises
    ------
    InputError
        If there is none.
    """
    folders = (Path(run), Path("runs") / run)
    for folder in folders:
        if stored(folder / RECORDS).is_file():
            return folder
    for folder in folders:
        if (folder / RUN).is_file():
            raise InputError(
                f"{folder}: has no {RECORDS} yet, which is written when all parts of a run have "
                f"ended; see its state with 'tlbench status {folder}'."
            )
    raise InputError(f"{run}: is not the folder of a run (it has no {RECORDS}), nor is runs/{run}.")


def store_of(folder: Path) -> Path | None:
    """Return the store that a run used; None if its folder does not say, as of a submission.

    Raises
    ------
    InputError
        If what says it cannot be read.
    """
    if not (folder / RUN).exists():
        return None
    return Path(read_started(folder, "name the run's store with --store").store)


def _by_model(records: Iterable[Record]) -> list[list[Record]]:
    """Return the records of each model; one that several sources are compared with is one."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[record.trained or record.job].append(record)
    return list(found.values())


def _model(records: list[Record], costs: dict[str, Cost], store: Store | None) -> TrainedModel:
    first = records[0]
    overall = {r.metric: r.value for r in records if not r.condition}
    cost = costs.get(first.trained or "")
    key = first.trained if first.trained and is_key(first.trained) else None
    state = store.state(key) if store is not None and key else State.ABSENT
    path = store.folder(key) / MODEL if store is not None and key else None
    from_source = first.model.strategy == PRETRAIN or _needs_source(first.model.strategy)
    return TrainedModel(
        model=first.model if from_source else first.model.without_source(),
        force_mae=overall.get("force_mae"),
        energy_mae=overall.get("energy_mae"),
        cpu_seconds=cost.cpu_seconds if cost else None,
        pretraining_cpu_seconds=cost.pretraining_cpu_seconds if cost else None,
        trained=first.trained,
        state=state.value,
        potential=path if state is State.FINISHED else None,
    )


def _needs_source(strategy: str) -> bool:
    """Return whether a strategy starts from a source model, as all plugins are taken to do."""
    base = base_of(strategy)
    return base not in STRATEGIES or STRATEGIES.get(base).needs_source


def _check(coordinate: str, wanted: Iterable[Any], known: Collection[Any]) -> None:
    for value in wanted:
        if value not in known:
            sizes = f"its sizes are {', '.join(map(str, sorted(known)))}."
            hint = sizes if coordinate == "size" else near_names(value, known)
            raise InputError(f"--{coordinate} {value}: the run has no model of it; {hint}")
