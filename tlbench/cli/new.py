"""``tlbench new``: begin a package of one's own."""

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from tlbench.base.writing import writing

app = typer.Typer(no_args_is_help=True, help="Begin a package of your own.")

PLACES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "config.py.txt": "{module}/config.py",
    "model.py.txt": "{module}/model.py",
    "test_contract.py.txt": "tests/test_contract.py",
}
"""Template → where it goes."""


@app.callback()
def _group() -> None:
    """Begin a package of your own."""


@app.command("backbone")
def backbone(
    name: Annotated[str, typer.Argument(help="Name of the backbone, e.g. my-network.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="tlbench-NAME")
    ] = None,
) -> None:
    """Write a package with a backbone that runs, to be replaced by your own.

    Install it with pip, and NAME is a backbone like any other.
    """
    from tlbench.base.errors import InputError
    from tlbench.models.backbones import BACKBONES

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 40:
        raise InputError(
            f"{name!r} cannot be the name of a backbone; take lower-case letters, digits and "
            "single hyphens, e.g. my-network."
        )
    if name in BACKBONES:
        raise InputError(f"There is a backbone called {name!r} already; choose another name.")
    folder = out or Path(f"tlbench-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} already exists; choose another folder with --out.")
    with writing(folder):
        written = write_backbone(name, folder)
    for path in written:
        typer.echo(path)
    typer.echo(
        f"\nNow:  pip install -e '{folder}[test]'\n"
        f"      tlbench check-backbone {name}\n"
        f"      tlbench run quick --backbone {name}"
    )


def write_backbone(name: str, folder: Path) -> list[Path]:
    """Write the package of a backbone into ``folder``; return its files."""
    words = name.split("-")
    # With the prefix it hides no other module.
    module = "_".join(["tlbench", *words])
    class_name = "".join(word.capitalize() for word in words)
    values = {
        "name": name,
        "package": f"tlbench-{name}",
        "module": module,
        "class_name": class_name + ("Network" if keyword.iskeyword(class_name) else ""),
    }
    templates = files("tlbench") / "templates" / "backbone"
    texts = {
        place.format(module=module): Template(
            (templates / source).read_text(encoding="utf-8")
        ).substitute(values)
        for source, place in PLACES.items()
    }
    doc = f'"""The backbone {name}."""\n'
    texts[f"{module}/__init__.py"] = doc
    for place, text in texts.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [folder / place for place in texts]
