"""Properties of a backbone as an object: output, inputs, elements, weights, configuration."""

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER
from tlbench.models.contract.clause import clause
from tlbench.models.contract.prediction import (
    OTHERS,
    SOURCE,
    TARGET,
    difference,
    forces,
    graph,
    isolated,
    molecule,
    predict,
    random_potential,
    rattled,
    registered,
)
from tlbench.models.parameters import copy_element, stages_of
from tlbench.models.potential import Potential, load_potential


@clause("returns one finite energy per atom, shape (n_atoms,), in the precision of its weights")
def output(potential: Potential) -> float:
    """0 if the output is one finite energy per atom in the weights' precision, else infinity."""
    batch = graph(potential, rattled(potential.cutoff), molecule(potential.cutoff))
    found = potential.backbone(batch)
    right = found.shape == (batch.n_atoms,) and found.dtype == potential.dtype
    return 0.0 if right and bool(found.isfinite().all()) else float("inf")


@clause("puts forces on the atoms of a crystal without symmetry", 1.0, 1.0)
def responsiveness(potential: Potential) -> float:
    """1e-6 eV/Å over the rms force on a crystal without symmetry; above 1 the net is dead."""
    scale = predict(potential, rattled(potential.cutoff)).force_scale
    return float(np.float64(1e-6) / scale) if scale else float("inf")


@clause("gives an atom without neighbours a finite energy and no force", 1e-10, 1e-5)
def isolated_atom(potential: Potential) -> float:
    """Compare lone atoms with each other, with one out of reach and with one in a batch.

    The largest force on them or difference of their energies, relative to the scales of a
    crystal.
    """
    scale = predict(potential, rattled(potential.cutoff))
    alone = predict(potential, isolated())
    apart = isolated()
    apart.positions += 3 * potential.cutoff
    pair = predict(potential, isolated() + apart)
    batch = predict(potential, rattled(potential.cutoff), isolated())
    pulls = [alone.forces, pair.forces, batch.forces[-1:]]
    shifts = [pair.energies - alone.energies, batch.energies[-1:] - alone.energies]
    return float(
        np.maximum(
            np.abs(np.concatenate(pulls)).max() / np.float64(scale.force_scale),
            np.abs(np.concatenate(shifts)).max() / np.float64(scale.energy_scale),
        )
    )


@clause("changes neither its input nor its own tensors when called")
def unchanged_inputs(potential: Potential) -> float:
    """Count the tensors of the graph, the weights and the buffers that a call changes."""
    trial = copy.deepcopy(potential)
    batch = graph(trial, rattled(trial.cutoff), molecule(trial.cutoff))

    def tensors() -> dict[str, torch.Tensor]:
        buffers = {f"buffer {name}": b for name, b in trial.backbone.named_buffers()}
        inputs = {name: t for name, t in vars(batch).items() if isinstance(t, torch.Tensor)}
        return {**inputs, **dict(trial.backbone.named_parameters()), **buffers}

    before = {name: tensor.detach().clone() for name, tensor in tensors().items()}
    with torch.no_grad():
        trial.backbone(batch)
    after = tensors()
    return float(sum(not torch.equal(before[name], after[name]) for name in before))


@clause("gives different forces to different elements", 1.0, 1.0)
def elements_differ(potential: Potential) -> float:
    """0.001 over the relative difference of the forces on the same crystal of two elements."""
    source, target = rattled(potential.cutoff), rattled(potential.cutoff)
    source.numbers[:], target.numbers[:] = SOURCE, TARGET
    before = forces(potential, source)
    gap = np.linalg.norm(forces(potential, target) - before) / np.linalg.norm(before)
    return float(np.float64(1e-3) / gap) if gap else float("inf")


@clause("names only tensors with an entry per element in element_parameters")
def element_axes(potential: Potential) -> float:
    """Count the names in ``element_parameters`` that are not tensors with such an axis."""
    backbone = potential.backbone
    tensors = {**dict(backbone.named_parameters()), **dict(backbone.named_buffers())}
    wrong = 0
    for name, axis in backbone.element_parameters().items():
        shape = tensors[name].shape if name in tensors else ()
        wrong += not (0 <= axis < len(shape) and shape[axis] == MAX_ATOMIC_NUMBER + 1)
    return float(wrong)


