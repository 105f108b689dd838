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
            show_default="FILE with the ending .yaml",
        ),
    ] = None,
) -> None:
    """Write a card for FILE without asking: guess what is in it, and say what was guessed.

    The card is a text file to be corrected where a guess is wrong. A suite, or the options --source
    and --target of tlbench run, name it by its path.
    """
    import yaml

    from tlbench.data.cards import Card, load_card
    from tlbench.data.guess import guess_card
    from tlbench.errors import InputError
    from tlbench.files import write_whole
    from tlbench.inspection.checks.parts import check_parts
    from tlbench.inspection.collection import from_card
    from tlbench.inspection.finding import Finding
    from tlbench.schema import validate

    if not file.is_file():
        raise InputError(f"{file}: cannot be read (there is no such file).")
    card = out or file.with_suffix(".yaml")
    if card.suffix not in (".yaml", ".yml"):
        raise InputError(f"{card}: a card's name ends in .yaml; choose another --out.")
    if card.exists():
        raise InputError(f"{card}: exists already; move it away or choose another --out.")
    for other in (file, test, validation):
        if other is not None and other.parent.resolve() != card.parent.resolve():
            raise InputError(
                f"{card}: a card stands in the folder of its files; {other} is in another."
            )
    guess = guess_card(file, test, validation, card.stem)
    validate(Card, yaml.safe_load(guess.text), f"a card for {file}")
    try:
        write_whole(card, guess.text)
    except OSError as error:
        raise InputError(f"{card}: cannot be written ({error.strerror}).") from error
    for sentence in guess.said:
        typer.echo(f"  {sentence}")
    for finding in check_parts(from_card(load_card(str(card)))):
        if isinstance(finding, Finding):
            typer.echo(f"  Warning: {finding.message}")
    typer.echo(f"{card}: written; check the guesses above and fill in theory, licence, citation.")
