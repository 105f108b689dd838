"""Checking submissions: nothing that a submission says is believed that can be recomputed."""

from tlbench.leaderboard.verification.verdict import Coverage, Verdict
from tlbench.leaderboard.verification.verify import verify, verify_all, write_summary

__all__ = ["Coverage", "Verdict", "verify", "verify_all", "write_summary"]
