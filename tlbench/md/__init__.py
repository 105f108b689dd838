"""Batched molecular dynamics."""
