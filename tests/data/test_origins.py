"""A new kind of origin is one class and one line; a card, a job and a plan take it as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
import yaml
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.base.registry import Registry
from tlbench.data import cards
from tlbench.data.cards import card_folder, card_of, load_card, shared_data
from tlbench.data.frames import Frames
from tlbench.data.origins import ORIGINS, SPLITS, Origin
from tlbench.jobs.context import Context
from tlbench.jobs.dataset import KIND


class PerfectOrigin(Origin):
    """Perfect crystals, so many in each part."""

    kind: Literal["perfect"]
    frames: int

    def n_frames(self, split: str) -> int:
        return self.frames

    def shared_with(self, target: Origin) -> str | None:
        return "all are perfect"

    @classmethod
    def make(
        cls, recipe: Mapping[str, Any], elements: Sequence[str], *others: Any
    ) -> dict[str, Frames]:
        crystal = replace(diamond(elements[0]), forces=0 * diamond(elements[0]).forces)
        return {split: crystal.select([0] * recipe["frames"]) for split in SPLITS}


@pytest.fixture
def perfect(monkeypatch):
    """Return a card of such an origin, which is registered for this test."""
    origins: Registry[type[Origin]] = Registry("origin")
    for name in ORIGINS.names():
        origins.register(name, ORIGINS.get(name))
    origins.register("perfect", PerfectOrigin)
    monkeypatch.setattr(cards, "ORIGINS", origins)
    monkeypatch.setattr("tlbench.jobs.dataset.ORIGINS", origins)
    return {**yaml.safe_load((card_folder() / "sw-ge.yaml").read_text()), "name": "perfect",
            "origin": {"kind": "perfect", "frames": 3}}  # fmt: skip


def test_a_card_takes_it(perfect, tmp_path):
    card = card_of(perfect, "a card")
    assert [card.n_frames(split) for split in SPLITS] == [3, 3, 3]
    assert card.recipe() == {"elements": ["Ge"], "origin": {"kind": "perfect", "frames": 3}}
    assert card.data_files() == {}
    assert card.origin.start(300.0) == {"kind": "frames"}
    path = tmp_path / "perfect.yaml"
    path.write_text(yaml.safe_dump(perfect))
    assert load_card(path, {"frames": 5}).n_frames("test") == 5


def test_its_job_makes_the_frames(perfect, tmp_path):
    recipe = card_of(perfect, "a card").recipe()
    result = KIND.perform(recipe, Context(tmp_path, {}, "cpu", print))
    assert result["n_frames"] == dict.fromkeys(SPLITS, 3)
    assert len(Frames.load(tmp_path / "test.npz")) == 3


def test_what_is_shared_is_asked_of_the_origin(perfect):
    card = card_of(perfect, "a card")
    assert shared_data(card, card) == "all are perfect"
    assert shared_data(card, load_card("sw-ge")) is None
    assert shared_data(card, card.model_copy(update={"elements": ["Si"]})) is None


@pytest.mark.parametrize(
    ("origin", "complaint"),
    [
        ({"kind": "perfekt", "frames": 3}, "unknown kind of origin 'perfekt'; did you mean 'perfe"),
        ({"frames": 3}, "'origin': the key 'kind' is missing; it is one of files, perfect"),
        ({"kind": ["perfect"]}, "unknown kind of origin"),
        ({"kind": "perfect", "frame": 3}, "unknown key 'origin.frame'; did you mean 'frames'"),
        ("perfect", "'origin'"),
    ],
)
def test_mistakes_are_named(perfect, origin, complaint):
    with pytest.raises(InputError, match=complaint):
        card_of({**perfect, "origin": origin}, "a card")
