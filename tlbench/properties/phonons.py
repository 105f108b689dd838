r"""Phonons: the frequencies at which a crystal vibrates, by finite displacements.

phonopy displaces the atoms that differ by symmetry by 0.01 Å in a supercell, and turns the forces
into force constants, to which the symmetry of the crystal and the acoustic sum rule apply. A
negative frequency stands for an imaginary one, as is usual. The splitting of longitudinal and
transverse optical modes by the long-ranged field of polar crystals is left out.

*Errors.* Bands of two potentials cross differently, so frequencies can be compared only in order.
Compared are those at the wave vectors that equal their opposite (Γ, X and L of fcc lattices; Γ, H
and N of bcc; Γ, M, R and X of sc; Γ, A, L and M of hcp), and densities of states, by their
Wasserstein distance

.. math::

    W_1 = \int_0^1 |ω(s) − ω_\mathrm{ref}(s)| \, ds,

where a share s of all modes lies below the frequency ω(s): the mean absolute error of the
frequencies of the density of states. The midpoint rule takes it from s = 0.05, 0.15, …, 0.95. A
frequency that is imaginary is a failure.

*Size of the supercell.* It has an even number of primitive cells along each axis, and opposite
faces at least `width` apart. Its own wave vectors include those named above, whose frequencies
therefore do not depend on its size; others are interpolated. The densities of states of the
following differ from those of a supercell with a width of 24 Å by W_1, in THz:

===========================================  ======  =======  =======
width                                        6 Å     12 Å     18 Å
===========================================  ======  =======  =======
Stillinger–Weber silicon                     0.119   0.000    0.000
DimeNet++ of DFT silicon, cutoff 4.3 Å       0.276   0.014    0.000
DimeNet++ of DFT germanium, cutoff 4.3 Å     0.044   0.001    0.000
===========================================  ======  =======  =======

From 20 × 20 × 20 wave vectors to 80 × 80 × 80, that of Stillinger–Weber silicon changes by 0.008
THz.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tlbench.properties.crystals import relaxed
from tlbench.properties.evaluation import Floats, value_of
from tlbench.properties.force_constants import force_constants, primitive_cell
from tlbench.properties.spec import (
    Agreement,
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
    from phonopy import Phonopy

FREQUENCY, SHARE_FREQUENCY = "phonon_frequency", "phonon_share_frequency"
IMAGINARY_MODES = "imaginary_modes"

SHARES = tuple(round(0.05 + 0.1 * step, 2) for step in range(10))
"""Shares of the modes whose frequencies are values."""

N_TRANSLATIONS = 3
"""Modes of Γ in which the whole crystal moves, of frequency 0, which are left out."""

IMAGINARY = -0.05
"""Frequency below which a mode is imaginary, THz. Noise makes acoustic modes near Γ negative."""

NO_SPREAD = "all frequencies are 0: no force acts on displaced atoms"


class PhononSettings(Settings):
    """How far force constants reach, and how finely wave vectors are sampled."""

    width: float = Field(
        default=12.0, gt=0, le=50, description="distance of faces of the supercell at least, Å"
    )
    mesh: int = Field(
        default=20,
        ge=2,
        le=100,
        description="wave vectors along each axis, for the density of states",
    )
    path_points: int = Field(
        default=200, ge=10, le=2000, description="wave vectors of the band structure"
    )


def compute(subject: Subject, settings: PhononSettings, report: Report) -> Computed:
    """Compute the phonons."""
    primitive = primitive_cell(subject.crystal)
    special = points(primitive.cell)
    crystal = relaxed(subject)
    phonons = (
        crystal
        if isinstance(crystal, str)
        else force_constants(crystal, settings.width, report) or "the forces are not finite"
    )
    if not isinstance(phonons, str):
        frequencies, weights = _on_mesh(phonons, settings.mesh)
        if np.ptp(frequencies) < -IMAGINARY:
            phonons = NO_SPREAD
    if isinstance(phonons, str):
        failed: list[float | str] = [phonons]
        none = [failed * 3 * len(primitive)] * len(special)
        return Computed(_values(special, none, failed * len(SHARES), phonons))
    at_points = [
        _translations_first(frequencies) if name == "Γ" else frequencies
        for name, frequencies in zip(
            special, _at(phonons, np.array(list(special.values()))), strict=True
        )
    ]
    shares = quantiles(frequencies, weights)
    imaginary = float(np.average(frequencies < IMAGINARY, weights=weights))
    return Computed(
        _values(special, [each.tolist() for each in at_points], shares.tolist(), imaginary),
        [
            *_bands(phonons, settings.path_points),
            _density_of_states(phonons, None if imaginary else 0.0),
        ],
    )


def _values(
    names: Iterable[str],
    at_points: list[list[float | str]],
    at_shares: list[float | str],
    imaginary: float | str,
) -> list[Value]:
    """Return frequencies at wave vectors and of shares of the modes, which may be failures."""
    return [
        *(
            _frequency(FREQUENCY, frequency, {"point": name, "branch": branch})
            for name, frequencies in zip(names, at_points, strict=True)
            for branch, frequency in enumerate(frequencies, start=1)
            if name != "Γ" or branch > N_TRANSLATIONS
        ),
        *(
            _frequency(SHARE_FREQUENCY, frequency, {"share": share})
            for share, frequency in zip(SHARES, at_shares, strict=True)
        ),
        value_of(IMAGINARY_MODES, imaginary),
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


def _translations_first(frequencies: Floats) -> Floats:
    """Return the frequencies of Γ, in THz, in order after those of the three translations, 0."""
    by_size = frequencies[np.argsort(np.abs(frequencies))]
    return np.concatenate([by_size[:N_TRANSLATIONS], np.sort(by_size[N_TRANSLATIONS:])])


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
        for name, point in sorted(special.items(), key=lambda item: (item[0] != "G", item[0]))
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
    # The length of the path depends on that of the cell: its ends are 0 and 1 for all potentials.
    marks: dict[float, list[str]] = {}
    for corner, name in zip((corners / x[-1]).tolist(), names, strict=True):
        marks.setdefault(corner, []).append(_letter(name))
    return [
        Curve(
            name="phonon_bands",
            condition={"branch": branch},
            x_label="wave vector",
            y_label="frequency (THz)",
            x=(x / x[-1]).tolist(),
            y=band.tolist(),
            marks=[(corner, "|".join(names)) for corner, names in marks.items()],
        )
        for branch, band in enumerate(bands, start=1)
    ]


def _density_of_states(phonons: "Phonopy", lowest: float | None) -> Curve:
    """Return the density of states on the mesh from a frequency, by the tetrahedron method."""
    phonons.run_total_dos(freq_min=lowest)
    found: Any = phonons.total_dos
    return Curve(
        name="phonon_dos",
        x_label="frequency (THz)",
        y_label="density of states (1/THz per primitive cell)",
        x=found.frequency_points.tolist(),
        y=found.dos.tolist(),
    )


def density_of_states_error(values: Sequence[Value], reference: Sequence[Value]) -> float:
    """Return the Wasserstein distance of two densities of states, THz.

    Shares of modes whose frequency has failed in either are left out; NaN if all have.
    """
    found, wanted = (
        {
            each.condition["share"]: each.value
            for each in some
            if each.quantity == SHARE_FREQUENCY and each.value is not None
        }
        for some in (values, reference)
    )
    errors = [
        abs(found[each] - wanted[each]) for each in SHARES if each in found and each in wanted
    ]
    return float(np.mean(errors)) if errors else math.nan


PHONONS = Property(
    name="phonons",
    summary="phonon frequencies, band structure and density of states",
    literature="A. Togo et al., J. Phys. Condens. Matter 35, 353001 (2023)",
    settings=PhononSettings,
    quantities=(
        Quantity(FREQUENCY, "THz", "phonon frequencies at wave vectors of high symmetry"),
        Quantity(
            SHARE_FREQUENCY,
            "THz",
            "frequency below which a share of the phonon modes lies",
            compared=False,
        ),
        Quantity(IMAGINARY_MODES, "1", "share of imaginary phonon modes", 3, compared=False),
    ),
    compute=compute,
    agreements=(
        Agreement(
            name="phonon_dos_error",
            unit="THz",
            summary="mean absolute error of the frequencies of the phonon density of states",
            better="lower",
            compared="ratio",
            function=density_of_states_error,
        ),
    ),
    packages=("phonopy",),
)
