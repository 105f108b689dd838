"""Backbones: networks that map a graph to one energy per atom.

The registry holds configurations; ``config.build()`` imports the network itself, so that
names, defaults and digests are known without importing torch.
"""

from tlbench.base.registry import Registry
from tlbench.models.backbones.config import BackboneConfig

__all__ = ["BACKBONES", "BackboneConfig"]

BACKBONES: Registry[type[BackboneConfig]] = Registry(
    "backbone",
    group="tlbench.backbones",
    extras={"e3nn": "e3nn", "nequip": "nequip"},
    wanted=(
        "a subclass of BackboneConfig",
        lambda entry: isinstance(entry, type) and issubclass(entry, BackboneConfig),
    ),
)
for _name, _config in {
    "dimenetpp": "dimenetpp.config:DimeNetPPConfig",
    "dimenetpp-large": "dimenetpp.config:DimeNetPPLargeConfig",
    "equivariant": "equivariant.config:EquivariantConfig",
    "equivariant-large": "equivariant.config:EquivariantLargeConfig",
    "mace": "mace.config:MACEConfig",
    "mace-large": "mace.config:MACELargeConfig",
    "nequip": "nequip.config:NequIPConfig",
    "nequip-large": "nequip.config:NequIPLargeConfig",
    "schnet": "schnet.config:SchNetConfig",
    "schnet-large": "schnet.config:SchNetLargeConfig",
    "visnet": "visnet.config:ViSNetConfig",
    "visnet-large": "visnet.config:ViSNetLargeConfig",
}.items():
    BACKBONES.register(_name, f"tlbench.models.backbones.{_config}")
