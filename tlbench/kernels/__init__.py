"""Compiled loops for the hottest parts of the backbones, built on first use."""

from tlbench.kernels.library import describe, library_for
from tlbench.kernels.scope import by_coordinates, only_by_coordinates

__all__ = ["by_coordinates", "describe", "library_for", "only_by_coordinates"]
