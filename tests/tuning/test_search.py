"""Proposals: a pure function of what was found, in rounds, the suite's own settings first."""

import math
from itertools import pairwise

import pytest

from tlbench.tuning import Search
from tlbench.tuning.ledger import EndedTrial
from tlbench.tuning.proposals import BOUNDS, ROUND, proposals


def error_of(settings):
    """Return an error that is smallest at a learning rate of 2e-3; it diverges at high ones."""
    if settings.learning_rate > 8e-3:
        return None
    return 100 * (1 + math.log(settings.learning_rate / 2e-3) ** 2)


def ended(search, series, n, error=error_of):
    """Return the trials of a search whose errors are known."""
    found = []
    while len(found) < n:
        for settings in proposals(search, series, found):
            found.append(
                EndedTrial(
                    **series._asdict(),
                    number=len(found),
                    settings=settings,
                    validation_force_mae=error(settings),
                )
            )
    return found


def test_the_first_trial_is_the_suites_own_settings_and_all_are_different(search):
    for series in search.series():
        trials = ended(search, series, 3 * ROUND)
        assert trials[0].settings == search.own_settings(series)
        assert len({t.settings.learning_rate for t in trials}) == 3 * ROUND
        for name, (low, high) in BOUNDS.items():
            assert all(low <= t.settings.model_dump()[name] <= high for t in trials[1:])


def test_the_first_round_spreads_over_the_whole_range_of_rates(search):
    """Each settings' third of the range is another, in every series, whatever its seed."""
    for series in search.series():
        drawn = proposals(search, series, [])[1:]
        for name, (low, high) in BOUNDS.items():
            places = [
                math.log(settings.model_dump()[name] / low) / math.log(high / low)
                for settings in drawn
            ]
            assert sorted(int(len(drawn) * place) for place in places) == [0, 1, 2]


def test_they_depend_on_earlier_results_and_on_nothing_else(search):
    series = search.series()[1]
    trials = ended(search, series, 4 * ROUND)
    assert ended(search, series, 4 * ROUND) == trials
    # How many trials there are to be does not matter, so more can be added.
    more = Search(search.suite, 1)
    assert proposals(more, series, trials[:ROUND]) == [
        t.settings for t in trials[ROUND : 2 * ROUND]
    ]
    other = ended(search, series, 2 * ROUND, lambda s: s.learning_rate)
    assert other[:ROUND] != trials[:ROUND]
    assert [t.settings for t in other[:ROUND]] == [t.settings for t in trials[:ROUND]]
    assert [t.settings for t in other[ROUND:]] != [t.settings for t in trials[ROUND : 2 * ROUND]]


def test_every_study_and_every_search_has_seeds_of_its_own(search):
    searches = [search, Search(search.suite, search.trials, pairs=2)]
    found = [proposals(each, series, [])[1] for each in searches for series in each.series()]
    assert len({settings.learning_rate for settings in found}) == len(found)


def test_they_do_not_depend_on_what_else_is_tuned(suite, search):
    """So that a strategy that is added later repeats nothing."""
    alone = Search(suite(("strategies", "[scratch]")), 1)
    (series,) = alone.series()
    assert alone.digest() == search.digest()
    assert ended(alone, series, 2 * ROUND) == ended(search, series, 2 * ROUND)
    longer = Search(suite(("training.updates", "7")), 1)
    assert longer.digest() != search.digest()


def test_they_come_nearer_to_the_best(search):
    """Of 40 trials the later ones are better than the first on the whole."""
    trials = ended(search, search.series()[1], 40)
    errors = [t.validation_force_mae or math.inf for t in trials]
    assert sorted(errors[20:])[10] < sorted(errors[:20])[10]
    assert min(errors) < 101


@pytest.mark.parametrize("rate", ["0.05", "1e30"])
def test_own_settings_out_of_bounds_are_tried_and_nothing_warns(suite, rate):
    outside = suite(("strategies", "[scratch]"), ("training.learning_rate", rate))
    search = Search(outside, 9)
    (series,) = search.series()
    trials = ended(search, series, 9)
    assert trials[0].settings.learning_rate == float(rate)
    low, high = BOUNDS["learning_rate"]
    assert all(low <= t.settings.learning_rate <= high for t in trials[1:])


def test_where_all_diverges_there_are_still_proposals(search):
    trials = ended(search, search.series()[0], 3 * ROUND, lambda settings: None)
    rates = [t.settings.learning_rate for t in trials]
    assert all(a != b for a, b in pairwise(rates))
