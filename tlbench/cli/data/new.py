"""``tlbench data new``: write a card for data of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.base.writing import writing

PARTS = "Take the {} structures from this file or folder; may be given several times."


def new(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Files or folders with structures, energies and forces; archives (.tar.gz, .zip), "
            "or members of them, as data.tar.gz/set/train.xyz.",
        ),
    ],
    test: Annotated[
        list[Path] | None,
        typer.Option(
            help=PARTS.format("test"),
            show_default="files called so (x_test.xyz), else part of the others",
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(help=PARTS.format("validation"), show_default="as for --test"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The card; its name without the ending is that of the data set.",
            show_default="FILE with the ending .yaml, or -2.yaml if that exists",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="A reader (extxyz, runner, fitsnap, …) or a format of ase (vasp-out, traj, …).",
            show_default="recognised by content",
        ),
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            metavar="ENERGY,LENGTH",
            help="Units of files of RuNNer and n2p2, which do not state them: hartree,bohr or "
            "eV,angstrom.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a card for FILE without asking: guess what is in it, and say what was guessed.

    The card is a text file to be corrected where a guess is wrong. A suite, or the options --source
    and --target of tlbench run, name it by its path.
    """
    import yaml

    from tlbench.base.errors import InputError
    from tlbench.base.files import write_whole
    from tlbench.cli.tables import console, say
    from tlbench.data.cards import card_of, load_card
    from tlbench.data.entries import check_exists, split_archive
    from tlbench.data.guess import guess_card
    from tlbench.data.inspection.cells import check_stress_cells
    from tlbench.data.inspection.collection import from_card
    from tlbench.data.inspection.finding import Finding, merge
    from tlbench.data.inspection.forces import check_parts
    from tlbench.data.readers.recognition import named_format

    wanted = None if format_ is None else named_format(format_)
    for path in (*files, *(test or ()), *(validation or ())):
        check_exists(path)
    # The card of the current folder is beside it.
    first = files[0] if files[0].name not in ("", "..") else files[0].resolve()
    archive, _ = split_archive(first)
    called = first.name.partition(".")[0] if archive else first.stem
    card = out or (archive or first).with_name(f"{called}.yaml")
    if card.suffix not in (".yaml", ".yml"):
        raise InputError(f"{card}: a card's name ends in .yaml; choose another --out.")
    if card.exists() and out:
        raise InputError(f"{card}: exists already; move it away or choose another --out.")
    number = 1
    while card.exists():
        number += 1
        card = card.with_name(f"{called}-{number}.yaml")
    guess = guess_card(
        files, test or (), validation or (), card.stem, card.parent, wanted, _options(units)
    )
    card_of(yaml.safe_load(guess.text), f"a card for {first}")
    with writing(card):
        write_whole(card, guess.text)
    out_ = console()
    for sentence in guess.said:
        say(sentence, out_, indent=2)
    collection = from_card(load_card(str(card)))
    of_parts = [said for said in check_parts(collection) if isinstance(said, Finding)]
    for finding in merge([*of_parts, *check_stress_cells(collection)]):
        say(f"Warning: {finding.message}", out_, indent=2)
    again = f"; {called}.yaml already existed" if number > 1 else ""
    say(
        f"{card}: written{again}; check the guesses above and fill in theory, licence, citation.",
        out_,
    )


def _options(units: str | None) -> dict[str, str]:
    """Return settings of the reader of RuNNer from what was asked for.

    Raises
    ------
    InputError
        If there are not two units of which each is known.
    """
    from tlbench.base.errors import InputError
    from tlbench.base.registry import near_names
    from tlbench.base.units import ENERGY_UNITS
    from tlbench.data.readers.runner import LENGTH_UNITS

    if units is None:
        return {}
    words = units.split(",")
    if len(words) != 2:
        raise InputError(f"--units {units}: write it as ENERGY,LENGTH, such as hartree,bohr.")
    for word, there in zip(words, (ENERGY_UNITS, LENGTH_UNITS), strict=True):
        if word not in there:
            raise InputError(f"--units {units}: unknown unit {word!r}; {near_names(word, there)}")
    return {"energy_unit": words[0], "length_unit": words[1]}
