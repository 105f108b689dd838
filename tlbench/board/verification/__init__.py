"""Checking submissions: records are recomputed, and all else is compared with what is known."""

from tlbench.board.verification.contents import Coverage
from tlbench.board.verification.verify import Verdict, verify, verify_all

__all__ = ["Coverage", "Verdict", "verify", "verify_all"]
