"""Training that is pulled towards the source model's weights."""

from tlbench.transfer.strategy import Strategy

PULL = 0.1
"""Strength of the pull, with losses in (eV/Å)²; not tuned."""

L2_SP = Strategy(
    name="l2-sp",
    summary="from the source model; every weight trains, and is pulled back to where it started",
    literature="Li, Grandvalet & Davoine, ICML 2018, arXiv 1802.01483 (L2-SP)",
    needs_source=True,
    trains=True,
    pull=PULL,
)
