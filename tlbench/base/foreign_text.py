"""Checks of names, versions and addresses of submissions, which the site shows as its own text.

Sentences, commands, titles and links of the site hold only parts that are checked here; all other
text of a submission is shown as a quotation.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
"""Name of a package, as PEP 508 has it."""

RELEASE = (
    r"(?:[1-9][0-9]{0,8}!)?[0-9]{1,9}(?:\.[0-9]{1,9}){0,8}(?:(?:a|b|rc)[0-9]{1,9})?"
    r"(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
)
"""Version of PEP 440 in normal form, without what a builder adds after a plus."""

VERSION = rf"{RELEASE}(?:\+[a-z0-9]{{1,40}}(?:\.[a-z0-9]{{1,40}}){{0,4}})?"

_TLBENCH = re.compile(rf"{RELEASE}(?:\+g[0-9a-f]{{7,40}}(?:\.d[0-9]{{8}})?)?")
_VERSION = re.compile(VERSION)
_NAME = re.compile(NAME)
_PROVIDER = re.compile(rf"{NAME} {VERSION}")
_PYTHON = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}(?:(?:a|b|rc)[0-9]{1,3})?\+?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"https://(?:{_LABEL}\.){{1,8}}(?:[A-Za-z]{{2,63}}|xn--[A-Za-z0-9-]{{1,59}})"
    r"(?:[/?#][A-Za-z0-9/?#@!$&()*+,;=:._~%\[\]-]*)?"
)


def _printable(text: str) -> str:
    # Also marks that turn the direction of writing, and halves of characters.
    if not text.isprintable():
        raise ValueError("it should hold printable characters only")
    return text


def _of(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"it should be {what}")
        return text

    return AfterValidator(check)


Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
"""Free text, to be quoted."""

PackageName = Annotated[str, StringConstraints(max_length=100), _of(_NAME, "the name of a package")]
Version = Annotated[
    str,
    StringConstraints(max_length=200),
    _of(_VERSION, "a version in the normal form of PEP 440, such as 0.3.1"),
]
OwnVersion = Annotated[
    str,
    StringConstraints(max_length=100),
    _of(_TLBENCH, "a version of tlbench, such as 0.3.1 or 0.4.0.dev2+g1a2b3c4"),
]
"""Version of tlbench, which sentences name: what follows a plus is a commit, and no words."""

Provider = Annotated[
    str,
    StringConstraints(max_length=300),
    _of(_PROVIDER, "name and version of a package, such as tlbench-my-network 0.3.1"),
]
PythonVersion = Annotated[str, StringConstraints(max_length=20), _of(_PYTHON, "a Python version")]
PART = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"

PartName = Annotated[str, StringConstraints(pattern=rf"^{PART}$")]
"""Name of a backbone, strategy, metric, reader, environment or kind of job."""

EARLIEST = 2020
"""Year: no job was done before there was any of this code."""


def _moment(text: str) -> str:
    latest = datetime.now(UTC) + timedelta(days=1)
    try:
        found = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        found = None
    # The year first: near the last of all years an offset leads beyond what can be compared.
    if found is not None and EARLIEST <= found.year <= latest.year and found <= latest:
        return text
    raise ValueError(
        f"it should be a date and time with an offset from UTC, between {EARLIEST} and now"
    )


Moment = Annotated[str, StringConstraints(max_length=40), AfterValidator(_moment)]
"""Date and time of ISO 8601 with the offset from UTC, since `EARLIEST` and not in the future."""

Address = Annotated[
    str,
    StringConstraints(max_length=500),
    _of(
        _ADDRESS,
        "an address such as https://example.org/paper, in ASCII (xn--… for a host and %… for a "
        "path in other letters), without user, password or port",
    ),
]
