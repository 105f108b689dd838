"""Records on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.base.errors import InputError
from tlbench.base.magnitudes import SMALLEST
from tlbench.results.records import RECORDS_FORMAT, Record, read_records

RECORD = Record(
    suite="s", suite_version=1, suite_digest="d", source="Si", target="Ge", backbone="b",
    strategy="finetune", size=10, subset_seed=0, init_seed=0, metric="force_mae", unit="meV/Å",
    value=61.25, condition={"temperature_k": 1200.0}, job="k",
)  # fmt: skip


MEASURABLE = st.floats(-1e30, 1e30).filter(lambda value: value == 0 or abs(value) >= SMALLEST)


@given(value=MEASURABLE, size=st.integers(0, 10**6))
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path_factory, value, size):
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    records = [
        RECORD,
        RECORD.model_copy(update={"value": value, "model": RECORD.model.replace(size=size)}),
    ]
    RECORDS_FORMAT.write_lines(path, records)
    assert read_records(path) == records


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"value": 61.25', '"value": NaN'),
        ('"value": 61.25', '"value": 5e-322'),
        ('"size": 10', '"size": -1'),
        ('"metric"', '"metrik"'),
        ("{", "["),
        ('"unit": "meV/Å", ', ""),
    ],
)
def test_a_bad_line_is_named(tmp_path, old, new):
    path = tmp_path / "records.jsonl"
    RECORDS_FORMAT.write_lines(path, [RECORD, RECORD])
    head, first, second = path.read_text().splitlines()
    path.write_text(f"{head}\n{first}\n{second.replace(old, new, 1)}\n")
    with pytest.raises(InputError, match=r"records\.jsonl:3: is not a record"):
        read_records(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl"):
        read_records(tmp_path / "none.jsonl")


def test_a_path_may_be_a_string_and_a_folder_is_refused(tmp_path):
    RECORDS_FORMAT.write_lines(tmp_path / "records.jsonl", [RECORD])
    assert read_records(str(tmp_path / "records.jsonl")) == [RECORD]
    with pytest.raises(InputError, match=r"cannot be read as a record \(Is a directory\)\.$"):
        read_records(str(tmp_path))
