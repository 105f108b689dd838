"""MACE, from the package mace-torch, which needs a Python environment of its own."""
