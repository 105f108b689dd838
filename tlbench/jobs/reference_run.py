"""What the models' simulations are compared with, and how the comparison is made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import (
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from tlbench.base.formats import later
from tlbench.base.magnitudes import Magnitude, Temperature
from tlbench.base.schema import digest
from tlbench.data.frames import Floats
from tlbench.jobs import kind
from tlbench.jobs.extremes import Extremes
from tlbench.jobs.kind import Curve, Word
from tlbench.jobs.start import Phase, Start
from tlbench.metrics.dynamics import Comparison, partials
from tlbench.metrics.structure import shares_of_atoms, shares_of_pairs

if TYPE_CHECKING:
    from tlbench.md.structure import Averages

_STATED_LATER = (
    "start_structure",
    "start_phase",
    "frames_temperature_k",
    "extremes",
    "composition",
    "partial_floors",
    "frequencies",
    "spectrum",
)

MOST_PARTIAL = 1000
"""Pairs of elements of which there are distributions at most."""


class Structure(kind.Result):
    """Structure averaged over simulations.

    ``rdf`` g(r) at the distances of the reference run, ``adf`` density of bond angles, 1/rad, at
    its angles; ``coordination`` mean number of neighbours in the first shell. Where there are
    several elements, ``partial_rdf`` g_ab(r) by pair, as ``"Mo–W"``, and ``partial_adf`` the
    density of the angles between bonds at atoms of one element, by its symbol.
    """

    rdf: Curve
    adf: Curve
    coordination: Magnitude
    partial_rdf: dict[Word, Curve] | None = later(None, max_length=MOST_PARTIAL)
    partial_adf: dict[Word, Curve] | None = later(None, max_length=MOST_PARTIAL)

    @model_serializer(mode="wrap")
    def _to_file(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Of one element it is written as before there were several.
        found: dict[str, Any] = dump(self)
        return {k: v for k, v in found.items() if not k.startswith("partial_") or v is not None}


class ReferenceRun(kind.Result):
    """What the models' simulations are compared with.

    ``rdf_floor`` and ``adf_floor`` are the errors of another run of the reference, or, where it
    is made of frames, of a perfect model; None where frames are too few to tell. ``msd`` is the
    mean-square displacement from the start at ``times_ps``, Å²; None where the reference is no
    simulation. ``partial_floors`` are the floors of each pair of elements, and of the angles at
    each element, of which the others are means.
    """

    temperature_k: Temperature
    time_ps: Magnitude
    n_atoms: PositiveInt
    element: Word
    origin: Word = Field(description="what made it, for people")
    distances: Curve
    angles: Curve
    structure: Structure
    rdf_floor: Magnitude | None
    adf_floor: Magnitude | None
    times_ps: Curve
    msd: Curve | None
    replicas: PositiveInt | None = Field(
        default=None, description="replicas of the other run, judged by the same criteria"
    )
    false_alarms: int | None = Field(
        default=None, ge=0, description="how many of them were stopped"
    )
    start_structure: Start | None = later(None, description="what simulations were to start from")
    start_phase: Phase | None = later(None, description="phase of the structures at the start")
    frames_temperature_k: Temperature | None = later(
        None, description="temperature of the frames of the data set that simulations start from"
    )
    extremes: Extremes | None = later(None, description="of the other run")
    composition: dict[Word, PositiveInt] | None = later(
        None,
        max_length=MOST_PARTIAL,
        description="atoms of each element in every structure, where data are of several",
    )
    partial_floors: dict[Word, Magnitude] | None = later(None, max_length=2 * MOST_PARTIAL)
    frequencies: Curve | None = later(None, description="of spectra of velocities, THz")
    spectrum: Curve | None = later(
        None, description="of velocities, 1/THz, where it was recorded and this is a simulation"
    )

    @model_validator(mode="after")
    def _no_more_alarms_than_replicas(self) -> "ReferenceRun":
        if (self.false_alarms or 0) > (self.replicas or 0):
            raise ValueError("there are more false alarms than replicas")
        return self

    def digest(self) -> str:
        """Return the SHA-256 of all of it."""
        return digest(self.model_dump(mode="json"))

    @model_serializer(mode="wrap")
    def _to_file(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # One from before these were stated is written as it was, and has the digest it had.
        found: dict[str, Any] = dump(self)
        return {k: v for k, v in found.items() if k not in _STATED_LATER or v is not None}

    def fits(
        self,
        structure: Structure | None,
        msd: list[float] | None,
        spectrum: list[float] | None = None,
    ) -> bool:
        """Return whether distributions are on the bins of this run, and displacements at its times.

        A spectrum has to be at its frequencies, and not to be of zeros. What is None fits.
        """
        if spectrum is not None and (
            len(spectrum) != len(self.frequencies or []) or not sum(spectrum) > 0
        ):
            return False
        on_times = msd is None or len(msd) == len(self.times_ps)
        if structure is None:
            return on_times
        composition = self.composition or {}
        several = len(composition) > 1
        pairs = shares_of_pairs(composition) if several else {}
        return on_times and all(
            len(total) == n_bins
            and set(partial or {}) == set(names)
            and all(len(each) == n_bins for each in (partial or {}).values())
            for total, partial, n_bins, names in (
                (structure.rdf, structure.partial_rdf, len(self.distances), pairs),
                (
                    structure.adf,
                    structure.partial_adf,
                    len(self.angles),
                    composition if several else {},
                ),
            )
        )

    def comparison(
        self,
        survival_ps: Sequence[float],
        criterion: Sequence[str],
        structure: "Structure | Averages | None",
        msd: Sequence[float] | None,
        spectrum: Sequence[float] | None = None,
    ) -> Comparison:
        """Return the simulations of a model beside this run.

        Parameters
        ----------
        survival_ps, criterion
            As in `tlbench.jobs.simulate.Survival`.
        structure
            Of the stable replicas; None if there are none.
        msd
            Their mean-square displacement at ``times_ps``, Å².
        spectrum
            That of their velocities at ``frequencies``, 1/THz.
        """
        found = beside(
            structure,
            self.structure,
            self.composition or {},
            np.array(self.distances),
            np.radians(self.angles),
            survival_ps,
            criterion,
        )
        return replace(
            found,
            times_ps=np.array(self.times_ps),
            msd=None if msd is None else np.array(msd),
            reference_msd=None if self.msd is None else np.array(self.msd),
            frequencies=None if self.frequencies is None else np.array(self.frequencies),
            spectrum=None if spectrum is None else np.array(spectrum),
            reference_spectrum=None if self.spectrum is None else np.array(self.spectrum),
        )

    @property
    def floor_is(self) -> str:
        """Say whose errors the floors are."""
        if self.replicas is None:
            return "a perfect model, judged by so few frames"
        return "another run of the reference"


def frames_label(number: int | str) -> str:
    """Return in words what a reference is made of that is not a simulation."""
    return f"{number} frames of the data set"


def simulations_label(potential: str, number: int) -> str:
    """Return in words what a reference is made of that a potential was simulated for."""
    return f"{potential}, {number} simulations"


def beside(
    found: "Structure | Averages | None",
    reference: "Structure | Averages",
    composition: Mapping[str, int],
    distances: Floats,
    angles: Floats,
    survival_ps: Sequence[float] = (),
    criterion: Sequence[str] = (),
) -> Comparison:
    """Return a structure beside that of a reference.

    Parameters
    ----------
    found
        None if no replica was stable.
    composition
        Symbol → atoms of both, where there are several elements.
    distances, angles
        Bins of the distributions, Å and rad.

    Raises
    ------
    ValueError
        If there are no distributions of each pair of elements.
    """
    partial: dict[str, Any] = {}
    if len(composition) > 1:
        for name, shares in (
            ("partial_rdf", shares_of_pairs(composition)),
            ("partial_adf", shares_of_atoms(composition)),
        ):
            ours = None if found is None else getattr(found, name)
            partial[name] = partials(shares, ours, getattr(reference, name))
    return Comparison(
        survival_ps=np.array(survival_ps, dtype=np.float64),
        stable=np.array([name == "" for name in criterion], dtype=bool),
        distances=distances,
        angles=angles,
        rdf=None if found is None else np.array(found.rdf),
        adf=None if found is None else np.array(found.adf),
        reference_rdf=np.array(reference.rdf),
        reference_adf=np.array(reference.adf),
        **partial,
    )
