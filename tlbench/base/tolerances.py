"""How closely different hardware agrees."""

ACCELERATOR = {"float64": 1e-9, "float32": 1e-4}
"""Largest difference of energies, forces or stresses of one call between an accelerator and a CPU,
over the largest of them, by precision.

An accelerator adds in another order, which may differ from call to call. In dynamics and training
such differences grow from step to step.
"""
