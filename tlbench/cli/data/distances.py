"""``tlbench data distances``: how far data sets and trajectories are apart."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.base.writing import writing
from tlbench.cli.options import Mirror, StoreFolder, settings_of

NOTE = (
    "floor: what halves of one set differ by; *: the interval lies above it. Distances of "
    "environments are those of samples, too large by about the floor."
)

if TYPE_CHECKING:
    from tlbench.data.cards import Card
    from tlbench.metrics.distances.quantities import SetDistance
    from tlbench.metrics.distances.structures import StructureSet


def distances(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA…",
            help="Two or more: names of data sets, cards, or extended XYZ files, such as the "
            "trajectories of tlbench md.",
        ),
    ],
    part: Annotated[
        str, typer.Option(help="Part of data sets: train, validation or test.")
    ] = "train",
    out: Annotated[Path, typer.Option(help="File for the distances, as JSON.")] = Path(
        "runs/data/distances.json"
    ),
    mirror: Mirror = None,
    store: StoreFolder = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, e.g. environments=5000."
        ),
    ] = None,
) -> None:
    """Measure how far data sets or trajectories are apart, quantity by quantity.

    Wasserstein-1 distances of pair distances, angles, coordination numbers, forces and energies,
    and three distances of whole environments, raw and in units of each set's nearest-neighbour
    distance, with 95 % intervals and the floor that halves of one set have.
    """
    from rich.console import Console

    from tlbench.base.errors import InputError
    from tlbench.base.schema import assign, validate
    from tlbench.cli.tables import console, say
    from tlbench.data.origins import SPLITS
    from tlbench.metrics.distances.quantities import DistanceSettings, check_packages
    from tlbench.report.inspection.comparison import (
        SETS_FORMAT,
        ComparedSets,
        SetDistances,
        check_different,
        compare_all,
        described,
    )

    check_packages()
    if len(data) < 2:
        raise InputError("A distance is between two: name at least two data sets or files.")
    if part not in SPLITS:
        raise InputError(f"--part should be one of {', '.join(SPLITS)}, but is {part}.")
    value: dict[str, Any] = {}
    for key, text in settings_of(set_):
        assign(value, key, text)
    settings = validate(DistanceSettings, value, "--set")
    # A slip in the last name should not come to light after the first has been sampled.
    meant = [_meant(name) for name in data]
    check_different(data, [_digest(each) for each in meant])
    with Console(stderr=True).status("Reading …") as status:
        sets, notes = [], []
        for name, called, chosen in zip(data, _names(data, meant), meant, strict=True):
            status.update(f"Reading {name} …")
            found, why = _set(called, chosen, part, store, mirror, status)
            sets.append(found)
            if why:
                notes.append(f"Energies and forces are not compared: {why}")
        status.update("Describing environments …")
        found_all = compare_all(
            described(sets, settings),
            settings,
            lambda what, done, total: status.update(f"Comparing {what}: {done} of {total} …"),
        )
    out_ = console()
    for (a, b), some in found_all.items():
        out_.print(_table(a, b, some, out_.width))
        say(NOTE, out_, "dim")
    for each in sets:
        say(
            f"{each.name}: {len(each.frames)} structures, {len(each.frames.positions)} atoms, "
            f"nearest neighbours at {each.nearest:.3f} Å",
            out_,
        )
    for note in notes:
        say(note, out_)
    pairs = [ComparedSets(a=a, b=b, distances=some) for (a, b), some in found_all.items()]
    with writing(out, "choose another with --out"):
        out.parent.mkdir(parents=True, exist_ok=True)
        SETS_FORMAT.write(out, SetDistances(settings=settings, part=part, pairs=pairs))
    say(str(out), out_)


def _meant(name: str) -> "Card | Path":
    """Return the card or the file that ``name`` means."""
    from tlbench.data.cards import data_file, load_card
    from tlbench.data.readers.base import check_is_file

    path = data_file(name)
    if path is None:
        return load_card(name)
    check_is_file(path, f"There is no data set and no file {name!r}.")
    return path


def _digest(of: "Card | Path") -> str:
    from tlbench.data.origins.base import sha256_of

    return sha256_of(of) if isinstance(of, Path) else of.digest()


def _names(data: list[str], meant: "list[Card | Path]") -> list[str]:
    """Return what sets are called: a card by its name, unless another of them has the same."""
    own = [str(each) if isinstance(each, Path) else each.name for each in meant]
    return [name if own.count(name) == 1 else typed for name, typed in zip(own, data, strict=True)]


def _set(
    name: str, of: "Card | Path", part: str, store: Path | None, mirror: Path | None, status: Any
) -> "tuple[StructureSet, str]":
    """Return a set, and why its labels are not compared, if they are not."""
    from tlbench.cli.data.describe import load_parts
    from tlbench.report.inspection.comparison import read_file, set_of

    if isinstance(of, Path):
        frames, why = read_file(of)
        return set_of(name, frames, labelled=not why), why
    return set_of(name, load_parts(of, store, mirror, status)[part]), ""


def _table(a: str, b: str, found: "list[SetDistance]", width: int) -> Any:
    from tlbench.cli.tables import drawn
    from tlbench.report.relations.questions import TITLES

    lines = [["quantity", "form", "distance", "95 % interval", "floor", "unit"]]
    for d in found:
        star = "*" if d.is_resolved else " "
        interval = f"{d.low:.3g} – {d.high:.3g}"
        numbers = [f"{d.value:.3g}{star}", interval, f"{d.floor:.3g}"]
        lines.append([TITLES[d.name], d.form, *numbers, d.unit])
    return drawn(lines, width, words=(0, 1, 5), title=f"{a} and {b}")
