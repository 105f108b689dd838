"""Checking submissions: records are recomputed, and all else is compared with what is known."""

from tlbench.leaderboard.verification.verdict import Coverage, Verdict
from tlbench.leaderboard.verification.verify import verify, verify_all

__all__ = ["Coverage", "Verdict", "verify", "verify_all"]
