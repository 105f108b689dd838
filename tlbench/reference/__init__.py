"""Analytic potentials that label data."""
