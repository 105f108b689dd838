"""``tlbench properties``: what a potential says about a crystal."""

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.base.writing import writing

if TYPE_CHECKING:
    from tlbench.cli.live import LiveDisplay
    from tlbench.properties.spec import Computed, Settings, Subject


def properties(
    potential: Annotated[
        str,
        typer.Argument(
            help="File of a trained potential (tlbench models RUN lists them), "
            "stillinger-weber:Si, the name of a published potential such as sevennet-0, or any ase "
            "calculator as module:object."
        ),
    ],
    element: Annotated[
        list[str], typer.Option(help="Symbol; twice for a prototype of two elements.")
    ],
    prototype: Annotated[
        str | None,
        typer.Option(
            help="Crystal: diamond, fcc, bcc, hcp, sc; zincblende, rocksalt, cesiumchloride.",
            show_default="that of the element in nature",
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Properties (tlbench ls properties), separated by commas.",
            show_default="all",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting of a property (tlbench show property elastic), e.g. "
            "elastic.strain=0.001; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for properties.json and the figures.")
    ] = None,
    cutoff: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=50,
            help="How far a calculator reaches that does not say it, Å.",
            show_default="6",
        ),
    ] = None,
) -> None:
    """Compute physical properties of a crystal with POTENTIAL.

    A property that the potential fails at (the cell collapses, a relaxation
    runs away, the dimer has no minimum) is listed with what happened, and so
    is a crystal that is elastically unstable or gains energy by defects.
    """
    from tlbench.base.errors import InputError
    from tlbench.cli.live import LiveDisplay
    from tlbench.properties import PROPERTIES, check_packages
    from tlbench.properties.crystals import crystal, ground_state, prototype_of
    from tlbench.properties.spec import Subject
    from tlbench.transfer.potentials.calculators import load_named

    elements = _elements(element)
    prototype = prototype or ground_state(elements)
    if prototype is None:
        raise InputError(
            f"{'–'.join(elements)} has no usual crystal among the prototypes; name one with "
            "--prototype."
        )
    prototype = prototype_of(prototype, elements)
    atoms = crystal(prototype, elements)
    asked = [name.strip() for name in only.split(",")] if only is not None else None
    names = PROPERTIES.names() if asked is None else list(dict.fromkeys(asked))
    check_packages(names)
    of_property = _settings(settings, names)
    if out is not None:
        # Refused before anything is computed.
        with writing(out, "choose another folder with --out"):
            out.mkdir(parents=True, exist_ok=True)
    named = load_named(potential, elements, cutoff)
    subject = Subject(
        lambda: _WithOneSentence(potential, named.calculator()), atoms, prototype, named.cutoff
    )
    _probe(potential, subject)
    with LiveDisplay() as display, warnings.catch_warnings():
        # It is among the notes.
        warnings.filterwarnings("ignore", ".*energies are known up to a constant only")
        for note in named.notes:
            display.say(f"Note: {note}")
        found = {}
        for name in names:
            try:
                found[name] = _computed(name, subject, of_property[name], display)
            except InputError as error:
                if asked is not None:
                    raise
                display.say(f"Note: {error}")
    _show(found, display)
    if out is not None:
        _write(out, potential, prototype, elements, of_property, found)
        display.say(f"Written: {out}/properties.json and figures beside it.")


def _elements(symbols: Sequence[str]) -> list[str]:
    from ase.data import chemical_symbols

    from tlbench.base.errors import InputError
    from tlbench.base.registry import near_names

    for symbol in symbols:
        if symbol not in chemical_symbols[1:]:
            near = near_names(symbol, chemical_symbols[1:])
            raise InputError(f"--element {symbol}: is not the symbol of an element; {near}")
    return list(dict.fromkeys(symbols))


def _settings(texts: list[str] | None, names: Sequence[str]) -> "dict[str, Settings]":
    """Return the settings of each of the properties ``names``, changed as ``--set`` says.

    Raises
    ------
    InputError
        If it names what is not computed, or a setting that does not exist or is not possible.
    """
    from tlbench.base.errors import InputError
    from tlbench.base.registry import near_names
    from tlbench.base.schema import assign, validate
    from tlbench.cli.options import settings_of
    from tlbench.properties import PROPERTIES

    given: dict[str, Any] = {name: {} for name in names}
    for key, text in settings_of(texts, example="elastic.strain=0.001"):
        name, _, setting = key.partition(".")
        if name not in given:
            raise InputError(
                f"--set {key}: {name!r} is not a property that is computed; "
                f"{near_names(name, names)}"
            )
        if not setting:
            raise InputError(f"--set {key}: name a setting of the property, as {name}.SETTING.")
        assign(given, key, text)
    return {
        name: validate(PROPERTIES.get(name).settings, given[name], "--set", within=(name,))
        for name in names
    }


