"""What distances between sets of structures are computed with."""

from pydantic import Field, PositiveFloat, PositiveInt

from tlbench.base.schema import Strict


class DistanceSettings(Strict):
    """How far structures are looked at, and how many of their atoms and pairs are compared.

    Lengths in Å serve the raw form; the scaled form has each set's nearest-neighbour distance as
    its unit.
    """

    reach: PositiveFloat = Field(default=5.0, le=10, description="pairs and environments, Å")
    bond: PositiveFloat = Field(default=3.4, le=10, description="neighbours and angles, Å")
    scaled_reach: PositiveFloat = Field(
        default=2.0, le=4, description="pairs, in nearest-neighbour distances"
    )
    scaled_bond: PositiveFloat = Field(
        default=1.35, le=4, description="neighbours and angles, in nearest-neighbour distances"
    )
    values: PositiveInt = Field(
        default=10_000, ge=100, le=1_000_000, description="values of a quantity that are compared"
    )
    environments: PositiveInt = Field(
        default=2000, ge=50, le=100_000, description="atoms whose environments are compared"
    )
    exact: PositiveInt = Field(
        default=1000, ge=50, le=4000, description="of them, those that exact transport compares"
    )
    projections: PositiveInt = Field(
        default=50, le=1000, description="directions of sliced transport"
    )
    resamples: PositiveInt = Field(
        default=100, ge=20, le=10_000, description="resamples of the structures, for intervals"
    )
    halves: PositiveInt = Field(
        default=5, le=1000, description="times that a set is cut in halves, for the floor"
    )
