"""Ranks and tie groups, by hand and on entries whose truth is known."""

import numpy as np

from tlbench.metrics.statistics import Standing, paired_ratio, tie_groups, verdict

PAIRS = [(subset, 0) for subset in range(6)]


def entry(logs):
    return dict(zip(PAIRS, np.exp(logs).tolist(), strict=True))


UP_DOWN = np.array([1, -1, 1, -1, 1, -1])
HALVES = np.array([1, 1, 1, -1, -1, -1])
BEST = entry(np.zeros(6))
MIDDLE = entry(0.2 + 0.3 * UP_DOWN)
WORST = entry(0.5 + 0.3 * HALVES)


def test_groups_are_what_cannot_be_told_from_the_leader():
    found = tie_groups({"worst": WORST, "best": BEST, "middle": MIDDLE})
    assert list(found.items()) == [
        ("best", Standing(1, 1)),
        ("middle", Standing(2, 1)),
        ("worst", Standing(3, 2)),
    ]
    # Ties are not transitive: the last of a group may be tied with the leader of the next.
    assert verdict(paired_ratio(WORST, MIDDLE)) == "undecided"


def test_who_leads_decides_who_is_tied():
    assert tie_groups({"worst": WORST, "middle": MIDDLE}) == {
        "middle": Standing(1, 1),
        "worst": Standing(2, 1),
    }


def test_an_entry_after_the_second_leader_is_compared_with_that_one():
    last = entry(1.5 + 0.01 * UP_DOWN)
    far = entry(1.6 + 0.3 * HALVES)
    found = tie_groups({"best": BEST, "last": last, "far": far})
    assert [standing.group for standing in found.values()] == [1, 2, 2]
    assert list(found) == ["best", "last", "far"]


def test_order_does_not_matter():
    entries = {"a": BEST, "b": MIDDLE, "c": WORST}
    backwards = {name: dict(reversed(t.items())) for name, t in reversed(entries.items())}
    assert list(tie_groups(entries).items()) == list(tie_groups(backwards).items())


def test_higher_may_be_better():
    inverted = {
        name: {pair: 1 / value for pair, value in table.items()}
        for name, table in {"best": BEST, "middle": MIDDLE, "worst": WORST}.items()
    }
    expected = tie_groups({"best": BEST, "middle": MIDDLE, "worst": WORST})
    assert tie_groups(inverted, lower_is_better=False) == expected
    assert list(tie_groups(inverted)) == ["worst", "middle", "best"]


def test_three_pairs_have_ranks_with_groups_and_fewer_have_neither():
    for n, found in ((3, {"good": Standing(1, 1), "bad": Standing(2, 2)}), (2, {}), (1, {})):
        some = PAIRS[:n]
        entries = {"bad": dict.fromkeys(some, 1e3), "good": dict.fromkeys(some, 1.0)}
        assert tie_groups(entries) == found


def test_subsets_of_one_model_are_not_ranked_as_if_they_were_pairs():
    zero_shot = {(None, 0): 1e3, (None, 1): 1e3}
    trained = {(subset, init): 1.0 for subset in range(5) for init in range(2)}
    assert tie_groups({"zero-shot": zero_shot, "trained": trained}) == {}


def test_equal_entries_share_their_rank():
    found = tie_groups({"b": BEST, "c": WORST, "a": dict(BEST)})
    assert list(found.items()) == [
        ("a", Standing(1, 1)),
        ("b", Standing(1, 1)),
        ("c", Standing(3, 2)),
    ]


def test_ranks_are_taken_over_the_pairs_that_all_have():
    # On its own pairs "lucky" looks best, because it was spared the hard ones.
    hard = {pair: 100.0 if pair[0] < 3 else 1.0 for pair in PAIRS}
    lucky = {(3, 0): 1.3, (4, 0): 0.9, (5, 0): 1.1}
    found = tie_groups({"hard": hard, "lucky": lucky})
    assert found == {"hard": Standing(1, 1), "lucky": Standing(2, 1)}


def test_an_entry_without_subsets_takes_part():
    zero_shot = {(None, init): 4.0 for init in range(5)}
    trained = {(subset, init): 1.0 for subset in range(2) for init in range(5)}
    found = tie_groups({"zero-shot": zero_shot, "trained": trained})
    assert found == {"trained": Standing(1, 1), "zero-shot": Standing(2, 2)}


def test_entries_without_a_common_pair_cannot_be_ranked():
    assert tie_groups({"b": {(0, 0): 1.0}, "a": {(1, 0): 1.0}}) == {}
    assert tie_groups({}) == {}


def test_simulated_entries():
    generator = np.random.default_rng(0)
    tied = []
    for _ in range(400):
        hardness = generator.normal(0, 1, 6)
        first, second, third = hardness + generator.normal(0, 0.1, (3, 6))
        found = tie_groups({"a": entry(first), "b": entry(second), "c": entry(third + 0.5)})
        assert found["c"].rank == 3
        assert found["c"].group > max(found["a"].group, found["b"].group)
        tied.append(found["a"].group == found["b"].group)
    # 95 % expected, standard error 1.1 %.
    assert 0.92 <= np.mean(tied) <= 0.98
