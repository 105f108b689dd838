"""What counts as worse."""

import math
from dataclasses import replace

import pytest
from simulated_runs import place, side

from tlbench.base.errors import UnknownNameError
from tlbench.metrics import METRICS
from tlbench.regression.judged import Scope
from tlbench.regression.judgement import judge, losses_of, units_of
from tlbench.regression.pairing import pair_up

ARMS = [("scratch", 1), ("scratch", 4), ("finetune", 1), ("finetune", 4)]
PAIRS = [(0, 0), (1, 0)]


def values(metric="force_mae", backbone="schnet", scatter=0.02, pairs=PAIRS, base=100.0):
    """Return what some pairs of every arm measure, now above and now below ``base``."""
    return {
        place(metric, backbone, arm): {
            pair: base * math.exp(scatter * (-1) ** (number + shift))
            for number, pair in enumerate(pairs)
        }
        for shift, arm in enumerate(ARMS)
    }


def times(found, factor):
    """Return the values, each multiplied."""
    return {where: {p: factor * v for p, v in pairs.items()} for where, pairs in found.items()}


def judged(run, baseline, tolerances=None):
    return judge(pair_up(side(run), side(baseline)), tolerances or {})


def test_a_loss_beyond_tolerance_and_noise_is_worse():
    noisy = values(scatter=0.01)
    found = judged(times(noisy, 1.2), values(scatter=0))
    (whole,) = [each for each in found.judged if each.scope is Scope.BACKBONE]
    assert whole.worse
    assert whole.backbone == "schnet"
    assert whole.change == "× 1.200"
    assert "tolerance 10 %" in whole.sentence()


def test_neither_tolerance_nor_noise_alone_makes_it_worse():
    within_tolerance = judged(times(values(scatter=0), 1.08), values(scatter=0))
    assert within_tolerance.judged
    assert not within_tolerance.worse
    within_noise = judged(times(values(scatter=0.4), 1.2), values(scatter=0))
    assert all(each.loss.value > math.log(1.1) for each in within_noise.judged)
    assert not within_noise.worse


def test_a_tolerance_can_be_changed():
    run = times(values(scatter=0), 1.08)
    assert judged(run, values(scatter=0), {"force_mae": 0.05}).worse
    assert not judged(times(run, 1.2), values(scatter=0), {"force_mae": 0.5}).worse


def test_a_tolerance_is_a_share_of_the_value():
    before = values(scatter=0)
    assert not judged(times(before, 1.098), before).worse
    assert judged(times(before, 1.102), before).worse


def test_backbones_are_judged_on_whole_test_sets():
    found = values()
    found |= {p._replace(condition=(("temperature_k", 600.0),)): v for p, v in found.items()}
    scopes = [(each.scope, each.place.under) for each in judged(found, found).judged]
    assert scopes.count((Scope.BACKBONE, "")) == 1
    assert (Scope.BACKBONE, "temperature_k 600") not in scopes
    assert scopes.count((Scope.PLACE, "temperature_k 600")) == len(ARMS)


def test_one_place_can_get_worse_alone():
    baseline = values(scatter=0)
    worst = place("force_mae", "schnet", ("finetune", 4))
    run = {**values(scatter=0.001), worst: times(baseline, 1.3)[worst]}
    assert [each.name for each in judged(run, baseline).worse] == [
        "schnet, finetune, N 4, Si → Ge: force_mae"
    ]


def test_higher_may_be_better():
    kept = values("survival_time", scatter=0, base=50.0)
    assert judged(times(kept, 0.8), kept).worse
    assert not judged(times(kept, 1.25), kept).worse
    assert judged(times(kept, 0.8), kept).worse[0].change == "× 0.800"


def test_rates_are_compared_by_difference():
    before = values("stability_rate", scatter=0, base=1.0)
    after = {where: {(0, 0): 0.5, (1, 0): 0.6} for where in before}
    worse = judged(after, before).worse
    assert worse[0].change == "-0.450"
    assert worse[0].chance < 0.05
    # From 0 there is no ratio, but a difference.
    dead = times(before, 0.0)
    assert not judged(dead, dead).worse
    assert judged(dead, before).worse[0].confidence == "noise unknown"


def test_without_noise_the_tolerance_decides_and_that_is_said():
    one = values(scatter=0, pairs=[(0, 0)])
    found = judged(times(one, 1.2), one)
    assert found.worse
    assert all(each.chance is None for each in found.judged)
    assert any("cannot be estimated" in remark for remark in found.remarks)
    assert not judged(times(one, 1.05), one).worse


def test_a_value_without_a_ratio_is_judged_by_its_direction():
    before = values(scatter=0)
    where = place("force_mae", "schnet", ("scratch", 1))
    perfect = {**before, where: {**before[where], (0, 0): 0.0}}
    assert not judged(perfect, before).worse
    (worse,) = judged(before, perfect).worse
    assert worse.change == "from or to 0"
    assert not judged(perfect, perfect).worse


def test_models_of_one_init_seed_count_once_where_there_are_several():
    losses = {(0, 0): 0.1, (1, 0): 0.3, (0, 1): 0.5, (None, 2): 0.7}
    assert list(units_of(losses, several_init_seeds=True)) == pytest.approx([0.2, 0.5, 0.7])
    assert list(units_of(losses, several_init_seeds=False)) == pytest.approx([0.1, 0.3, 0.5, 0.7])


def test_pairs_that_share_an_init_seed_do_not_make_its_luck_certain():
    # Two init seeds whose weights are drawn anew; each of ten subsets repeats their luck.
    pairs = [(subset, init) for init in (0, 1) for subset in range(10)]
    luck = {0: 1.05, 1: 1.45}
    before = values(scatter=0, pairs=pairs)
    after = {
        where: {p: v * luck[p[1]] * (1 + 0.001 * p[0]) for p, v in found.items()}
        for where, found in before.items()
    }
    assert not judged(after, before).worse


def test_that_all_models_have_one_init_seed_is_said():
    one, two = values(), values(pairs=[(0, 0), (0, 1)])
    said = "have one init seed"
    assert any(said in remark for remark in judged(one, values(scatter=0)).remarks)
    assert not any(said in remark for remark in judged(two, times(two, 1.01)).remarks)


def test_backbones_and_metrics_do_not_share_their_noise():
    wild = values(backbone="dimenetpp", scatter=0.5)
    calm = values(scatter=0.01)
    before = {**values(backbone="dimenetpp", scatter=0), **values(scatter=0)}
    worse = judged({**wild, **times(calm, 1.2)}, before).worse
    assert {each.backbone for each in worse} == {"schnet"}


def test_losses_are_signed_by_what_is_better():
    lower, higher = METRICS.get("force_mae"), METRICS.get("survival_time")
    both = {(0, 0): (2.0, 1.0)}
    assert losses_of(both, lower) == {(0, 0): pytest.approx(math.log(2))}
    assert losses_of(both, higher) == {(0, 0): pytest.approx(-math.log(2))}
    rate = replace(higher, compared="difference")
    assert losses_of(both, rate) == {(0, 0): -1.0}


def test_a_metric_that_is_not_known_is_named():
    strange = values("force_maee")
    with pytest.raises(UnknownNameError, match="force_maee"):
        judged(strange, strange)
