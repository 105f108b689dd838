"""Which numbers count as worse."""

import math

import pytest
from simulated_runs import numbers, place

from tlbench.base.errors import UnknownNameError
from tlbench.regression.losses import losses_of, with_losses
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


def losses(run, baseline, tolerances=None):
    return losses_of(pair_up(numbers(run), numbers(baseline)).shared, tolerances or {})


def worse(run, baseline, tolerances=None):
    return [loss for loss in losses(run, baseline, tolerances) if loss.worse]


def test_a_loss_beyond_tolerance_and_noise_is_worse():
    found = losses(times(values(scatter=0.01), 1.2), values(scatter=0))
    (whole,) = [each for each in found if each.of_backbone]
    assert whole.worse
    assert whole.backbone == "schnet"
    assert whole.change == "× 1.200"
    assert "tolerance 10 %" in whole.sentence()


def test_neither_tolerance_nor_noise_alone_makes_it_worse():
    before = values(scatter=0)
    assert losses(times(before, 1.08), before)
    assert not worse(times(before, 1.08), before)
    noisy = losses(times(values(scatter=0.4), 1.2), before)
    assert all(each.value > math.log(1.1) for each in noisy)
    assert not any(each.worse for each in noisy)


def test_a_tolerance_is_a_share_of_the_value_and_can_be_changed():
    before = values(scatter=0)
    assert not worse(times(before, 1.098), before)
    assert worse(times(before, 1.102), before)
    assert worse(times(before, 1.08), before, {"force_mae": 0.05})
    assert not worse(times(before, 1.3), before, {"force_mae": 0.5})


def test_backbones_are_tested_on_whole_test_sets():
    found = values()
    found |= {p._replace(condition=(("temperature_k", 600.0),)): v for p, v in found.items()}
    scopes = [(each.of_backbone, each.condition) for each in losses(found, found)]
    assert scopes.count((True, "")) == 1
    assert (True, "600 K") not in scopes
    assert scopes.count((False, "600 K")) == len(ARMS)


def test_one_place_can_get_worse_alone():
    baseline = values(scatter=0)
    worst = place("force_mae", "schnet", ("finetune", 4))
    run = {**values(scatter=0.001), worst: times(baseline, 1.3)[worst]}
    assert [each.name for each in worse(run, baseline)] == [
        "schnet, finetune, N 4, Si → Ge: force_mae"
    ]


def test_higher_may_be_better():
    kept = values("survival_time", scatter=0, base=50.0)
    assert not worse(times(kept, 1.25), kept)
    assert worse(times(kept, 0.8), kept)[0].change == "× 0.800"


def test_rates_are_compared_by_difference():
    before = values("stability_rate", scatter=0, base=1.0)
    after = {where: {(0, 0): 0.5, (1, 0): 0.6} for where in before}
    first, *_ = worse(after, before)
    assert first.change == "-0.450"
    assert first.chance < 0.05
    # From 0 there is no ratio, but a difference; and rates that do not scatter show no noise.
    dead = times(before, 0.0)
    assert not worse(dead, dead)
    assert worse(dead, before)[0].confidence == "noise unknown"


def test_without_noise_the_tolerance_decides():
    one = values(scatter=0, pairs=[(0, 0)])
    assert worse(times(one, 1.2), one)
    assert all(math.isnan(each.chance) for each in losses(times(one, 1.2), one))
    assert not worse(times(one, 1.05), one)


def test_a_value_without_a_ratio_is_tested_by_its_direction():
    before = values(scatter=0)
    where = place("force_mae", "schnet", ("scratch", 1))
    perfect = {**before, where: {**before[where], (0, 0): 0.0}}
    assert not worse(perfect, before)
    (found,) = worse(before, perfect)
    assert found.change == "from or to 0"
    assert not worse(perfect, perfect)


def test_pairs_that_share_an_init_seed_do_not_make_its_luck_certain():
    # Two init seeds whose weights are drawn anew; each of ten subsets repeats their luck.
    pairs = [(subset, init) for init in (0, 1) for subset in range(10)]
    luck = {0: 1.05, 1: 1.45}
    before = values(scatter=0, pairs=pairs)
    after = {
        where: {p: v * luck[p[1]] * (1 + 0.001 * p[0]) for p, v in found.items()}
        for where, found in before.items()
    }
    assert not worse(after, before)


def test_backbones_and_metrics_do_not_share_their_noise():
    wild = values(backbone="dimenetpp", scatter=0.5)
    calm = values(scatter=0.01)
    before = {**values(backbone="dimenetpp", scatter=0), **values(scatter=0)}
    found = worse({**wild, **times(calm, 1.2)}, before)
    assert {each.backbone for each in found} == {"schnet"}


@pytest.mark.parametrize(
    ("metric", "loss"),
    [("force_mae", math.log(2)), ("survival_time", -math.log(2)), ("stability_rate", -1.0)],
)
def test_losses_are_signed_by_what_is_better(metric, loss):
    where = place(metric, "schnet", ("scratch", 1))
    pairing = pair_up(numbers({where: {(0, 0): 2.0}}), numbers({where: {(0, 0): 1.0}}))
    assert with_losses(pairing.shared)["loss"].tolist() == [pytest.approx(loss)]


def test_a_metric_that_is_not_known_is_named():
    strange = values("force_maee")
    with pytest.raises(UnknownNameError, match="force_maee"):
        losses(strange, strange)


@pytest.mark.parametrize(("base", "factor", "lost"), [(-20, -1.5, 10), (-20, 0.5, -10), (5, -1, 0)])
def test_errors_with_a_sign_are_worse_farther_from_0(base, factor, lost):
    before = values("energy_bias", scatter=0, base=base)
    run = times(values("energy_bias", scatter=1e-6, base=base), factor)
    (whole,) = [each for each in losses(run, before) if each.of_backbone]
    assert whole.value == pytest.approx(lost, abs=1e-3)
    assert whole.worse == (lost > 0)


def test_models_from_scratch_count_once_however_many_sources_there_are():
    """They are the same, so they say the same again."""
    scratch = {where: v for where, v in values(scatter=0.05).items() if where.strategy == "scratch"}
    sources = {
        where._replace(source=source): v
        for where, v in scratch.items()
        for source in ("Si", "Li", "Mo", "Cu")
    }
    once, several = (losses(times(of, 1.2), of) for of in (scratch, sources))
    changed = {(0, 0): 1.2, (1, 0): 1.1}

    def uneven(of):
        return {where: {p: changed[p] * v for p, v in found.items()} for where, found in of.items()}

    once, several = (losses(uneven(of), of) for of in (scratch, sources))
    assert [each.chance for each in several] == [each.chance for each in once]


def test_models_of_several_sources_count_each_though_their_values_coincide():
    """Rates are often 0 before and after."""
    kept, lost = {(n, n): 0.0 for n in range(5)}, {(n, n): 0.4 * (n == 4) for n in range(5)}
    where = place("property_failure_rate", "schnet", ("finetune", 4))
    one, other = (where._replace(source=source) for source in ("Si", "Mo"))
    alone = losses({other: lost}, {other: kept})[-1]
    beside = losses({one: kept, other: lost}, {one: kept, other: kept})[-1]
    assert beside.value == pytest.approx(alone.value) == pytest.approx(0.08)
