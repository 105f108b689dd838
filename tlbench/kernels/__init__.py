"""Compiled loops for the hottest parts of the backbones, built on first use."""
