"""How closely different hardware agrees."""

ACCELERATOR = {"float64": 1e-9, "float32": 1e-4}
"""Largest difference between energies and forces of one call on an accelerator and on a CPU, over
the largest of them, by precision.

An accelerator adds in another order, which may differ from call to call. In dynamics and training
such differences grow from step to step.
"""
