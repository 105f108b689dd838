"""A correct toy backbone passes the contract, and every way of breaking it is noticed."""

from typing import Any, ClassVar

import pytest
import torch

from tests.models.contract.broken import (
    BREAKAGES,
    AngleByRoundedArccosine,
    DetachedImages,
    Handed,
    KinkedCutoff,
    NearbyImagesOnly,
    ToyConfig,
    WrongSecondDerivative,
)
from tlbench.models.backbones import BACKBONES, BackboneConfig
from tlbench.models.contract.check import PROPERTIES
from tlbench.models.contract.prediction import predict, random_potential, rattled
from tlbench.testing import BackboneContract

CLAUSES = {clause.name: clause for clause in PROPERTIES}


class TestToy(BackboneContract):
    config = ToyConfig()


class TestTwoNames(BackboneContract):
    config = ToyConfig(variant="TwoNames", cutoff=3.0)


def deviation(variant: Any, clause: str) -> float:
    is_config = issubclass(variant, BackboneConfig)
    config = variant() if is_config else ToyConfig(variant=variant.__name__)
    return CLAUSES[clause].measure(random_potential(config, torch.float64))


@pytest.mark.parametrize(
    ("variant", "clause"), BREAKAGES, ids=[f"{v.__name__}-{clause}" for v, clause in BREAKAGES]
)
def test_every_breakage_is_noticed(variant: Any, clause: str) -> None:
    # Written so that NaN counts as noticed.
    assert not deviation(variant, clause) <= CLAUSES[clause].tolerance_float64


def test_every_property_has_a_breakage() -> None:
    assert {clause for _, clause in BREAKAGES} == set(CLAUSES)


@pytest.mark.parametrize(
    ("variant", "clause"),
    [
        (Handed, "rotation"),
        (DetachedImages, "forces"),
        (NearbyImagesOnly, "batching"),
        (WrongSecondDerivative, "forces"),
        (AngleByRoundedArccosine, "finite gradient"),
        (KinkedCutoff, "long edges"),
    ],
)
def test_a_breakage_leaves_other_properties_alone(variant: Any, clause: str) -> None:
    assert deviation(variant, clause) <= CLAUSES[clause].tolerance_float64


def test_a_deviation_measures_the_size_of_the_fault() -> None:
    # One energy in eV moves by 0.01 eV/Å × 0.31 cutoffs.
    potential = random_potential(ToyConfig(variant="AbsolutePositions"), torch.float64)
    scale = predict(potential, rattled(potential.cutoff)).energy_scale
    expected = 0.01 * 0.31 * potential.cutoff / scale
    assert CLAUSES["translation"].measure(potential) == pytest.approx(expected, rel=1e-9)


def test_the_class_reports_what_fails_and_by_how_much() -> None:
    class Broken(BackboneContract):
        config: ClassVar[BackboneConfig] = ToyConfig(variant="BatchNormalised")

    with pytest.raises(pytest.fail.Exception, match=r"in a batch and alone; .* deviates by \d"):
        Broken().test_contract(CLAUSES["batching"], torch.float64)
    Broken().test_contract(CLAUSES["translation"], torch.float64)


def test_a_stated_violation_is_expected_and_must_be_one() -> None:
    class Stated(ToyConfig):
        def violations(self) -> dict[str, str]:
            return {"reflection": "it knows left from right"}

    class Left(BackboneContract):
        config: ClassVar[BackboneConfig] = Stated(variant="Handed")

    class Neither(BackboneContract):
        config: ClassVar[BackboneConfig] = Stated()

    with pytest.raises(pytest.xfail.Exception, match="it knows left from right"):
        Left().test_contract(CLAUSES["reflection"], torch.float64)
    with pytest.raises(pytest.fail.Exception, match="but it holds"):
        Neither().test_contract(CLAUSES["reflection"], torch.float64)


def test_nothing_global_changes() -> None:
    names, state = BACKBONES.names(), torch.get_rng_state()
    for clause in PROPERTIES:
        clause.measure(random_potential(ToyConfig(), torch.float64))
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.get_rng_state(), state)
    assert BACKBONES.names() == names
