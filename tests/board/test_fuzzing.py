"""Whatever a submission holds, reading it ends in a verdict."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from forging import copied, seal, text_of, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlbench.board.verification import verify

NAMES = [
    "submission.json",
    "suite.json",
    "records.jsonl.gz",
    "errors.jsonl.gz",
    "tests.jsonl.gz",
    "provenance.jsonl.gz",
    "costs.jsonl.gz",
    "dynamics.json.gz",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["../x", "/etc/passwd", "\x1b[2J", "<script>", "1e999", "\ud800", "null"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@pytest.fixture(scope="module")
def folder():
    with TemporaryDirectory() as results:
        yield copied(Path(results))


@pytest.fixture(scope="module")
def originals(folder):
    return {name: text_of(folder / name) for name in NAMES}


def judged(folder, originals, name, text):
    """Return the verdict on the submission with one file replaced, and put it back."""
    try:
        write(folder / name, text)
        if name != "submission.json":
            seal(folder)
        return verify(folder, folder.parents[1])
    finally:
        for each, original in originals.items():
            write(folder / each, original)


@given(st.sampled_from(NAMES), st.binary(max_size=200), st.floats(0, 1), st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_anywhere(folder, originals, name, inserted, start, length):
    content = originals[name].encode()
    begin = int(start * len(content))
    end = begin + int(length * (len(content) - begin))
    verdict = judged(folder, originals, name, content[:begin] + inserted + content[end:])
    assert verdict.problems or verdict.recomputed
    assert all(problem.isprintable() for problem in verdict.problems)


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False), LEAVES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_place_of_any_other(folder, originals, name, random, leaf):
    lines = originals[name].splitlines() if ".jsonl" in name else [originals[name]]
    number = random.randrange(len(lines))
    value = json.loads(lines[number])
    spot, key = value, random.choice(list(value))
    while isinstance(spot[key], dict | list) and spot[key] and random.random() < 0.8:
        spot = spot[key]
        key = random.choice(list(spot)) if isinstance(spot, dict) else random.randrange(len(spot))
    spot[key] = leaf
    lines[number] = json.dumps(value)
    verdict = judged(folder, originals, name, "\n".join(lines))
    assert verdict.problems or verdict.recomputed
    assert all(problem.isprintable() for problem in verdict.problems)
