"""``tlbench data new``: write a card for a file of one's own."""

from pathlib import Path
from typing import Annotated

import typer


def new(
    file: Annotated[Path, typer.Argument(help="Extended XYZ file with energies and forces.")],
    test: Annotated[
        Path | None,
        typer.Option(
            help="Take the test structures from this file.",
            show_default="x_test.xyz for x_train.xyz, else part of FILE",
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            help="Take the validation structures from this file.", show_default="as for --test"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The card; its name without the ending is that of the data set.",
            show_default="FILE with the ending .yaml, or -2.yaml if that exists",
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
    from tlbench.data.guess import guess_card
    from tlbench.data.inspection.cells import check_stress_cells
    from tlbench.data.inspection.collection import from_card
    from tlbench.data.inspection.finding import Finding, merge
    from tlbench.data.inspection.forces import check_parts
    from tlbench.data.readers.base import check_is_file

    check_is_file(file, f"{file}: cannot be read (there is no such file).")
    card = out or file.with_suffix(".yaml")
    if card.suffix not in (".yaml", ".yml"):
        raise InputError(f"{card}: a card's name ends in .yaml; choose another --out.")
    if card.exists() and out:
        raise InputError(f"{card}: exists already; move it away or choose another --out.")
    number = 1
    while card.exists():
        number += 1
        card = file.with_name(f"{file.stem}-{number}.yaml")
    for other in (file, test, validation):
        if other is not None and other.parent.resolve() != card.parent.resolve():
            raise InputError(
                f"{card}: a card and its files are in one folder, but {other} is in another."
            )
    guess = guess_card(file, test, validation, card.stem)
    card_of(yaml.safe_load(guess.text), f"a card for {file}")
    try:
        write_whole(card, guess.text)
    except OSError as error:
        raise InputError(f"{card}: cannot be written ({error.strerror}).") from error
    out_ = console()
    for sentence in guess.said:
        say(sentence, out_, indent=2)
    collection = from_card(load_card(str(card)))
    of_parts = [said for said in check_parts(collection) if isinstance(said, Finding)]
    for finding in merge([*of_parts, *check_stress_cells(collection)]):
        say(f"Warning: {finding.message}", out_, indent=2)
    again = f"; {file.with_suffix('.yaml').name} was there already" if number > 1 else ""
    say(
        f"{card}: written{again}; check the guesses above and fill in theory, licence, citation.",
        out_,
    )