class _WithOneSentence:
    """A calculator whose own exceptions become `TlbenchError`: whose they are is known only here.

    What properties and optimizers of ase expect passes: failures (`NotFiniteError`,
    `CalculationFailed`), and that there is no free energy.
    """

    def __init__(self, potential: str, calculator: Any) -> None:
        self._potential, self._calculator = potential, calculator

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._calculator, name)
        return partial(self._call, found) if name.startswith("get_") else found

    def _call(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        from ase import Atoms
        from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError

        from tlbench.base.errors import TlbenchError

        try:
            return method(*arguments, **options)
        except (TlbenchError, CalculationFailed, PropertyNotImplementedError):
            raise
        except Exception as error:  # each calculator has its own
            atoms = next((each for each in arguments if isinstance(each, Atoms)), None)
            of = "" if atoms is None else f" of {atoms.symbols}"
            if atoms is not None and not atoms.pbc.any():
                of += " in vacuum"
            raise TlbenchError(
                f"{self._potential} gives no energy, forces and stress{of} "
                f"({type(error).__name__}: {_in_a_line(error)}); choose elements that it knows, or "
                "properties that it can compute (--only)."
            ) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or "no more is known"


def _probe(potential: str, subject: "Subject") -> None:
    """Refuse a potential that cannot compute the crystal at all.

    Raises
    ------
    TlbenchError
        With what its calculator says.
    """
    from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError

    from tlbench.base.errors import InputError, NotFiniteError

    atoms = subject.crystal.copy()
    atoms.calc = subject.calculator()
    try:
        atoms.get_potential_energy()
        atoms.get_forces()
        atoms.get_stress()
    except (NotFiniteError, CalculationFailed):
        # That is a failure of the properties.
        return
    except PropertyNotImplementedError as error:
        raise InputError(
            f"{potential} does not compute all of energy, forces and stress "
            f"({_in_a_line(error)}); choose a potential that does."
        ) from error


def _computed(
    name: str, subject: "Subject", settings: "Settings", display: "LiveDisplay"
) -> "tuple[Computed, float]":
    """Return a property, and the processor time it took, s."""
    from tlbench.properties import PROPERTIES
    from tlbench.properties.stability import instabilities

    asked = PROPERTIES.get(name)
    began = time.process_time()
    found = asked.compute(
        subject, settings, lambda done, total: display.show(f"{name}: {done} of {total}")
    )
    seconds = time.process_time() - began
    failed = sum(value.failure is not None for value in found.values)
    failed += len(instabilities(found.values))
    display.say(f"{name}: {seconds:.1f} s" + (f", {failed} values failed" if failed else ""))
    return found, seconds


def _show(found: "dict[str, tuple[Computed, float]]", display: "LiveDisplay") -> None:
    from tlbench.cli.tables import drawn
    from tlbench.properties import PROPERTIES
    from tlbench.properties.stability import instabilities

    lines = [["quantity", "of", "value", "unit"]]
    for name, (computed, _) in found.items():
        quantities = {each.name: each for each in PROPERTIES.get(name).quantities}
        unstable = instabilities(computed.values)
        for value in computed.values:
            quantity = quantities[value.quantity]
            condition = " ".join(
                f"{each:g}" if isinstance(each, float) else each
                for each in value.condition.values()
            )
            number = f"{value.value:.{quantity.decimals}f}" if value.value is not None else "failed"
            unit = quantity.unit.replace("1", "") if value.failure is None else value.failure
            if reason := unstable.get(value.place):
                unit += f": failed, {reason}"
            lines.append([quantity.name, condition, number, unit])
    display.console.print(drawn(lines, min(display.console.width, 80), words=(0, 1, 3)))


def _write(
    out: Path,
    potential: str,
    prototype: str,
    elements: list[str],
    settings: "dict[str, Settings]",
    found: "dict[str, tuple[Computed, float]]",
) -> None:
    """Write properties.json, and a page for each kind of curve."""
    import json
    from itertools import groupby

    from tlbench.base.files import write_whole
    from tlbench.properties.stability import instabilities
    from tlbench.report.properties.curves import title_of
    from tlbench.report.properties.figures import property_curves

    def plain(some: Sequence[Any]) -> list[dict[str, Any]]:
        return [each.model_dump(mode="json") for each in some]

    content = {
        "potential": potential,
        "prototype": prototype,
        "elements": elements,
        "properties": {
            name: {
                "settings": settings[name].model_dump(mode="json"),
                "cpu_seconds": round(seconds, 2),
                "values": plain(computed.values),
                "unstable": list(dict.fromkeys(instabilities(computed.values).values())),
                "curves": plain(computed.curves),
            }
            for name, (computed, seconds) in found.items()
        },
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_whole(out / "properties.json", text)
    for computed, _ in found.values():
        for name, curves in groupby(computed.curves, lambda curve: curve.name):
            some = [curve for curve in curves if curve.x]
            if some:
                crystal = f"{prototype} {'–'.join(elements)}"
                title = f"{title_of(name)} of {crystal}, {Path(potential).name}"
                property_curves(some, title).write_html(
                    out / f"{name.replace(' ', '-')}.html", include_plotlyjs="directory"
                )
