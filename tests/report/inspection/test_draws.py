"""What the draws of training structures leave open, and draws that are equal."""

import re

import numpy as np
import pytest
from alloys import alloys
from ase.build import bulk
from ase.calculators.emt import EMT

from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.splits import nested_subset

SCRATCH = ("strategies", "[scratch]")


def settings(sizes, n_seeds):
    seeds = f"{[*range(n_seeds)]}"
    return ("sizes", f"{sizes}"), ("subset_seeds", seeds), ("init_seeds", seeds), ("by", "[]")


def of_second(number, frames):
    """Return the frames with this many of 4 atoms of the second element."""
    return [atoms for atoms in frames if atoms.get_chemical_symbols().count("Au") == number]


def test_draws_that_leave_constant_energies_open_are_counted(card, notes):
    frames = alloys(("Ag", "Au"), 60)
    some = [*of_second(1, frames), *of_second(2, frames)]
    target = card("binary", some, of_second(2, alloys(("Ag", "Au"), 20, seed=1)))
    said = " ".join(notes(target, *settings([1, 4], 2), SCRATCH))
    # One structure has one composition; of four, these draws have both.
    assert (
        "With N = 1 (2 of 2 draws), the training structures of binary leave constant energies of "
        "its elements undetermined"
    ) in said
    assert "N = 4" not in said
    assert "determine only" not in said
    assert "extrapolations" not in said


@pytest.fixture
def silver(card):
    """Return a card of one element with a few training structures."""
    return card(
        "silver", of_second(0, alloys(("Ag", "Au"), 30)), of_second(0, alloys(("Ag", "Au"), 5))
    )


def n_trained(card):
    found = load_card(card)
    return len(found.read(fetch(found))["train"])


def test_seeds_that_draw_the_same_structures_are_named(silver, notes):
    n_train = n_trained(silver)
    # One more seed than there are structures, so that two draw the same one.
    said = notes(silver, *settings([1, n_train - 1, n_train], n_train + 1), SCRATCH)
    (of_one,) = (each for each in said if "draw the same structures of silver at N = 1." in each)
    named = re.findall(r"\d+", of_one.partition(" draw ")[0])
    assert len(named) > 1
    assert len(set(named)) == len(named)
    # Of all structures, every draw is the same; nobody is to choose other seeds for that.
    assert not any(f"at N = {n_train}." in each for each in said)


def test_seeds_that_draw_structures_without_forces_are_named(card, notes):
    frames = of_second(0, alloys(("Ag", "Au"), 65))
    still = [bulk("Ag", a=a, cubic=True) for a in np.linspace(4.0, 4.2, len(frames) - 1)]
    for atoms in still:
        atoms.calc = EMT()
        atoms.get_potential_energy(), atoms.get_forces()
    target = card("silver", [*frames[1:], *still], frames[:1])
    said = notes(target, *settings([1], 10), ("subsets", "random"), SCRATCH)
    (silent,) = (each for each in said if "have no forces, so models" in each)
    named = {int(seed) for seed in re.findall(r"\d+", silent.partition("subset seed ")[2])}
    found = load_card(target)
    train = found.read(fetch(found))["train"]
    moved = np.array(
        [abs(train.forces[first : first + 4]).max() > 1e-3 for first in train.atom_start]
    )
    drawn = {seed: nested_subset(len(train), 1, seed)[0] for seed in range(10)}
    assert named == {seed for seed, index in drawn.items() if not moved[index]}
    assert 0 < len(named) < 10


@pytest.mark.parametrize(
    ("n_seeds", "strategies"), [(1, "[scratch]"), (20, "[zero-shot]")], ids=["one", "untrained"]
)
def test_nothing_is_said_of_one_draw_or_if_nothing_is_trained(silver, notes, n_seeds, strategies):
    allowed = ("allow_same_data", "true")
    said = notes(silver, *settings([1], n_seeds), ("strategies", strategies), allowed)
    assert not any("draw the same" in each for each in said)
