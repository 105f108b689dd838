"""Curves of properties by what a figure shows of them: pair curves, band structures, and so on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tlbench.properties.spec import Curve
from tlbench.results.properties import PropertyCurves
from tlbench.study.model_key import Place, Transfer

BRANCH = "branch"
"""Item of the condition of curves that are shown as one."""

TITLES = {
    "dimer": "Energy of two atoms",
    "eos": "Equation of state",
    "phonon_bands": "Phonon bands",
    "phonon_dos": "Phonon density of states",
}


def title_of(name: str) -> str:
    """Return what curves of a name show, in words."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def label(curve: Curve) -> str:
    """Return the condition of a curve in words, or its name if it has none or is one branch."""
    if BRANCH in curve.condition:
        return curve.name
    return ", ".join(map(str, curve.condition.values())) or curve.name


@dataclass(frozen=True)
class CurvesOfArms:
    """Curves of one kind, which share their axes.

    Attributes
    ----------
    reference
        The branches of the reference; empty where there is none.
    arms
        The branches of each model that has them, by arm.
    n_models
        How many models of each arm the property was computed of.
    """

    name: str
    reference: list[Curve] = field(default_factory=list)
    arms: dict[Place, list[list[Curve]]] = field(default_factory=dict)
    n_models: dict[Place, int] = field(default_factory=dict)

    @property
    def has_branches(self) -> bool:
        """Whether models have several curves each, as band structures have."""
        return any(BRANCH in each[0].condition for some in self.arms.values() for each in some)

    def at(self, size: int) -> "CurvesOfArms":
        """Return those of models of ``size`` structures, and of arms without target data."""
        arms = {place: some for place, some in self.arms.items() if place.size in (0, size)}
        return CurvesOfArms(self.name, self.reference, arms, self.n_models)


def curves_of_arms(
    every: Iterable[PropertyCurves],
    name: str,
    models: Sequence[tuple[Transfer, Place]],
) -> dict[str, CurvesOfArms]:
    """Return the curves of a name by what is in one figure, in words; "" where there is but one.

    That is one transfer, one condition such as a pair of elements, and, where models have several
    branches, one number of structures.

    Parameters
    ----------
    models
        Transfer and arm of every model that the property was computed of.
    """
    every = list(every)
    found: dict[str, CurvesOfArms] = {}
    transfers = list(dict.fromkeys(transfer for transfer, _ in models))
    named = [curve for each in every for curve in each.curves if curve.name == name and curve.x]
    labels = list(dict.fromkeys(map(label, named)))
    for transfer in transfers:
        places = [place for other, place in models if other == transfer]
        for each in labels:
            some = CurvesOfArms(name, n_models={p: places.count(p) for p in places})
            for subject in every:
                own = [c for c in subject.curves if c.name == name and c.x and label(c) == each]
                if subject.target != transfer.target or not own:
                    continue
                if subject.model is None:
                    some.reference.extend(own)
                elif subject.model.transfer == transfer:
                    some.arms.setdefault(subject.model.place, []).append(own)
            words = [transfer.label()] if len(transfers) > 1 else []
            words += [each] if len(labels) > 1 else []
            if not some.arms:
                continue
            if not some.has_branches:
                found[", ".join(words)] = some
                continue
            sizes = sorted({place.size for place in some.arms} - {0}) or [0]
            for size in sizes:
                of_size = [f"N = {size}"] if len(sizes) > 1 else []
                found[", ".join([*words, *of_size])] = some.at(size)
    return found
