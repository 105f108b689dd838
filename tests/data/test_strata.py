"""Stratified draws are nested, reproducible and in proportion."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from tlbench.base.errors import InputError
from tlbench.data.splits import Drawn, chosen_indices, nested_subset, validation_subset
from tlbench.data.strata import check_strata, strata_of, stratified

seeds = st.integers(0, 2**31)
sizes_of_strata = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def in_order(sizes, seed):
    """Return frames in random order, and the stratum of each."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    return nested_subset(len(strata), len(strata), seed), strata


@given(sizes_of_strata, seeds)
def test_every_beginning_has_each_stratum_in_proportion(sizes, seed):
    order, strata = in_order(sizes, seed)
    drawn = stratified(order, strata, len(order), seed)
    assert sorted(drawn.tolist()) == list(range(len(order)))
    counts = np.cumsum(strata[drawn][:, None] == np.arange(len(sizes)), axis=0)
    # N n_s / n, rounded down or up, in whole numbers.
    share = np.arange(1, len(order) + 1)[:, None] * np.array(sizes)
    assert (counts >= share // len(order)).all()
    assert (counts <= -(-share // len(order))).all()


@given(sizes_of_strata, seeds, st.data())
def test_a_smaller_draw_begins_a_larger_one(sizes, seed, data):
    order, strata = in_order(sizes, seed)
    size = data.draw(st.integers(1, len(order)))
    whole = stratified(order, strata, len(order), seed)
    np.testing.assert_array_equal(stratified(order, strata, size, seed), whole[:size])


@given(sizes_of_strata, seeds)
def test_frames_of_a_stratum_stay_in_their_order(sizes, seed):
    order, strata = in_order(sizes, seed)
    drawn = stratified(order, strata, len(order), seed)
    for s in range(len(sizes)):
        np.testing.assert_array_equal(drawn[strata[drawn] == s], order[strata[order] == s])


@given(st.integers(1, 60), seeds)
def test_of_one_stratum_the_draw_is_a_random_one(n_frames, seed):
    order, strata = in_order([n_frames], seed)
    np.testing.assert_array_equal(stratified(order, strata, n_frames, seed), order)


def test_seeds_differ_about_the_share_of_a_stratum():
    """Else every draw would leave out the same part of a structure."""
    sizes, size = np.array([43, 32, 55, 29, 23]), 10
    strata, draws = np.repeat(np.arange(5), sizes), 1500
    counts = np.zeros(5)
    for seed in range(draws):
        drawn = stratified(np.arange(182), strata, size, seed)
        counts += np.bincount(strata[drawn], minlength=5)
    np.testing.assert_allclose(counts / draws, size * sizes / 182, rtol=0.08)


def labelled_frames():
    """Return frames of which some have neither group nor temperature."""
    frames, number = tiny.crystals("Ge", 30), np.arange(30)
    return replace(
        frames,
        group=np.where(number < 10, "", np.where(number < 20, "bulk", "vacancy")),
        phase=np.where(number % 2, "crystal", "liquid"),
        temperature_k=np.where(number < 15, np.nan, 300.0),
    )


def test_a_stratum_is_a_combination_of_properties():
    frames = labelled_frames()
    expected = {("", "crystal"), ("", "liquid"), ("bulk", "crystal"), ("bulk", "liquid")}
    expected |= {("vacancy", "crystal"), ("vacancy", "liquid")}
    strata = strata_of(frames, ["group", "phase"])
    rows = list(zip(frames.group.tolist(), frames.phase.tolist(), strict=True))
    assert {(row, s) for row, s in zip(rows, strata, strict=True)} == {
        (row, strata[rows.index(row)]) for row in expected
    }
    assert len(set(strata.tolist())) == 6


def test_structures_without_a_value_are_a_stratum_of_their_own():
    frames = labelled_frames()
    for seed in range(5):
        drawn = chosen_indices(frames, Drawn(size=6, seed=seed, strata=["group"]))
        assert sorted(frames.group[drawn].tolist()) == [
            "",
            "",
            "bulk",
            "bulk",
            "vacancy",
            "vacancy",
        ]
        drawn = chosen_indices(frames, Drawn(size=4, seed=seed, strata=["temperature_k"]))
        assert np.isnan(frames.temperature_k[drawn]).sum() == 2


@given(st.integers(1, 30), seeds)
def test_without_strata_the_draw_is_the_one_published(size, seed):
    np.testing.assert_array_equal(
        chosen_indices(labelled_frames(), Drawn(size=size, seed=seed)),
        nested_subset(30, size, seed),
    )


def test_the_draw_never_changes():
    drawn = chosen_indices(labelled_frames(), Drawn(size=8, seed=0, strata=["group", "phase"]))
    # Records will be made with these structures.
    assert drawn.tolist() == [4, 11, 23, 24, 18, 1, 2, 19]


def test_strata_are_drawn_among_the_structures_of_a_temperature():
    frames = labelled_frames()
    subset = Drawn(size=3, seed=1, temperature_k=300.0, strata=["group"])
    drawn = chosen_indices(frames, subset)
    assert (frames.temperature_k[drawn] == 300.0).all()
    assert sorted(frames.group[drawn].tolist()) == ["bulk", "vacancy", "vacancy"]


@pytest.mark.parametrize("name", ["group", "phase", "temperature_k"])
def test_what_is_unknown_of_all_structures_makes_no_strata(name):
    frames = tiny.crystals("Ge", 3)
    unknown = np.full(3, np.nan if name == "temperature_k" else "")
    frames = replace(labelled_frames().select(range(15, 18)), **{name: unknown})
    with pytest.raises(InputError, match=f"no structure has a known {name}, so that no draw"):
        check_strata(frames, ["group", "phase", "temperature_k"])
    with pytest.raises(InputError, match=f"leave {name} out of the strata"):
        chosen_indices(frames, Drawn(size=1, seed=0, strata=[name]))


def test_too_many_structures_are_refused():
    with pytest.raises(InputError, match="choose a size from 1 to 30"):
        chosen_indices(labelled_frames(), Drawn(size=31, seed=0, strata=["group"]))


def test_validation_structures_are_nested_stratified_and_another_draw():
    frames = labelled_frames()
    number = np.arange(30)
    frames = replace(frames, energy=number.astype(float))

    def drawn(size, **settings):
        subset = Drawn(size=5, seed=settings.pop("seed", 0), **settings)
        return validation_subset(frames, size, subset).energy.astype(int).tolist()

    for strata in (None, ["group"]):
        assert drawn(4, strata=strata) == drawn(9, strata=strata)[:4]
        assert drawn(9, strata=strata, seed=1) != drawn(9, strata=strata)
        training = chosen_indices(frames, Drawn(size=9, seed=0, strata=strata)).tolist()
        assert training != drawn(9, strata=strata)
    kinds = frames.group[drawn(6, strata=["group"])].tolist()
    assert sorted(kinds) == ["", "", "bulk", "bulk", "vacancy", "vacancy"]
    assert drawn(None) == drawn(30) == drawn(99) == number.tolist()
    # Validation structures need not have what training structures are stratified by.
    unknown = replace(frames, group=np.full(30, ""))
    assert len(validation_subset(unknown, 6, Drawn(size=5, seed=0, strata=["group"]))) == 6
    assert len(validation_subset(frames, 6, None)) == 6


def test_compositions_are_strata():
    frames = tiny.crystals("Ge", 12)
    silicon = np.repeat(np.arange(12) % 3 == 0, 8) & (np.arange(96) % 2 == 0)
    alloy = replace(frames, atomic_numbers=np.where(silicon, 14, 32))
    drawn = Drawn(size=6, seed=3, strata=["composition"])
    found = alloy.select(chosen_indices(alloy, drawn)).composition.tolist()
    assert sorted(found) == ["Ge"] * 4 + ["SiGe"] * 2


def test_a_model_of_one_temperature_is_validated_at_that():
    """Others would choose weights, and learning rates, by structures that it should not know."""
    frames = tiny.crystals("Ge", 9)
    frames = replace(frames, temperature_k=np.repeat([300.0, 600.0, np.nan], 3))
    cold, unknown = (Drawn(size=5, seed=0, temperature_k=at) for at in (300.0, 900.0))
    for size in (2, 5, None):
        found = validation_subset(frames, size, cold)
        assert set(found.temperature_k) == {300.0}
        assert len(found) == min(size or 3, 3)
    assert len(validation_subset(frames, None, unknown)) == 9
    assert len(validation_subset(frames, 6, Drawn(size=5, seed=0))) == 6
