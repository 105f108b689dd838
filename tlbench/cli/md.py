"""``tlbench md``: simulate a structure with a potential."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tlbench.md.protocol import Protocol

FIELDS = {
    "temperature": "temperature_k",
    "time": "time_ps",
    "timestep": "timestep_fs",
    "friction": "friction_per_ps",
    "sample": "sample_fs",
    "equilibration": "equilibration_ps",
    "replicas": "replicas",
    "seed": "seed",
}
"""Option → what it sets."""


def md(
    potential: Annotated[
        str,
        typer.Argument(
            help="File of a trained potential (tlbench models RUN lists them), or "
            "the name of a published potential such as sevennet-0 (tlbench ls potentials), or "
            "stillinger-weber:Si."
        ),
    ],
    structure: Annotated[
        Path, typer.Argument(help="File of a structure that ase reads; its first frame is taken.")
    ],
    temperature: Annotated[float, typer.Option(help="Temperature, K.")],
    time: Annotated[float, typer.Option(help="Length of the simulation, ps.")],
    timestep: Annotated[float, typer.Option(help="Time between steps, fs.")] = 2.0,
    friction: Annotated[
        float,
        typer.Option(
            help="Friction of the thermostat, 1/ps. 0: constant energy; a structure that starts at "
            "rest in its minimum ends at half the temperature."
        ),
    ] = 10.0,
    replicas: Annotated[int, typer.Option(min=1, help="Simulations, run as one batch.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of initial velocities and random forces.")] = 0,
    sample: Annotated[float, typer.Option(help="Time between samples, fs.")] = 50.0,
    equilibration: Annotated[
        float | None,
        typer.Option(
            help="Time before averages of structure and temperature begin, ps.",
            show_default="1, at most a fifth of --time; that of a simulation that goes on",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/md"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Simulate STRUCTURE with POTENTIAL at constant volume, by Langevin dynamics.

    Writes trajectory.extxyz, with positions not wrapped into the cell, and
    observables.json: survival, temperature, displacement, RDF, ADF.

    Replicas differ in their velocities, drawn at the temperature, and random
    forces. One that explodes (hotter than the thermostat by far, atoms too
    close, forces too large, numbers not finite) leaves the batch.

    Stop it with Ctrl-C and start it again at any time: it goes on. So does a finished simulation
    that is asked for again with a longer --time, on a CPU to the same result as if asked for it at
    once with the same --equilibration; an accelerator rounds differently from run to run.
    """
    protocol = _protocol(
        temperature=temperature,
        time=time,
        timestep=timestep,
        friction=friction,
        sample=sample,
        equilibration=_equilibration(out, time) if equilibration is None else equilibration,
        replicas=replicas,
        seed=seed,
    )
    import torch

    from tlbench.cli.interrupts import between_steps, ends_quietly
    from tlbench.cli.simulation_live import SimulationDisplay
    from tlbench.engine.work.cost import Stopwatch
    from tlbench.engine.work.devices import check_device, resolve
    from tlbench.md.folder import Settings, finished, simulate
    from tlbench.md.inputs import read_structure
    from tlbench.transfer.potentials.drivers import load_driver

    check_device(device)
    chosen = resolve(device)
    watch = Stopwatch()
    start, notes = read_structure(structure)
    driver = load_driver(potential, start, chosen)
    protocol.check(start.atomic_numbers)
    display = SimulationDisplay(protocol, out)
    found = finished(out, Settings.of(driver, start, protocol))
    if found is not None:
        display.say(f"This simulation is already finished in {out}; nothing was done.")
        display.finish(found)
        return
    for note in notes + driver.notes:
        display.say(f"Note: {note}")

    def provenance() -> dict[str, Any]:
        names = {"potential": potential, "structure": str(structure)}
        return {**names, **watch.provenance(chosen)}

    # Sums split over several threads round differently from run to run; numbers below 1.2e-38 are
    # slow and change nothing.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    kept = "The same command continues from here."
    with ends_quietly(display, kept), display, between_steps() as interrupted:

        def on_step(done: int, total: int, alive: int) -> None:
            display.update(done, total, alive)
            if interrupted():
                raise KeyboardInterrupt

        found = simulate(out, start, driver, protocol, provenance, on_step)
    display.finish(found)


def _equilibration(out: Path, time: float) -> float:
    """Return the default: that of the simulation in ``out``, or else a fifth, at most 1 ps."""
    from tlbench.md.folder import held_equilibration

    held = held_equilibration(out)
    return min(1.0, time / 5) if held is None or held >= time else held


def _protocol(**options: float) -> "Protocol":
    """Return the protocol, or say in terms of the options what is wrong with it."""
    from pydantic import ValidationError

    from tlbench.base.errors import InputError
    from tlbench.md.protocol import Protocol

    try:
        return Protocol.model_validate({FIELDS[name]: value for name, value in options.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        if first["loc"]:
            said = f"{first['loc'][0]} {first['input']:g}: {said}"
        for option, field in FIELDS.items():
            said = re.sub(rf"\b{field}\b", f"--{option}", said)
        raise InputError(f"{said}.") from error
