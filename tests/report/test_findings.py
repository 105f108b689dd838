"""What is said of learning curves, against curves whose truth is known."""

import pytest

from tlbench.records import Record
from tlbench.report.findings import findings, ranking


def record(strategy, size, subset_seed, value):
    return Record(
        suite="s", suite_version=1, suite_digest="d", source="Si", target="Ge", backbone="b",
        strategy=strategy, size=size, subset_seed=subset_seed, init_seed=0, metric="force_mae",
        unit="meV/Å", value=value, condition={}, job=f"{strategy} {size} {subset_seed}",
    )  # fmt: skip


def curves(seeds, factor, sizes=(1, 10, 100), slope=-0.5):
    """Return scratch errors 100·N^slope and an arm whose error is ``factor`` times that."""
    records = []
    for size in sizes:
        for seed in seeds:
            scratch = 100 * size**slope * (1 + 0.01 * seed)
            records.append(record("scratch", size, seed, scratch))
            records.append(record("finetune", size, seed, factor * scratch))
    return records


def test_transferred_structures_are_worth_what_the_power_law_says():
    # Half the error is four times the data where the error falls with the root of N.
    said = findings(curves(range(3), 0.5), "force_mae")
    assert (
        said[0]
        == "b, finetune: 1 transferred structure is worth about 4 from scratch (4.0×; 3 pairs)."
    )
    assert "10 transferred structures are worth about 40 from scratch (4.0×; 3 pairs)" in said[1]
    assert "100 transferred structures are worth > 100 from scratch (> 1.0×; 3 pairs)" in said[2]
    assert "from N = 1 to 100" in said[3]
    assert "0.50 (3 pairs) times that of scratch" in said[3]
    assert len(said) == 4


def test_with_five_pairs_intervals_are_given():
    said = findings(curves(range(5), 0.5), "force_mae")
    assert "95 %:" in said[0]
    assert "0.50 [0.50, 0.50] times" in said[3]


def test_zero_shot_is_worth_structures_too():
    said = findings([*curves(range(3), 0.5), record("zero-shot", 0, None, 31.0)], "force_mae")
    assert said[-1].startswith("b, zero-shot: zero-shot is worth about 1")


@pytest.mark.parametrize(("seeds", "end"), [(3, "; it may be chance."), (5, "▲.")])
def test_negative_transfer_is_said(seeds, end):
    said = [s for s in findings(curves(range(seeds), 1.2), "force_mae") if "negative" in s]
    assert len(said) == 3
    assert said[0].startswith("b, finetune: negative transfer at N = 1, 1.20")
    assert all(sentence.endswith(end) for sentence in said)


def test_a_plateau_of_the_baseline_is_said():
    values = {"scratch": [240, 90, 88, 92, 88], "finetune": [160, 68, 65, 64, 64]}
    flat = [
        record(strategy, size, 0, value)
        for strategy, errors in values.items()
        for size, value in zip((1, 10, 40, 100, 195), errors, strict=True)
    ]
    said = findings(flat, "force_mae")
    assert said[0].startswith("b, scratch: its error at N = 195 is 0.98 times that at N = 10: more")
    assert "hardly help" not in "".join(findings(curves(range(3), 0.5), "force_mae"))


def test_target_data_that_made_it_worse_are_said():
    said = findings([*curves(range(3), 0.9), record("zero-shot", 0, None, 80.0)], "force_mae")
    (sentence,) = [s for s in said if "which sees no target data" in s]
    assert sentence.startswith("b, finetune: at N = 1 its error is 1.1")
    assert sentence.endswith("(1 pair) times that of zero-shot, which sees no target data.")


def test_without_a_baseline_nothing_is_said():
    assert findings([record("finetune", 1, 0, 5.0)], "force_mae") == []


def test_ranks_are_of_the_largest_size_and_carry_tie_groups():
    size, lines = ranking(curves(range(5), 0.5), "force_mae")
    assert size == 100
    assert lines[1][:3] == ["b, finetune", "1", "1"]
    assert lines[2][:3] == ["b, scratch", "2", "2"]
    _, few = ranking(curves(range(3), 0.5), "force_mae")
    assert [line[1:3] for line in few[1:]] == [["1", "–"], ["2", "–"]]
    assert ranking([], "force_mae") is None
