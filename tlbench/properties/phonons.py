r"""Phonons: the frequencies at which a crystal vibrates, by finite displacements.

phonopy displaces the atoms that differ by symmetry by 0.01 Å in a supercell, and turns the forces
into force constants, to which symmetry and the acoustic sum rule apply. Negative frequencies stand
for imaginary ones, as is usual. The splitting of longitudinal and transverse optical modes by the
long-ranged field of polar crystals is left out.

*Errors.* Bands of two potentials cross, so that frequencies at one wave vector can be compared in
order only. Two quantities are: the frequencies at the wave vectors that equal their opposite (Γ, X
and L of fcc lattices; Γ, H, N of bcc; Γ, X, M, R of sc; Γ, M, A, L of hcp), and the frequencies
ω(s) below which a share s of all modes lies, s = 0.05, 0.15, …, 0.95. The mean absolute difference
of the latter is, by the midpoint rule, the Wasserstein distance of two densities of states,
:math:`W_1 = \int_0^1 |ω(s) − ω_\mathrm{ref}(s)| \, ds`, in THz.

*Size of the supercell.* It has an even number of primitive cells along each axis, with faces at
least `width` apart. Its wave vectors include those named above, so their frequencies do not depend
on its size; others are interpolated.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tlbench.properties.crystals import relaxed
from tlbench.properties.evaluation import Floats, finite, value_of
from tlbench.properties.spec import (
    Computed,
    Condition,
    Curve,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
    Value,
)

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

SHARES = tuple(round(0.05 + 0.1 * step, 2) for step in range(10))
"""Shares of the modes whose frequencies are values."""

IMAGINARY = -0.05
"""Frequency below which a mode is imaginary, THz. Noise makes acoustic modes near Γ negative."""

DISPLACEMENT = 0.02
"""Distance by which an atom is displaced, Å."""


class PhononSettings(Settings):
    """Settings of phonons.

    Attributes
    ----------
    width
        Distance of opposite faces of the supercell at least, Å.
    mesh
        Wave vectors along each reciprocal axis for the density of states.
    path_points
        Wave vectors of the band structure.
    """

    width: float = Field(default=12.0, gt=0, le=100)
    mesh: int = Field(default=20, ge=2, le=100)
    path_points: int = Field(default=200, ge=10, le=2000)


def compute(subject: Subject, settings: PhononSettings, report: Report) -> Computed:
    """Compute the phonons."""
    primitive = _primitive(subject.crystal)
    special, n_branches = points(primitive.cell), 3 * len(primitive)
    crystal = relaxed(subject)
    phonons = (
        crystal
        if isinstance(crystal, str)
        else force_constants(crystal, settings.width, report) or "the forces are not finite"
    )
    if isinstance(phonons, str):
        failed: list[float | str] = [phonons]
        none = [failed * n_branches] * len(special)
        return Computed(_values(special, none, failed * len(SHARES), phonons))
    at_points = _at(phonons, np.array(list(special.values()))).tolist()
    frequencies, weights = _on_mesh(phonons, settings.mesh)
    shares = quantiles(frequencies, weights)
    imaginary = float(100 * np.average(frequencies < IMAGINARY, weights=weights))
    return Computed(
        _values(special, at_points, shares.tolist(), imaginary),
        [*_bands(phonons, settings.path_points), _density_of_states(phonons)],
    )


def force_constants(crystal: "Atoms", width: float, report: Report) -> "Phonopy | None":
    """Return the phonons of a relaxed crystal, None if forces are not finite.

    Parameters
    ----------
    crystal
        A relaxed cell, primitive or not, with its calculator.
    width
        See `PhononSettings`.
    """
    from ase import Atoms
    from phonopy import Phonopy

    primitive = _primitive(crystal)
    heights = 1 / np.linalg.norm(np.linalg.inv(primitive.cell), axis=0)
    repeats = 2 * np.ceil(width / heights / 2).astype(int)
    phonons = Phonopy(primitive, np.diag(repeats), primitive_matrix="P")
    phonons.generate_displacements(distance=DISPLACEMENT)
    forces, supercells = [], phonons.supercells_with_displacements or []
    for step, each in enumerate(supercells):
        atoms = Atoms(each.numbers, each.positions, cell=each.cell, pbc=True)
        atoms.calc = crystal.calc
        found = finite(atoms, "forces")
        if found is None:
            return None
        forces.append(found)
        report(step + 1, len(supercells))
    phonons.forces = np.array(forces)
    phonons.produce_force_constants(show_drift=False)
    phonons.symmetrize_force_constants(show_drift=False)
    return phonons


def _primitive(crystal: "Atoms") -> "PhonopyAtoms":
    """Return the primitive cell of a crystal, with the masses of ase."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import guess_primitive_matrix

    cell = PhonopyAtoms(
        numbers=crystal.numbers,
        cell=crystal.cell.array,
        scaled_positions=crystal.get_scaled_positions(),
        masses=crystal.get_masses(),
    )
    return Phonopy(cell, np.eye(3, dtype=int), guess_primitive_matrix(cell)).primitive


