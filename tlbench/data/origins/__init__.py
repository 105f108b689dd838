"""Where the structures of a data set come from, one file per kind of origin."""

from tlbench.base.registry import Registry
from tlbench.data.origins.base import SPLITS, Origin

__all__ = ["ORIGINS", "SPLITS", "Origin"]

ORIGINS: Registry[type[Origin]] = Registry("origin", group="tlbench.origins")
ORIGINS.register("files", "tlbench.data.origins.files:FilesOrigin")
ORIGINS.register("stillinger-weber", "tlbench.md.stillinger_weber:StillingerWeberOrigin")
