"""What a submission says of itself.

A submission is a folder ``<results>/<suite>/<name>``, or ``<name>-r2`` and so on for revisions:

=========================  =====================================================================
``submission.json``        who, which suite, which data, and the digest of every other file
``suite.json``             the suite with every default spelt out
``records.jsonl.gz``       published numbers
``errors.jsonl.gz``        errors of every model on every test structure
``tests.jsonl.gz``         what the test structures are
``provenance.jsonl.gz``    one line for each job
``costs.jsonl.gz``         one line for each model
``dynamics.json.gz``       survival of every replica and structure, where models were simulated
``distances.jsonl.gz``     distances between data sets, where the suite has them
``profiles.jsonl.gz``      where the force errors are, where the suite has distances
``properties.jsonl.gz``    physical properties of every model, where the suite has them
``curves.jsonl.gz``        curves of these, such as phonon bands
``summary.md``             in submissions of format 1 only: tables in Markdown, never read
``card-source.yaml``, …    in private submissions: the cards of data of one's own
=========================  =====================================================================

Once added, a submission is never changed; what is wrong with it is mended by a revision.
"""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from tlbench.base.files import PACKED
from tlbench.base.foreign_text import Address, OwnVersion, PartName, Provider, Word
from tlbench.base.formats import Format
from tlbench.base.magnitudes import Digest
from tlbench.base.schema import Strict
from tlbench.metrics.conditions import Weights
from tlbench.results.costs import FILE as COSTS
from tlbench.results.distances import FILE as DISTANCES
from tlbench.results.dynamics import FILE as DYNAMICS
from tlbench.results.frame_errors import ERRORS_FILE, TESTS_FILE
from tlbench.results.profiles import FILE as PROFILES
from tlbench.results.properties import CURVES_FILE as CURVES
from tlbench.results.properties import FILE as PROPERTIES
from tlbench.results.results import PROVENANCE, RECORDS
from tlbench.study.keys import KeyScheme

ABOUT, SUITE, SUMMARY = "submission.json", "suite.json", "summary.md"
ERRORS, TESTS = ERRORS_FILE, TESTS_FILE

REQUIRED = frozenset(
    {SUITE, *(f"{n}{PACKED}" for n in (RECORDS, ERRORS, TESTS, PROVENANCE, COSTS))}
)
OPTIONAL = frozenset(
    f"{name}{PACKED}" for name in (DYNAMICS, DISTANCES, PROFILES, PROPERTIES, CURVES)
)
"""Files with a digest in ``submission.json``."""

CARD = re.compile(r"card-([a-z]{1,6}|(test|from)[0-9]{1,2})\.yaml")
"""Card files of a private submission, as ``card-source.yaml``, ``card-ge.yaml`` of a matrix, or
``card-test0.yaml`` of data that models are also tested on, ``card-from0.yaml`` of one of several
sources."""

FORMAT = 2
FIRST_DAY = date(2025, 1, 1)
"""No submission was created before there was a leaderboard."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_REVISION = re.compile(r"-r\d+$")
_LATER = ("plugins", "private", "sources", "best_weights")


class DataSet(Strict):
    """A data set of the suite, as it was used.

    ``recipe`` is the digest of what determines it, ``content`` that of all its structures and
    labels: dynamics that are sampled on another processor have the same recipe and other content.
    ``tests`` is the digest of what is said of its test structures; None if none are tested on.
    """

    card: Word
    title: Word
    element: Word
    job: Digest
    recipe: Digest
    content: Digest
    tests: Digest | None
    licence: Word
    citation: list[Word] = Field(min_length=1, max_length=20)
    n_frames: dict[Literal["train", "validation", "test"], Annotated[int, Field(gt=0, le=10**7)]]


class Submission(Strict):
    """Who submits what. ``weights`` has the SHA-256 of every trained model, by its job's key.

    ``best_weights`` has those at the lowest validation error, of models of which they are measured.

    A ``private`` submission belongs to a private board: its data may be anybody's own, and no
    public board takes it. ``sources`` has the digests of the source code that its jobs were done
    with, by name, see `tlbench.jobs.sources`; in submissions of format 1 keys do not know the code.
    """

    format: Literal[1, 2]
    name: str = Field(pattern=NAME)
    revision: PositiveInt = Field(le=999)
    replaces: Digest | None = Field(description="of submission.json of the revision before")
    authors: list[Word] = Field(max_length=100)
    url: Address | None
    created: date = Field(ge=FIRST_DAY)
    tlbench: OwnVersion
    suite: str = Field(pattern=NAME)
    suite_version: PositiveInt
    suite_digest: Digest
    protocol_digest: Digest
    data: list[DataSet] = Field(min_length=1, max_length=100)
    reference: Digest | None = Field(description="of the reference dynamics, if there are any")
    providers: dict[PartName, Provider] = Field(
        default={}, max_length=100, description="backbone → package that it comes from"
    )
    plugins: dict[
        Literal["strategy", "metric", "origin", "reader", "property", "potential"],
        Annotated[dict[PartName, Provider], Field(max_length=100)],
    ] = Field(default={}, description="of what else comes from other packages: name → package")
    private: bool = False
    sources: dict[Word, Digest] = Field(default={}, max_length=1000)
    weights: dict[Digest, Digest] = Field(max_length=100_000)
    best_weights: dict[Digest, Digest] = Field(default={}, max_length=100_000)
    files: dict[str, Digest] = Field(max_length=100)

    @field_validator("name")
    @classmethod
    def _is_no_revision(cls, value: str) -> str:
        if _REVISION.search(value):
            raise ValueError("a name should not end like a revision (-r2)")
        return value

    @model_validator(mode="after")
    def _sources_are_those_of_the_format(self) -> "Submission":
        if bool(self.sources) != (self.format > 1):
            raise ValueError("a submission has sources from format 2 on")
        return self

    def text(self) -> str:
        """Return the content of ``submission.json``.

        Keys that were added later are left out where they have their default, so that a
        submission that does not use them is what it was before there were any.
        """
        unused = {name for name in _LATER if not getattr(self, name)}
        return self.model_dump_json(indent=1, exclude=unused) + "\n"

    def digest_of_weights(self, trained: str, weights: Weights) -> str | None:
        """Return the SHA-256 of some weights of the model that the job ``trained`` has trained."""
        return (self.weights if weights == "last" else self.best_weights).get(trained)

    @property
    def packages(self) -> dict[str, dict[str, str]]:
        """Kind → name → package, of all that comes from packages other than tlbench."""
        return {"backbone": self.providers} | {str(k): names for k, names in self.plugins.items()}

    @property
    def key_scheme(self) -> KeyScheme:
        """How the keys of its jobs are made."""
        return KeyScheme(self.sources if self.format > 1 else None, self.packages)

    @property
    def folder(self) -> Path:
        """Where it stands below the folder of results."""
        ending = "" if self.revision == 1 else f"-r{self.revision}"
        return Path(self.suite) / f"{self.name}{ending}"

    @property
    def comparable(self) -> tuple[str, ...]:
        """What submissions share whose results may stand in one table.

        It holds name and version of the suite, its protocol, the content of its data and what is
        said of its test structures, and the reference dynamics.
        """
        data = sorted(f"{each.content} {each.tests}" for each in self.data)
        suite = (self.suite, str(self.suite_version), self.protocol_digest)
        return (*suite, str(self.reference), *data)


SUBMISSION_FORMAT = Format("submission", Submission, FORMAT, {1: dict})
"""Those of format 1 stay what they are: their keys are made in another way."""
