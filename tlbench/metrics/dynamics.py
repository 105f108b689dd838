"""What simulations of one model are summarised by."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlbench.metrics.spec import Floats, MetricSpec
from tlbench.metrics.structure import adf_error, rdf_error, rdf_error_beyond_core

DISTRIBUTION_PRECISION = 2e-5
"""Agreement of errors of structure: distributions are published to five decimals."""


@dataclass(frozen=True)
class Comparison:
    """Simulations of one model beside reference dynamics.

    ``survival_ps`` (replicas,) time until a criterion fired, or the end; ``stable`` (replicas,).
    ``rdf`` and ``adf`` are those of the stable replicas, None if there are none; at ``distances``
    (Å) and ``angles`` (rad), as are the reference's.
    """

    survival_ps: Floats
    stable: npt.NDArray[np.bool_]
    distances: Floats
    angles: Floats
    rdf: Floats | None
    adf: Floats | None
    reference_rdf: Floats
    reference_adf: Floats


def stability_rate(found: Comparison) -> float:
    """Return the share of replicas that no criterion stopped."""
    return float(found.stable.mean())


def survival_time(found: Comparison) -> float:
    """Return the mean time until a criterion fired or the simulation ended, ps.

    As every replica runs to the same end, that is the restricted mean survival time.
    """
    return float(found.survival_ps.mean())


def rdf_error_of(found: Comparison) -> float:
    """Return the error of the radial distribution function; NaN if no replica was stable."""
    if found.rdf is None:
        return float("nan")
    return rdf_error(found.distances, found.rdf, found.reference_rdf)


def rdf_error_beyond_core_of(found: Comparison) -> float:
    """Return the error of g(r) on a scale without the core; NaN if no replica was stable."""
    if found.rdf is None:
        return float("nan")
    return rdf_error_beyond_core(found.distances, found.rdf, found.reference_rdf)


def adf_error_of(found: Comparison) -> float:
    """Return the error of the angular distribution function; NaN if no replica was stable.

    It is NaN, too, where atoms have flown apart so far that there are no bonds.
    """
    if found.adf is None or not found.adf.any() or not found.reference_adf.any():
        return float("nan")
    return adf_error(found.angles, found.adf, found.reference_adf)


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
    summary="∫ |g − g_ref| / ∫ |g_ref − 1| over the radial distribution of stable simulations",
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
    "scale without the core that no pair of the reference enters",
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
    "and of the reference, over that of random directions",
    function=adf_error_of,
    of="dynamics",
    always=True,
    published_precision=DISTRIBUTION_PRECISION,
    tolerance=0.25,
)
