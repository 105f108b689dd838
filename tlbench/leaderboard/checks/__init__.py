"""Check records: what was found when models of a submission were trained or evaluated again.

They are kept beside the folder of results, one file for each check, and are never changed::

    <board>/results/<suite>/<submission>/    the submission
    <board>/checks/<suite>/<submission>/     2026-11-28-trained-again-0a1b2c3d.json, …

A record is bound to its submission by the digest of ``submission.json``. Whoever adds it to the
board vouches for it. It is read with the same suspicion as a submission, and left out if it does
not fit the submission.
"""

from tlbench.leaderboard.checks.drawing import draw, measured_models, source_jobs
from tlbench.leaderboard.checks.files import checks_folder, read_checks, write_check
from tlbench.leaderboard.checks.newest import differing_of, newest_of
from tlbench.leaderboard.checks.record import (
    EVALUATED,
    TOLERANCES,
    TRAINED,
    Check,
    CheckedModel,
    Findings,
    Machine,
)

__all__ = [
    "EVALUATED",
    "TOLERANCES",
    "TRAINED",
    "Check",
    "CheckedModel",
    "Findings",
    "Machine",
    "checks_folder",
    "differing_of",
    "draw",
    "measured_models",
    "newest_of",
    "read_checks",
    "source_jobs",
    "write_check",
]
