"""A potential: a backbone's atomic energies turned into energy, forces and stress."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.files import replacing
from tlbench.base.schema import validate
from tlbench.base.units import GPA
from tlbench.graphs import Graph
from tlbench.kernels.derivatives import scoped
from tlbench.models.backbones import BACKBONES
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.potential_file import DESCRIPTION, potential_path, refusal

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

FORMAT = "1"

SPARE, SMALL = 2, 10_000
"""By how much a network may have more parameters than its file, while it is being built."""


@dataclass(frozen=True)
class Prediction:
    """What a potential says about a batch of structures.

    ``energy`` (n_systems,) eV, ``forces`` (n_atoms, 3) eV/Å, ``stress`` (n_systems, 3, 3) GPa,
    positive in tension, or None if it was not asked for.
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor | None


class Potential(nn.Module):
    """A backbone plus one reference energy per element.

    The reference energy of an element is NaN until it has been fitted; so is then the energy
    of every structure that contains the element, while its forces are unaffected. To evaluate a
    structure use `calculator`, which refuses elements that the potential has never seen.

    Parameters
    ----------
    name
        Registered name of the backbone.
    backbone
        Module that maps a graph to atomic energies.

    Attributes
    ----------
    trained_on
        Data that imported weights were trained on, as stated when they were imported; else None.
    """

    reference_energy: Tensor
    trained_on: str | None = None

    def __init__(self, name: str, backbone: Backbone) -> None:
        super().__init__()
        self.name = name
        self.backbone = backbone
        unknown = torch.full((MAX_ATOMIC_NUMBER + 1,), torch.nan, dtype=torch.float64)
        self.register_buffer("reference_energy", unknown)

    @property
    def cutoff(self) -> float:
        """Cutoff of the backbone, Å."""
        return self.backbone.cutoff

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next(self.backbone.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.backbone.parameters()).device

    def forward(
        self,
        graph: Graph,
        stress: bool = False,
        training: bool = False,
        unfitted: float = math.nan,
    ) -> Prediction:
        """Return energy, forces and, if asked for, stress.

        Forces are F = −∂E/∂x, the stress is σ = (1/V) ∂E/∂ε for x → x(1 + ε).

        Parameters
        ----------
        training
            Keep the graph of the derivatives, so that a loss on forces can be differentiated.
        unfitted
            Stands in for the reference energies that have not been fitted, eV.

        Raises
        ------
        InputError
            If the stress of a structure that is not periodic is asked for.
        """
        if stress and not bool((graph.volume > 0).all()):
            raise InputError("The stress of a structure that is not periodic is not defined.")
        positions = graph.positions.detach().requires_grad_(True)
        inputs = [positions]
        with torch.enable_grad(), scoped(forces_alone=not training) as scope:
            if stress:
                strain = positions.new_zeros((graph.n_systems, 3, 3)).requires_grad_(True)
                inputs.append(strain)
                atom_strain = strain[graph.system]
                moved = positions + (positions.unsqueeze(1) @ atom_strain).squeeze(1)
                edge_strain = atom_strain[graph.edge_index[0]]
                shift = graph.edge_shift
                shift = shift + (shift.unsqueeze(1) @ edge_strain).squeeze(1)
                graph = graph.at(moved, shift)
            else:
                graph = graph.at(positions)
            atom_energy = self.backbone(graph)
            if atom_energy.shape != (graph.n_atoms,):
                raise self._broken(
                    f"returns energies of shape {tuple(atom_energy.shape)} instead of one per "
                    f"atom, ({graph.n_atoms},)"
                )
            with scope.backward_for("coordinates"):
                gradients = torch.autograd.grad(
                    atom_energy,
                    inputs,
                    torch.ones_like(atom_energy),
                    create_graph=training,
                    allow_unused=True,
                )
        # A structure without any edge has no gradient at all.
        found = [
            torch.zeros_like(x) if g is None else g for x, g in zip(inputs, gradients, strict=True)
        ]
        atom_energy = atom_energy if training else atom_energy.detach()
        reference = self.reference_energy[graph.atomic_numbers].nan_to_num(unfitted)
        total = torch.zeros(graph.n_systems, dtype=torch.float64, device=reference.device)
        energy = total.index_add(0, graph.system, atom_energy.to(torch.float64) + reference)
        virial = found[1] / graph.volume.view(-1, 1, 1) * GPA if stress else None
        return Prediction(energy, -found[0], virial)

    def check_finite(self, graph: Graph) -> None:
        """Refuse a network whose energies or forces are not numbers.

        Raises
        ------
        TlbenchError
            Naming the backbone.
        """
        forces = self(graph).forces
        with torch.no_grad():
            energies = self.backbone(graph)
        if not bool(forces.isfinite().all() and energies.isfinite().all()):
            raise self._broken("gives energies or forces that are not finite before any training")

    def _broken(self, what: str) -> TlbenchError:
        return TlbenchError(
            f"The backbone {self.name!r} {what}; tlbench check-backbone {self.name} says what else "
            "it should do."
        )

    def calculator(self) -> "Calculator":
        """Return an ``ase`` calculator of this potential."""
        from tlbench.models.calculator import PotentialCalculator

        return PotentialCalculator(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights and description to a ``.safetensors`` file."""
        description = {
            "format": FORMAT,
            "backbone": self.name,
            "config": self.backbone.config.model_dump_json(),
            "dtype": str(self.dtype).removeprefix("torch."),
        }
        if self.trained_on is not None:
            description["trained_on"] = self.trained_on
        tensors = {name: tensor.cpu() for name, tensor in tensors_of(self).items()}
        content = save(tensors, metadata={DESCRIPTION: json.dumps(description)})
        # Nobody but its owner may read what safetensors writes itself. Not in its place: the file
        # may be the one that these weights are still read from.
        with replacing(Path(path)) as part:
            part.write_bytes(content)


def load_potential(path: str | PathLike[str], device: str = "cpu") -> Potential:
    """Read a potential written by ``Potential.save``, such as that of a training job.

    >>> atoms.calc = load_potential("potential.safetensors").calculator()

    Raises
    ------
    InputError
        If the file is missing or is not such a potential, or the device cannot be used.
    TypeError
        If ``path`` is not a path.
    """
    path = potential_path(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            written = (file.metadata() or {}).get(DESCRIPTION)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(refusal(path, str(error))) from error
    if written is None:
        raise InputError(refusal(path, "another program has written it"))
    try:
        metadata: dict[str, Any] = json.loads(written)
        if metadata["format"] != FORMAT:
            raise InputError(f"{path}: was written by another version of tlbench.")
        config = json.loads(metadata["config"])
        dtype = {"float32": torch.float32, "float64": torch.float64}[metadata["dtype"]]
        name = str(metadata["backbone"])
        trained_on = None if (text := metadata.get("trained_on")) is None else str(text)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(refusal(path, f"its description is damaged: {error}")) from error
    _check_numbers(path, tensors)
    try:
        potential = _built_from(name, config, dtype, tensors)
    except TlbenchError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: its weights do not fit the backbone {name!r}.") from error
    potential.trained_on = trained_on
    try:
        return potential.to(device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"The device {device!r} cannot be used here ({reason}).") from error


def _built_from(
    name: str, config: dict[str, Any], dtype: torch.dtype, tensors: dict[str, Tensor]
) -> Potential:
    # The weights drawn here are replaced, so they must not advance the caller's random stream.
    with torch.random.fork_rng(devices=[]), at_most(sum(t.numel() for t in tensors.values())):
        potential = build_potential(name, config, dtype)
    set_tensors(potential, tensors)
    return potential


def _check_numbers(path: Path, tensors: dict[str, Tensor]) -> None:
    """Refuse weights that are not finite; a reference energy may be unknown."""
    for name, tensor in tensors.items():
        unusable = tensor.isinf() if name == "reference_energy" else ~tensor.isfinite()
        if unusable.any():
            raise InputError(f"{path}: the weights {name!r} are not all finite; train it again.")


@contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Stop building a network that has far more parameters than there are ``numbers``.

    A description of a few bytes can ask for a million layers. Parameters that a network makes and
    then replaces are counted, too, so there is room for some.
    """
    made = 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal made
        made += 0 if parameter is None else parameter.numel()
        if made > SPARE * (numbers + SMALL):
            raise InputError(
                f"its weights do not fit: it has {numbers:,} numbers, and its description asks "
                "for far more."
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def in_precision(potential: Potential, dtype: torch.dtype) -> Potential:
    """Return the potential with weights in ``dtype``: itself if they are, otherwise a copy.

    The copy is built anew, so that constants which are not among the weights are exact in
    ``dtype`` instead of rounded twice.
    """
    if potential.dtype == dtype:
        return potential
    config = potential.backbone.config.model_dump(mode="json")
    copy = _built_from(potential.name, config, dtype, tensors_of(potential))
    copy.trained_on = potential.trained_on
    return copy.to(potential.device)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return every tensor of the module's state once, also if several names share it."""
    seen: set[int] = set()
    unique = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            unique[name] = tensor.detach().contiguous()
    return unique


def set_tensors(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give the module the state that ``tensors_of`` returned.

    Raises
    ------
    KeyError
        If a name is missing or unknown.
    RuntimeError
        If a shape differs.
    """
    own = tensors_of(module)
    if own.keys() != tensors.keys():
        raise KeyError(*sorted(own.keys() ^ tensors.keys())[:1])
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise RuntimeError(f"{name} has shape {tuple(tensors[name].shape)}")
    module.load_state_dict(tensors, strict=False)


def build_potential(
    name: str, config: dict[str, Any], dtype: torch.dtype = torch.float32
) -> Potential:
    """Return a new potential with random weights drawn from torch's global generator.

    Raises
    ------
    UnknownNameError
        If no backbone is called ``name``.
    InputError
        If ``config`` is not a configuration of it.
    """
    checked = validate(BACKBONES.get(name), config, f"the configuration of backbone {name!r}")
    # Constants that are not saved are rounded to the default dtype, so that must not depend
    # on the caller.
    caller_dtype = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        backbone = checked.build()
    except TlbenchError:
        raise
    except Exception as error:  # whatever third-party code may raise
        raise TlbenchError(
            f"The backbone {name!r} cannot be built: {type(error).__name__}: "
            f"{next(iter(str(error).splitlines()), '')[:200]}"
        ) from error
    finally:
        torch.set_default_dtype(caller_dtype)
    if not isinstance(backbone, Backbone):
        raise TlbenchError(
            f"The backbone {name!r} builds a {type(backbone).__name__}, which is not a subclass of "
            "tlbench.models.backbones.base.Backbone."
        )
    return Potential(name, backbone.to(dtype))
