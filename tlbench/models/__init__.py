"""Backbones, the potentials made of them, and the contract that they keep."""
