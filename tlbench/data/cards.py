"""Data-set cards: what a data set is, where it comes from, and under which licence."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from tlbench.errors import UnknownNameError
from tlbench.registry import near_names
from tlbench.schema import Lines, Strict, digest, read_yaml, validate

SPLITS = ("train", "validation", "test")


class Trajectories(Strict):
    """How many trajectories one part of a data set has at each temperature."""

    trajectories: PositiveInt
    frames: PositiveInt = Field(description="frames kept of each trajectory")


class Melt(Strict):
    """How trajectories that should be liquid are melted before they are equilibrated."""

    from_k: PositiveFloat = Field(description="lowest temperature that starts from the liquid")
    at_k: PositiveFloat = Field(description="temperature that melts the crystal")
    for_fs: PositiveFloat


class StillingerWeberOrigin(Strict):
    """Frames sampled from Langevin dynamics of a Stillinger–Weber diamond crystal.

    The three parts come from different trajectories, so no test frame is a neighbour in time
    of a training frame.
    """

    kind: Literal["stillinger-weber"]
    lattice_constant: PositiveFloat = Field(description="conventional cell, Å")
    repeats: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="conventional 8-atom cells along each direction"
    )
    temperatures_k: list[Annotated[float, Field(gt=0, le=10_000)]] = Field(min_length=1)
    timestep_fs: Annotated[float, Field(gt=0, le=4)]
    friction_per_ps: PositiveFloat
    melt: Melt | None = Field(description="None: every trajectory starts from the crystal")
    equilibration_fs: PositiveFloat
    interval_fs: PositiveFloat = Field(description="time between kept frames")
    seed: int
    train: Trajectories
    validation: Trajectories
    test: Trajectories

    def check_elements(self, elements: list[str]) -> None:
        """Refuse elements that the potential has no parameters for."""
        if elements not in (["Si"], ["Ge"]):
            raise ValueError(
                f"Stillinger–Weber data are of Si or of Ge, not of {', '.join(elements)}"
            )

    @field_validator("temperatures_k")
    @classmethod
    def _distinct(cls, value: list[float]) -> list[float]:
        if sorted(set(value)) != value:
            raise ValueError("temperatures should be distinct and ascending")
        return value

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        part: Trajectories = getattr(self, split)
        return part.trajectories * part.frames * len(self.temperatures_k)


class Units(Strict):
    """Units of a data set, as tlbench holds it."""

    length: Literal["angstrom"]
    energy: Literal["eV"]
    force: Literal["eV/angstrom"]
    stress: Literal["GPa"]


class Card(Strict):
    """A data set: its origin, theory, licence and citation. See ``datasets/``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str
    description: str
    elements: list[str] = Field(min_length=1)
    level_of_theory: str
    licence: str
    citation: list[str] = Field(min_length=1)
    units: Units
    origin: StillingerWeberOrigin

    @model_validator(mode="after")
    def _elements_fit_the_origin(self) -> "Card":
        self.origin.check_elements(self.elements)
        return self

    def n_frames(self, split: str) -> int:
        """Return the number of frames in ``split`` (train, validation or test)."""
        return self.origin.n_frames(split)

    def recipe(self) -> dict[str, Any]:
        """Return everything that determines the frames, and nothing else."""
        return {"elements": self.elements, "origin": self.origin.model_dump(mode="json")}

    def digest(self) -> str:
        """Return the SHA-256 of the recipe."""
        return digest(self.recipe())


def card_folder() -> Path:
    """Return the folder of the cards that tlbench ships."""
    packaged = Path(str(files("tlbench"))) / "datasets"
    # In a checkout the cards stand at the top of the repository, where people look for them.
    return packaged if packaged.is_dir() else packaged.parent.parent / "datasets"


def card_names() -> list[str]:
    """Return the names of the cards that tlbench ships, sorted."""
    return sorted(path.stem for path in card_folder().glob("*.yaml"))


def load_card(
    name: str,
    changes: Mapping[str, Any] | None = None,
    changed_in: str = "the changes",
    lines: Lines | None = None,
    within: tuple[str, ...] = (),
) -> Card:
    """Read the card called ``name`` and apply ``changes`` to its origin.

    Parameters
    ----------
    changed_in, lines, within
        Document in which the changes are written, the lines of its keys, and the keys under
        which the changes stand; for messages.

    Raises
    ------
    UnknownNameError
        If there is no such card.
    InputError
        If the card, or a change, is not valid.
    """
    names = card_names()
    if name not in names:
        raise UnknownNameError(f"Unknown data set {name!r}; {near_names(name, names)}")
    path = card_folder() / f"{name}.yaml"
    value, card_lines = read_yaml(path)
    card = validate(Card, value, str(path), card_lines)
    if not changes:
        return card
    origin = validate(type(card.origin), {**value["origin"], **changes}, changed_in, lines, within)
    return card.model_copy(update={"origin": origin})
