"""Stresses of an impossible size, and units or signs that energies contradict."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import EVERYWHERE, Finding, measured
from tlbench.data.work import (
    CONVENTIONS,
    HIGHEST_STRESS,
    Convention,
    convention_of,
    stress_slope,
    typical_stress,
)

LARGEST_TENSION = 30.0
"""Mean tension (GPa) that few solids bear: ideal strengths of metals are below, diamond's is 90."""

LARGEST_COMPRESSION = 400.0
"""Mean compression (GPa) that few calculations mean: at the centre of the Earth it is 360."""

READ = Convention("GPa", "tension")
"""How ``Frames`` holds stress."""


def check_stress(collection: Collection) -> Iterator[Finding]:
    """Find stresses that are all zero, impossibly large, or contradict energies.

    Energies of strained frames fix unit and sign; see `tlbench.data.work`.
    """
    frames = collection.frames
    known = np.asarray(np.isfinite(frames.stress).all(axis=(1, 2)))
    if not known.any() or not (frames.stress[known].any() or frames.forces.any()):
        return
    if message := _of_all(frames, known):
        yield Finding("warning", "stress", EVERYWHERE, message)
        return
    # A third of the trace, positive in tension; comparisons with NaN are false.
    mean = np.trace(frames.stress, axis1=1, axis2=2) / 3
    for size, limit, pattern in (
        (
            mean,
            LARGEST_TENSION,
            "A tension of {0:.3g} GPa (a third of the trace); few solids bear more than "
            f"{LARGEST_TENSION:g}. The calculation may not have converged, or unit or sign are "
            "wrong.",
        ),
        (
            -mean,
            LARGEST_COMPRESSION,
            "A pressure of {0:.3g} GPa, more than at the centre of the Earth; check stress_unit "
            "and stress_sign in the card's options.",
        ),
    ):
        for frame in np.flatnonzero(size > limit):
            name = str(collection.names[frame])
            yield measured("warning", "stress", name, pattern, size[frame])


def _of_all(frames: Frames, known: npt.NDArray[np.bool_]) -> str:
    """Return what is wrong with the stresses of all frames; empty if nothing is."""
    if not frames.stress[known].any():
        return (
            "All stresses are 0 although forces are not: they are placeholders; set stress_key "
            "and virial_key to null in the card's options."
        )
    slope = stress_slope(frames)
    if slope.is_resolved and convention_of(slope.value, READ) != READ:
        # Frames are in GPa whatever the card says; most cards say what the format has.
        given = convention_of(slope.value, CONVENTIONS[0])
        guess = f": if the card takes them for {CONVENTIONS[0]}, they are in {given}"
        return (
            f"Energies of {slope.n_pairs} pairs of strained frames change by {slope.value:.3g} of "
            f"what their stresses imply (R² {slope.r_squared:.2f}){guess if given else ''}; "
            "correct stress_unit or stress_sign in the card's options."
        )
    if typical_stress(frames) > HIGHEST_STRESS:
        return (
            f"Half of the stresses are above {typical_stress(frames):.3g} GPa (a third of the "
            "trace), more than there is inside planets; check stress_unit in the card's options."
        )
    return ""
