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
    "chgnet": "chgnet:CHGNetConfig",
    "dimenetpp": "dimenetpp:DimeNetPPConfig",
    "dimenetpp-large": "dimenetpp:DimeNetPPLargeConfig",
    "equivariant": "equivariant:EquivariantConfig",
    "equivariant-large": "equivariant:EquivariantLargeConfig",
    "mace": "mace:MACEConfig",
    "mace-large": "mace:MACELargeConfig",
    "nequip": "nequip:NequIPConfig",
    "nequip-large": "nequip:NequIPLargeConfig",
    "schnet": "schnet:SchNetConfig",
    "schnet-large": "schnet:SchNetLargeConfig",
    "sevennet": "sevennet:SevenNetConfig",
    "visnet": "visnet:ViSNetConfig",
    "visnet-large": "visnet:ViSNetLargeConfig",
}.items():
    BACKBONES.register(_name, f"tlbench.models.backbones.{_config}")
