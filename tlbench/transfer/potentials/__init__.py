"""Published potentials: weights that others have trained, as sources of transfer."""

from tlbench.base.registry import Registry
from tlbench.transfer.potentials.published import PublishedPotential

__all__ = ["POTENTIALS", "PublishedPotential"]

POTENTIALS: Registry[PublishedPotential] = Registry(
    "potential",
    group="tlbench.potentials",
    wanted=("a PublishedPotential", lambda entry: isinstance(entry, PublishedPotential)),
)
for _name, _entry in {
    "chgnet-0.3.0": "chgnet:CHGNET_0_3_0",
    "sevennet-0": "sevennet:SEVENNET_0",
    "sevennet-l3i5": "sevennet:SEVENNET_L3I5",
}.items():
    POTENTIALS.register(_name, f"tlbench.transfer.potentials.{_entry}")
