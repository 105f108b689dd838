"""Submissions that are not what they should be, made from one that is."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "leaderboard" / "results"
GOOD = "quick/2026-11-23-two-cores"

Row = dict[str, Any]


def copied(results: Path, name: str = GOOD) -> Path:
    """Return a copy below ``results`` of a published submission."""
    folder = results / name
    shutil.copytree(PUBLISHED / name, folder)
    return folder


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def write(path: Path, text: str | bytes) -> None:
    content = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def seal(folder: Path, **changes: Any) -> None:
    """Write the digests of the files that are there, as somebody would who wants to be believed."""
    about = json.loads((folder / "submission.json").read_text())
    about["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in about["files"]
    }
    (folder / "submission.json").write_text(json.dumps({**about, **changes}))


def edit_lines(folder: Path, name: str, change: Callable[[list[Row]], list[Row] | None]) -> None:
    """Change the JSON lines of a file in place, and seal the submission."""
    path = folder / f"{name}.jsonl.gz"
    rows = [json.loads(line) for line in text_of(path).splitlines()]
    # Files of today state their version first.
    head = rows[:1] if rows[0].keys() == {"format"} else []
    rows = rows[len(head) :]
    rows = [*head, *(change(rows) or rows)]
    write(path, "".join(json.dumps(row) + "\n" for row in rows))
    seal(folder)


def edit(folder: Path, name: str, change: Callable[[Row], None]) -> None:
    """Change one JSON file in place, and seal the submission."""
    path = folder / name
    value = json.loads(text_of(path))
    change(value)
    write(path, json.dumps(value))
    seal(folder)


def rekey(folder: Path, name: str = GOOD) -> None:
    """Give the jobs of a changed copy the keys that they would have had, and seal it."""
    from tlbench.board.reading import read_study
    from tlbench.board.submission import Submission
    from tlbench.study.models import plan

    def keys(of: Path) -> list[str]:
        about = Submission.model_validate_json((of / "submission.json").read_text())
        return list(plan(read_study(of / "suite.json"), about.key_scheme).jobs)

    renamed = dict(zip(keys(PUBLISHED / name), keys(folder), strict=True))
    pattern = re.compile("[0-9a-f]{64}")
    for path in folder.iterdir():
        text = pattern.sub(lambda found: renamed.get(found[0], found[0]), text_of(path))
        write(path, text)
    seal(folder)


def follow(folder: Path) -> None:
    """Write the records that follow from the errors and simulations that are there.

    So a lie about those is consistent, as that of somebody who knows what is verified.
    """
    from tlbench.board.reading import read_submission
    from tlbench.board.verification.models import models_of
    from tlbench.board.verification.simulations import of_simulations
    from tlbench.results.frame_errors import recompute

    entry = read_submission(folder)
    tests = {each.data: each for each in entry.tests()}
    errors = {each.job: each for each in entry.errors()}
    dynamics = entry.results.dynamics
    runs = {run.job: run for run in dynamics.models} if dynamics else {}
    values = {}
    for model in models_of(entry):
        if model.where.simulated:
            values[model.job] = of_simulations(entry, runs[model.job])
        else:
            found = errors[model.job]
            values[model.job] = recompute(
                found, tests[found.data], entry.suite.metrics, entry.suite.by
            )

    def change(rows: list[Row]) -> list[Row]:
        keys = [(r["metric"], tuple(sorted(r["condition"].items()))) for r in rows]
        known = zip(rows, keys, strict=True)
        return [{**r, "value": values[r["job"]][k]} for r, k in known if k in values[r["job"]]]

    edit_lines(folder, "records", change)


def claim_suite(folder: Path, **changes: Any) -> None:
    """Change keys of the suite, and give its new digests wherever they are asked for."""
    from tlbench.board.reading import read_study

    edit(folder, "suite.json", lambda suite: suite.update(changes))
    study = read_study(folder / "suite.json")
    digest = study.digest
    edit_lines(folder, "records", lambda rows: [r | {"suite_digest": digest} for r in rows])
    seal(folder, suite_digest=digest, protocol_digest=study.protocol_digest)


def told(folder: Path) -> None:
    """Give the digests of test structures and of the reference dynamics that are there."""
    from tlbench.board.reading import read_submission

    entry = read_submission(folder)
    about = json.loads((folder / "submission.json").read_text())
    digests = {each.data: each.digest() for each in entry.tests()}
    for data in about["data"]:
        data["tests"] = digests.get(data["job"])
    seal(folder, data=about["data"], reference=entry.results.dynamics.reference.digest())


Forgery = Callable[[Path], None]
FORGERIES: dict[str, tuple[str, Forgery]] = {}


def forgery(reason: str) -> Callable[[Forgery], Forgery]:
    """Register what makes a good submission hostile, and what of the reason must be said."""

    def register(function: Forgery) -> Forgery:
        FORGERIES[function.__name__] = (reason, function)
        return function

    return register