@clause("tells no stages, or has every parameter in exactly one, from embedding to head")
def stages(potential: Potential) -> float:
    """0 if every parameter is in exactly one stage, or no stages are known; else infinity."""
    try:
        if potential.backbone.stages():
            stages_of(potential.backbone)
    except InputError:
        return float("inf")
    return 0.0


@clause(
    "predicts the same for all elements once the entries of one are copied to the others",
    1e-12,
    1e-6,
)
def element_copy(potential: Potential) -> float:
    """Largest relative difference between elements once one is copied to the others.

    Of crystals of source atoms, target atoms and four elements, which then have to be the same.
    """
    trial = copy.deepcopy(potential)
    copy_element(trial.backbone, dict.fromkeys((TARGET, *OTHERS), SOURCE), [SOURCE])
    source, mixed, target = (rattled(potential.cutoff) for _ in range(3))
    source.numbers[:], target.numbers[:] = SOURCE, TARGET
    expected = predict(potential, source)
    found = [difference(predict(trial, atoms), expected) for atoms in (source, mixed, target)]
    return float(np.max(found))


@clause(
    "predicts the same when two elements exchange both their atoms and their entries", 1e-12, 1e-6
)
def element_exchange(potential: Potential) -> float:
    """Exchange two elements in a structure of four, and what the network holds of the two."""
    trial = copy.deepcopy(potential)
    copy_element(trial.backbone, {SOURCE: TARGET, TARGET: SOURCE}, [SOURCE, TARGET])
    atoms = rattled(potential.cutoff)
    exchanged = atoms.copy()
    exchanged.numbers[atoms.numbers == SOURCE] = TARGET
    exchanged.numbers[atoms.numbers == TARGET] = SOURCE
    return difference(predict(trial, exchanged), predict(potential, atoms))


@clause("draws its weights from torch's global generator and from nothing else")
def seeding(potential: Potential) -> float:
    """Largest difference of weights from the same seed; infinity if another changes nothing."""
    config, dtype = potential.backbone.config, potential.dtype
    first, again, other = (
        random_potential(config, dtype, seed).backbone.state_dict() for seed in (1, 1, 2)
    )
    if all(torch.equal(first[name], other[name]) for name in first):
        return float("inf")
    # Some libraries keep tensors without entries.
    filled = [name for name in first if first[name].numel()]
    return max(float((first[name] - again[name]).abs().max()) for name in filled)


@clause("has a frozen configuration that survives JSON and refuses unknown keys")
def configuration(potential: Potential) -> float:
    """Count the broken promises of the configuration.

    It returns from JSON as it was, refuses unknown keys, and cannot be changed.
    """
    config = potential.backbone.config
    model = type(config)
    broken = int(model.model_validate_json(config.model_dump_json()) != config)
    values = json.loads(config.model_dump_json())
    try:
        model.model_validate({**values, "no_such_key": 1})
        broken += 1
    except ValidationError:
        pass
    try:
        config.cutoff = 2 * config.cutoff  # type: ignore[misc]  # which is what must fail
        broken += 1
    except ValidationError:
        pass
    return float(broken)


@clause("predicts the same after being saved and loaded", 1e-12, 1e-6)
def saving(potential: Potential) -> float:
    """Relative difference of predictions after saving and loading, in the same precision.

    Only sums taken in another order, by several threads, excuse any.
    """
    structures = [rattled(potential.cutoff), molecule(potential.cutoff)]
    with TemporaryDirectory() as folder, registered(potential.name, potential.backbone.config):
        path = Path(folder) / "potential.safetensors"
        potential.save(path)
        loaded = load_potential(path, str(potential.device))
    if loaded.dtype != potential.dtype:
        return float("inf")
    return difference(predict(loaded, *structures), predict(potential, *structures))
