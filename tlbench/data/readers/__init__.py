"""File formats of labelled structures, one file per format."""

from tlbench.base.registry import Registry
from tlbench.data.readers.base import Reader

READERS: Registry[Reader] = Registry("reader", group="tlbench.readers")
READERS.register("ase", "tlbench.data.readers.ase:READER")
READERS.register("deepmd", "tlbench.data.readers.deepmd:READER")
READERS.register("extxyz", "tlbench.data.readers.extxyz:READER")
READERS.register("fitsnap", "tlbench.data.readers.fitsnap:READER")
READERS.register("mlearn", "tlbench.data.readers.mlearn:READER")
READERS.register("runner", "tlbench.data.readers.runner:READER")
