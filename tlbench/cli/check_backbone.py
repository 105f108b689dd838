"""``tlbench check-backbone``: whether a backbone keeps the contract."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tlbench.backbones import BackboneConfig


def check_backbone(
    name: Annotated[str, typer.Argument(help="Name of a backbone (tlbench ls backbones).")],
    cutoff: Annotated[float, typer.Option(help="Interaction range, Å.")] = 5.0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the backbone."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure every property that a backbone must have, with random weights.

    Prints by how much each is missed, in double and in single precision, and
    ends with exit code 1 if one is missed by more than rounding explains.
    """
    import torch
    from rich.console import Console
    from rich.table import Table

    from tlbench.engine.devices import check_device, resolve
    from tlbench.potential import build_potential
    from tlbench.testing.check import PRECISIONS, Measurement, measure

    check_device(device)
    config = _config(name, cutoff, set_ or [])
    # What cannot be built at all is said once.
    build_potential(name, config.model_dump(mode="json"))
    torch.set_num_threads(1)
    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("property", header_style="dim")
    for precision in PRECISIONS:
        table.add_column(str(precision).removeprefix("torch."), header_style="dim", justify="right")
    rows: dict[str, list[Measurement]] = {}
    with console.status("measuring", spinner="dots") as status:
        for found in measure(config, resolve(device)):
            status.update(f"{found.clause.name}, {found.precision}")
            rows.setdefault(found.clause.name, []).append(found)
    for clause, cells in rows.items():
        by_precision = {cell.precision: cell.text for cell in cells}
        table.add_row(clause, *(by_precision.get(p, "[dim]–[/dim]") for p in PRECISIONS))
    console.print(table)
    missed = [[cell for cell in cells if not cell.holds] for cells in rows.values()]
    for cells in (cells for cells in missed if cells):
        console.print(f"{name}: {cells[0].sentence}", markup=False, soft_wrap=True)
    if any(missed):
        raise typer.Exit(1)
    console.print(f"{name} keeps the contract.", markup=False)


def _config(name: str, cutoff: float, settings: list[str]) -> "BackboneConfig":
    from tlbench.backbones import BACKBONES
    from tlbench.errors import InputError
    from tlbench.schema import assign, validate

    values: dict[str, object] = {"cutoff": cutoff}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text}: write it as KEY=VALUE, e.g. channels=16.")
        assign(values, key.strip(), value)
    return validate(BACKBONES.get(name), values, f"the settings of backbone {name!r}")
