"""File formats of labelled structures, one file per format."""

from tlbench.base.registry import Registry
from tlbench.data.readers.base import Reader

READERS: Registry[Reader] = Registry("reader", group="tlbench.readers")
READERS.register("extxyz", "tlbench.data.readers.extxyz:READER")
READERS.register("mlearn", "tlbench.data.readers.mlearn:READER")
