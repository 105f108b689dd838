"""The contract of a backbone as a pytest class."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
import torch

from tlbench.models.backbones import BackboneConfig
from tlbench.models.contract.check import PRECISIONS, PROPERTIES, MeasuredProperty
from tlbench.models.contract.clause import Property
from tlbench.models.contract.prediction import random_potential

_CASES = [
    pytest.param(clause, dtype, id=f"{clause.name}-{str(dtype).removeprefix('torch.')}")
    for clause in PROPERTIES
    for dtype in PRECISIONS
    if clause.tolerance(dtype) is not None
]


class BackboneContract:
    """All that a backbone must be, as tests of the backbone of one configuration.

    Every property in ``PROPERTIES`` is one test in float64, and one in float32 where rounding
    leaves it measurable. The backbone need not be registered.

    Examples
    --------
    In a test module::

        class TestMine(BackboneContract):
            config = MyConfig()
    """

    config: ClassVar[BackboneConfig]

    @pytest.fixture(autouse=True)
    def _one_thread(self) -> Iterator[None]:
        # Several threads make small networks slower, and sums depend on their timing.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)

    @pytest.mark.parametrize(("clause", "dtype"), _CASES)
    def test_contract(self, clause: Property, dtype: torch.dtype) -> None:
        """Measure one property of the backbone with random weights."""
        potential = random_potential(self.config, dtype)
        found = MeasuredProperty(clause, dtype, clause.measure(potential))
        why = self.config.violations().get(clause.name)
        if why is None and not found.holds:
            pytest.fail(found.sentence)
        if why is not None:
            # Single precision may be too coarse to tell.
            if found.holds and dtype == torch.float64:
                pytest.fail(f"{clause.name}: the configuration says that {why}, but it holds.")
            pytest.xfail(why)
