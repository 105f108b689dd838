"""Backbones: networks that map a graph to one energy per atom.

The registry holds configurations; ``config.build()`` imports the network itself, so that
names, defaults and digests are known without importing torch.
"""

from tlbench.backbones.config import BackboneConfig
from tlbench.registry import Registry

__all__ = ["BACKBONES", "BackboneConfig"]

BACKBONES: Registry[type[BackboneConfig]] = Registry("backbone", group="tlbench.backbones")
BACKBONES.register("dimenetpp", "tlbench.backbones.dimenetpp.config:DimeNetPPConfig")
BACKBONES.register("schnet", "tlbench.backbones.schnet.config:SchNetConfig")
