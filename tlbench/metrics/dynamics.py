"""What simulations of one model are summarised by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from tlbench.metrics.spec import Floats, MetricSpec
from tlbench.metrics.structure import RISE, adf_error, rdf_error, rdf_error_beyond_core

DISTRIBUTION_PRECISION = 2e-5
"""Agreement of errors of structure: distributions are published to five decimals."""


@dataclass(frozen=True)
class Partial:
    """The distribution of one pair of elements, or of the angles at one element.

    ``share`` of it among all pairs, or atoms; ``found`` None if no replica was stable.
    """

    name: str
    share: float
    found: Floats | None
    reference: Floats


def partials(
    shares: Mapping[str, float],
    found: Mapping[str, ArrayLike] | None,
    reference: Mapping[str, ArrayLike] | None,
) -> tuple[Partial, ...]:
    """Return the distributions of each pair, or at each element, beside the reference's.

    Raises
    ------
    ValueError
        If one is missing.
    """
    if reference is None or not {*shares} <= {*reference} & {
        *(reference if found is None else found)
    }:
        raise ValueError("distributions by element are missing")
    return tuple(
        Partial(
            name,
            share,
            None if found is None else np.array(found[name], dtype=np.float64),
            np.array(reference[name], dtype=np.float64),
        )
        for name, share in shares.items()
    )


@dataclass(frozen=True)
class Comparison:
    """Simulations of one model beside reference dynamics.

    ``survival_ps`` (replicas,) time until a criterion fired, or the end; ``stable`` (replicas,).
    ``rdf`` and ``adf`` are those of the stable replicas, None if there are none; at ``distances``
    (Å) and ``angles`` (rad), as are the reference's. Where there are several elements,
    ``partial_rdf`` has those of each pair, and ``partial_adf`` those of the angles at each. ``msd``
    and ``reference_msd`` are mean-square displacements at ``times_ps``, Å², None where not known;
    ``spectrum`` and ``reference_spectrum`` those of velocities at ``frequencies`` (THz), 1/THz.
    """

    survival_ps: Floats
    stable: npt.NDArray[np.bool_]
    distances: Floats
    angles: Floats
    rdf: Floats | None
    adf: Floats | None
    reference_rdf: Floats
    reference_adf: Floats
    partial_rdf: tuple[Partial, ...] = ()
    partial_adf: tuple[Partial, ...] = ()
    times_ps: Floats | None = None
    msd: Floats | None = None
    reference_msd: Floats | None = None
    frequencies: Floats | None = None
    spectrum: Floats | None = None
    reference_spectrum: Floats | None = None


RdfError = Callable[[ArrayLike, ArrayLike, ArrayLike], float]
"""Distances, g(r) and that of the reference → error."""


def stability_rate(found: Comparison) -> float:
    """Return the share of replicas that no criterion stopped."""
    return float(found.stable.mean())


def survival_time(found: Comparison) -> float:
    """Return the mean time until a criterion fired or the simulation ended, ps.

    As every replica runs to the same end, that is the restricted mean survival time.
    """
    return float(found.survival_ps.mean())


def rdf_error_of(found: Comparison) -> float:
    """Return the error of the radial distribution function; NaN if no replica was stable.

    Of several elements it is the mean over pairs of elements, weighted by the number of pairs of
    atoms, of those that the reference has within reach.
    """
    return _rdf_error(found, rdf_error)


def rdf_error_beyond_core_of(found: Comparison) -> float:
    """Return the error of g(r) on a scale without the core; NaN if no replica was stable.

    Of several elements as `rdf_error_of`.
    """
    return _rdf_error(found, rdf_error_beyond_core)


def _rdf_error(found: Comparison, error: RdfError) -> float:
    if found.rdf is None:
        return float("nan")
    if found.partial_rdf:
        return _mean(found.partial_rdf, partial_rdf_errors(found, error))
    return error(found.distances, found.rdf, found.reference_rdf)


def partial_rdf_errors(found: Comparison, error: RdfError) -> dict[str, float]:
    """Return the error of each pair of elements that the reference has within reach, by name."""
    return {
        each.name: error(found.distances, each.found, each.reference)
        for each in found.partial_rdf
        if each.found is not None and (each.reference > RISE).any()
    }


def adf_error_of(found: Comparison) -> float:
    """Return the error of the angular distribution function; NaN if no replica was stable.

    It is NaN, too, where atoms have flown apart so far that there are no bonds. Of several
    elements it is the mean over the elements that the angles are at, weighted by their atoms, of
    those that have angles in the reference.
    """
    if found.partial_adf:
        return _mean(found.partial_adf, partial_adf_errors(found))
    if found.adf is None or not found.adf.any() or not found.reference_adf.any():
        return float("nan")
    return adf_error(found.angles, found.adf, found.reference_adf)


def partial_adf_errors(found: Comparison) -> dict[str, float]:
    """Return the error of the angles at each element that has any in the reference, by symbol.

    NaN where it has none in the simulations.
    """
    return {
        each.name: adf_error(found.angles, each.found, each.reference)
        if each.found.any()
        else float("nan")
        for each in found.partial_adf
        if each.found is not None and each.reference.any()
    }


def _mean(parts: Sequence[Partial], errors: Mapping[str, float]) -> float:
    """Return the mean of errors weighted by shares; NaN if there are none."""
    shares = {each.name: each.share for each in parts if each.name in errors}
    total = sum(shares.values())
    if not total:
        return float("nan")
    return float(sum(share * errors[name] for name, share in shares.items()) / total)


STABILITY_RATE = MetricSpec(
    name="stability_rate",
    unit="1",
    better="higher",
    summary="share of simulations that no stability criterion stopped",
    function=stability_rate,
    of="dynamics",
    always=True,
    mean="arithmetic",
    interval="rate",
    compared="difference",
)
SURVIVAL_TIME = MetricSpec(
    name="survival_time",
    unit="ps",
    better="higher",
    summary="mean time until a stability criterion fired or the simulation ended",
    function=survival_time,
    of="dynamics",
    always=True,
    mean="arithmetic",
    interval="survival",
)
RDF_ERROR = MetricSpec(
    name="rdf_error",
    unit="1",
    better="lower",
    summary="∫ |g − g_ref| / ∫ |g_ref − 1| over the radial distribution of stable simulations; of "
    "several elements the mean over pairs, weighted by the number of pairs of atoms",
    function=rdf_error_of,
    of="dynamics",
    always=True,
    published_precision=DISTRIBUTION_PRECISION,
    tolerance=0.25,
)
RDF_ERROR_BEYOND_CORE = MetricSpec(
    name="rdf_error_beyond_core",
    unit="1",
    better="lower",
    summary="∫ |g − g_ref| / ∫ |g_ref − 1| over the radial distribution of stable simulations, the "
    "scale without the core that no pair of the reference enters; of several elements the mean "
    "over pairs, weighted by the number of pairs of atoms",
    function=rdf_error_beyond_core_of,
    of="dynamics",
    published_precision=2 * DISTRIBUTION_PRECISION,
    tolerance=0.25,
)
ADF_ERROR = MetricSpec(
    name="adf_error",
    unit="1",
    better="lower",
    summary="Wasserstein distance between the distributions of bond angles of stable simulations "
    "and of the reference, over that of random directions; of several elements the mean over "
    "those at atoms of each, weighted by the number of atoms",
    function=adf_error_of,
    of="dynamics",
    always=True,
    published_precision=DISTRIBUTION_PRECISION,
    tolerance=0.25,
)
