"""Check records: what was found when models of a submission were trained or evaluated again.

They are kept beside the folder of results, one file for each check, and are never changed::

    <board>/results/<suite>/<submission>/    the submission
    <board>/checks/<suite>/<submission>/     2026-11-28-trained-again-0a1b2c3d.json, …

A record is bound to its submission by the digest of ``submission.json``. The person who adds it to
the board vouches for it. It is read with the same suspicion as a submission, and left out if it
does not fit the submission.
"""
