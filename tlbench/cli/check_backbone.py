"""``tlbench check-backbone``: whether a backbone keeps the contract."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tlbench.models.backbones import BackboneConfig


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

    from tlbench.cli.tables import console, drawn, say
    from tlbench.engine.work.devices import check_device, resolve
    from tlbench.models.contract.check import PRECISIONS, MeasuredProperty, measure
    from tlbench.models.potential import build_potential

    check_device(device)
    config = _config(name, cutoff, set_ or [])
    # A backbone that cannot be built at all is reported once.
    build_potential(name, config.model_dump(mode="json"))
    torch.set_num_threads(1)
    out = console()
    lines = [["property", *(str(precision).removeprefix("torch.") for precision in PRECISIONS)]]
    rows: dict[str, list[MeasuredProperty]] = {}
    with out.status("measuring", spinner="dots") as status:
        for found in measure(config, resolve(device)):
            status.update(f"{found.clause.name}, {found.precision}")
            rows.setdefault(found.clause.name, []).append(found)
    for clause, cells in rows.items():
        by_precision = {cell.precision: cell.text for cell in cells}
        lines.append([clause, *(by_precision.get(p, "–") for p in PRECISIONS)])
    out.print(drawn(lines, out.width))
    missed = [[cell for cell in cells if not cell.holds] for cells in rows.values()]
    unexpected = [cells for cells in missed if cells and not cells[0].violation]
    for cells in unexpected:
        say(f"{name}: {cells[0].sentence}", out)
    if unexpected:
        raise typer.Exit(1)
    stated = [f"{clause} ({why})" for clause, why in config.violations().items()]
    but = f", except, as its configuration states, {'; '.join(stated)}" if stated else ""
    say(f"{name} keeps the contract{but}.", out)


def _config(name: str, cutoff: float, settings: list[str]) -> "BackboneConfig":
    from tlbench.base.errors import InputError
    from tlbench.base.schema import assign, validate
    from tlbench.models.backbones import BACKBONES

    values: dict[str, object] = {"cutoff": cutoff}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text}: write it as KEY=VALUE, e.g. channels=16.")
        assign(values, key.strip(), value)
    return validate(BACKBONES.get(name), values, f"the settings of backbone {name!r}")