def _values(
    names: Iterable[str],
    at_points: list[list[float | str]],
    at_shares: list[float | str],
    imaginary: float | str,
) -> list[Value]:
    """Return frequencies at wave vectors and of shares of the modes, which may be failures."""
    return [
        *(
            _frequency("phonon_frequency", frequency, {"point": name, "branch": branch})
            for name, frequencies in zip(names, at_points, strict=True)
            for branch, frequency in enumerate(frequencies, start=1)
            # The acoustic modes of Γ are translations, of frequency 0.
            if name != "Γ" or branch > 3
        ),
        *(
            _frequency("phonon_dos_frequency", frequency, {"share": share})
            for share, frequency in zip(SHARES, at_shares, strict=True)
        ),
        value_of("imaginary_modes", imaginary),
    ]


def _frequency(quantity: str, found: float | str, condition: Condition) -> Value:
    if isinstance(found, float) and found < IMAGINARY:
        found = f"the mode is imaginary ({-found:.2f}i THz)"
    return value_of(quantity, found, condition)


def _at(phonons: "Phonopy", wave_vectors: Floats) -> Floats:
    """Return the frequencies at wave vectors in order, shape (n, branches), THz."""
    phonons.run_qpoints(wave_vectors)
    found: Any = phonons.qpoints
    return np.sort(found.frequencies, axis=1)


def _on_mesh(phonons: "Phonopy", n: int) -> tuple[Floats, Floats]:
    """Return the frequencies (THz) on a mesh of n × n × n wave vectors and their weights, (modes,).

    The mesh is kept for the density of states.
    """
    phonons.run_mesh([n] * 3, is_gamma_center=True)
    mesh: Any = phonons.mesh
    frequencies = mesh.frequencies
    weights = np.broadcast_to(mesh.weights[:, None], frequencies.shape)
    return frequencies.ravel(), weights.ravel()


def points(cell: Floats) -> dict[str, Floats]:
    """Return the special wave vectors q of a primitive cell that equal −q, in reduced coordinates.

    Names are those of Setyawan & Curtarolo, Comput. Mater. Sci. 49, 299 (2010).
    """
    from ase.cell import Cell

    special = Cell(cell).bandpath(npoints=0).special_points
    return {
        _letter(name): point
        for name, point in sorted(special.items())
        if np.allclose(2 * point, np.round(2 * point))
    }


def quantiles(frequencies: Floats, weights: Floats) -> Floats:
    """Return the frequencies below which `SHARES` of the modes lie; arguments of shape (n,)."""
    order = np.argsort(frequencies)
    below = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    return np.interp(SHARES, below, frequencies[order])


def _letter(name: str) -> str:
    return "Γ" if name == "G" else name


def _bands(phonons: "Phonopy", n_points: int) -> list[Curve]:
    """Return one curve for each branch along the standard path."""
    from ase.cell import Cell

    path = Cell(phonons.primitive.cell).bandpath(npoints=n_points)
    x, corners, names = path.get_linear_kpoint_axis()
    bands = _at(phonons, path.kpts).T
    marks = [(float(at), _letter(name)) for at, name in zip(corners, names, strict=True)]
    return [
        Curve(
            name="phonon_bands",
            condition={"branch": branch},
            x_label="Wave vector",
            y_label="Frequency (THz)",
            x=x.tolist(),
            y=band.tolist(),
            marks=marks,
        )
        for branch, band in enumerate(bands, start=1)
    ]


def _density_of_states(phonons: "Phonopy") -> Curve:
    """Return the density of states on the mesh, by the tetrahedron method."""
    phonons.run_total_dos()
    found: Any = phonons.total_dos
    return Curve(
        name="phonon_dos",
        x_label="Frequency (THz)",
        y_label="Density of states (1/THz per primitive cell)",
        x=found.frequency_points.tolist(),
        y=found.dos.tolist(),
    )


PHONONS = Property(
    name="phonons",
    summary="Phonon frequencies at points of high symmetry, band structure and density of states.",
    literature="A. Togo et al., J. Phys. Condens. Matter 35, 353001 (2023)",
    settings=PhononSettings,
    quantities=(
        Quantity("phonon_frequency", "THz", "Frequencies at wave vectors of high symmetry."),
        Quantity(
            "phonon_dos_frequency", "THz", "Frequencies below which given shares of the modes lie."
        ),
        Quantity("imaginary_modes", "%", "Share of the modes that are imaginary.", compared=False),
    ),
    compute=compute,
)
