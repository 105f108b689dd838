"""Gains by coverage: planted explanations are found."""

import pytest

from tlbench.report.relations.coverage import (
    by_coverage,
    coverage_findings,
    coverage_table,
    grid_table,
)
from tlbench.results.profiles import ANGLE_BINS, DISTANCE_BINS, Coverage, Profile

FIFTHS = [10.0, 20.0, 30.0, 40.0, 50.0]


def coverage(error, grid=None, seed=0):
    return Coverage(
        size=10, subset_seed=seed, init_seed=seed, train_temperature_k=None,
        target=[0.01, 0.02, 0.03, 0.04, 0.05], source=[0.1] * 5, error=error,
        grid_atoms=[(30, 60)] * 3, grid_error=grid or [(error[0], error[0])] * 3, job=f"c{seed}",
    )  # fmt: skip


def profile(strategy, covered, seed=0, **changes):
    fields = {
        "source": "Si", "source_part": None, "target": "Ge", "backbone": "b",
        "strategy": strategy, "size": 10, "subset_seed": seed, "init_seed": seed,
        "train_temperature_k": None, "by_distance": [None] * DISTANCE_BINS,
        "by_angle": [None] * ANGLE_BINS, "by_coordination": {},
        "coverage": covered, "job": "k",
    }  # fmt: skip
    return Profile(**{**fields, **changes})


def falling_back(seeds=5):
    """Return models that gain the more the farther atoms are, if the source is near."""
    found = []
    for seed in range(seeds):
        scale = 1 + 0.01 * seed
        share = [0.9, 0.8, 0.7, 0.6, 0.5]
        grid = [(100.0, 100.0)] * 3
        ours = [(90.0, 90.0), (80.0, 80.0), (40.0, 80.0)]
        gained = [error * s * scale for error, s in zip(FIFTHS, share, strict=True)]
        found.append(profile("scratch", [coverage(FIFTHS, grid, seed)], seed))
        found.append(profile("finetune", [coverage(gained, ours, seed)], seed))
    return found


def test_what_the_study_says_is_recognised():
    (found,) = by_coverage(falling_back())
    assert [r.value for r in found.ratios] == pytest.approx(
        [0.918, 0.816, 0.714, 0.612, 0.51], 0.01
    )
    assert found.trend.value == pytest.approx(0.5 / 0.9)
    assert found.trend.interval.side() == -1
    assert found.fallback.value == pytest.approx(0.5)
    (said,) = coverage_findings([found])
    assert "over that for the nearest fifth, is 0.56 [0.5" in said
    assert "over that where it is not, is 0.50 [0.50, 0.50] (N = 10)." in said
    assert coverage_table([found])[1][:4] == ["b", "finetune", "10", "0.92"]
    table = grid_table([found])
    assert {len(line) for line in table} == {7}
    assert table[3][3:6] == ["far", "0.40 (33%)", "0.80 (67%)"]
    assert table[3][6].startswith("0.50 [")


def test_too_few_atoms_are_no_ground():
    profiles = falling_back()
    few = [(90.0, 90.0), (80.0, 80.0), (None, 80.0)]
    for number, p in enumerate(profiles):
        cut = p.coverage[0].model_copy(update={"grid_error": few})
        profiles[number] = p.model_copy(update={"coverage": [cut]})
    (found,) = by_coverage(profiles)
    assert found.fallback is None
    assert "for lack of atoms" in coverage_findings([found])[0]
    assert grid_table([found])[3][4:] == ["– (33%)", "1.00 (67%)", ""]


def test_a_gain_that_is_the_same_everywhere_shows_no_trend():
    profiles = [profile("scratch", [coverage(FIFTHS)])]
    profiles.append(profile("finetune", [coverage([0.5 * e for e in FIFTHS])]))
    (found,) = by_coverage(profiles)
    assert found.trend.value == pytest.approx(1)
    assert found.trend.interval is None


def test_targets_count_once_each_whatever_the_source():
    """Transfers to one target are compared with the same models from scratch."""
    profiles = [
        profile(
            strategy,
            [coverage([e * f for e in FIFTHS], seed=seed)],
            seed,
            source=source,
            target=target,
        )
        for target in ("Ge", "Li", "Mo")
        for source in ("Si", "W")
        for seed in (0, 1)
        for strategy, f in (("scratch", 1.0), ("finetune", 0.5))
    ]
    (found,) = by_coverage(profiles)
    assert {r.n_pairs for r in found.ratios} == {3}


def test_an_arm_without_target_data_is_asked_for_every_training_set():
    sets = [coverage(FIFTHS, seed=seed) for seed in (0, 1)]
    profiles = [profile("scratch", [each], seed) for seed, each in enumerate(sets)]
    profiles += [profile("zero-shot", [each], seed, size=0) for seed, each in enumerate(sets)]
    (found,) = by_coverage(profiles)
    assert (found.place.strategy, found.place.size) == ("zero-shot", 10)
    assert found.ratios[0].n_pairs == 2


def test_of_several_parts_of_the_source_the_whole_counts():
    profiles = [
        profile(strategy, [coverage([e * f for e in FIFTHS])], source_part=part)
        for part, gain in (("300 K", 0.9), ("all", 0.5))
        for strategy, f in (("scratch", 1.0), ("finetune", gain))
    ]
    (found,) = by_coverage(profiles)
    assert found.ratios[0].value == pytest.approx(0.5)


def test_sources_of_one_target_are_kept_apart():
    profiles = [
        profile(strategy, [coverage([e * f for e in FIFTHS])], source=source)
        for source, gain in (("Si", 0.5), ("Mo", 2.0))
        for strategy, f in (("scratch", 1.0), ("finetune", gain), ("scratch-long", 0.7))
    ]
    found = by_coverage(profiles)
    assert [(each.of_source, each.place.strategy) for each in found] == [
        ("Si", "finetune"), ("Mo", "finetune"),
    ]  # fmt: skip
    assert [each.ratios[0].value for each in found] == pytest.approx([0.5, 2.0])
    assert [line[:2] for line in coverage_table(found)] == [
        ["source", "backbone"], ["Si", "b"], ["Mo", "b"],
    ]  # fmt: skip
    assert coverage_findings(found)[1].startswith("b, finetune from Mo:")


@pytest.mark.parametrize("targets", [("Ge", "C", "Sn"), ("Ge",)])
def test_coverage_is_compared_over_the_same_models(targets):
    # Of the hardest draw there is no fine-tuned model; all others are as those from scratch.
    profiles = [
        profile(arm, [coverage([scale * e for e in FIFTHS], None, seed)], seed, target=target)
        for target in targets
        for seed, scale in enumerate((1.0, 1.0, 1.0, 4.0))
        for arm in ("scratch", "finetune")
        if (arm, scale) != ("finetune", 4.0)
    ]
    (found,) = by_coverage(profiles)
    assert [ratio.value for ratio in found.ratios] == pytest.approx([1.0] * 5)
