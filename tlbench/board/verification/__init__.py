"""Checking submissions: records are recomputed, and all else is compared with what is known."""

from tlbench.board.verification.verdict import Coverage, Verdict
from tlbench.board.verification.verify import verify, verify_all

__all__ = ["Coverage", "Verdict", "verify", "verify_all"]
