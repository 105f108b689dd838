"""Networks that are put together once for all clauses of the contract."""

from collections.abc import Iterator
from functools import cache

import pytest

from tlbench.models.contract import contract


@pytest.fixture(scope="module", autouse=True)
def built_once() -> Iterator[None]:
    # Some packages take half a second to put a network together, and no clause changes it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract, "random_potential", cache(contract.random_potential))
        yield
