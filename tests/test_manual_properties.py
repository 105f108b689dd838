"""Numbers in the manual's page on properties are those that follow from the published runs."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from tlbench.board.reading import Entry, read_submission
from tlbench.report.analysis import Analysis
from tlbench.report.properties.contradictions import PairedErrors, comparisons
from tlbench.report.properties.following import Following, following
from tlbench.report.properties.values import ShownValue, shown_values
from tlbench.results.properties import ModelProperty, UnphysicalValue
from tlbench.study.model_key import Place

ROOT = Path(__file__).parents[1]
NAMES = {"dimenetpp": "DimeNet++", "schnet": "SchNet"}
WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}


@dataclass(frozen=True)
class Published:
    """The latest published run of a suite, as its report shows it."""

    entry: Entry

    @classmethod
    def of(cls, suite: str) -> "Published":
        *_, folder = sorted((ROOT / "leaderboard" / "results" / suite).iterdir())
        return cls(read_submission(folder))

    @cached_property
    def analysis(self) -> Analysis:
        entry = self.entry
        measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
        return Analysis(measured, entry.suite, ("force_mae",))

    @cached_property
    def found(self) -> list[ModelProperty]:
        arms = {row.arm for row in self.analysis.rows}
        return [each for each in self.analysis.results.properties if each.model.place in arms]

    def of_property(self, name: str) -> list[ModelProperty]:
        return [each for each in self.found if each.property == name]

    @cached_property
    def shown(self) -> list[ShownValue]:
        names = dict.fromkeys(each.property for each in self.found)
        return [each for name in names for each in shown_values(name, self.of_property(name))]

    @cached_property
    def following(self) -> list[Following]:
        return following(self.analysis, self.shown)

    @cached_property
    def compared(self) -> list[PairedErrors]:
        return comparisons(self.analysis, self.shown)

    def n_unstable(self, name: str) -> int:
        """Return of how many models values of a property are those of an unstable crystal."""
        return sum(
            any(isinstance(value, UnphysicalValue) for value in each.values)
            for each in self.of_property(name)
        )

    def errors(
        self, metric: str, backbone: str, strategy: str, **condition: str
    ) -> dict[Place, dict[int, float]]:
        """Return arm → init seed → error, at the largest budget."""
        some: dict[Place, dict[int, float]] = {}
        places = {row.arm for row in self.analysis.rows}
        for r in self.analysis.results.records:
            place = r.model.place
            if (
                (r.metric, r.condition) == (metric, condition)
                and place in places
                and ((place.backbone, place.strategy) == (backbone, strategy))
            ):
                some.setdefault(place, {})[r.model.init_seed] = r.value
        return some


@pytest.fixture(scope="module")
def stillinger_weber() -> Published:
    return Published.of("properties-sw-cpu")


@pytest.fixture(scope="module")
def dft() -> Published:
    return Published.of("properties-dft-cpu")


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join((ROOT / "docs" / "properties.md").read_text().split())


def test_correlations_within_backbones(stillinger_weber, page):
    lattice = stillinger_weber.following[0]
    assert lattice.shown.label == "lattice a diamond"
    of = {
        name: spearmanr(
            *zip(
                *(p for (arm, _), p in lattice.points.items() if arm.backbone == name), strict=True
            )
        ).statistic
        for name in NAMES
    }
    n_models = len({each.trained for each in stillinger_weber.found})
    assert f"Over the {n_models} models of Stillinger–Weber germanium" in page
    assert (
        f"it is {of['dimenetpp']:.2f} among DimeNet++ models and {of['schnet']:.2f} among SchNet "
        "models"
    ) in page


def test_which_intervals_exclude_zero(stillinger_weber, page):
    lattice, *others = stillinger_weber.following
    assert [each for each in (lattice, *others) if each.p < 0.05] == [lattice]
    resolved = [each for each in others if each.overall.is_resolved]
    assert (
        f"Of {WORDS[len(resolved)]} of the other {len(others)} values the interval excludes 0 as "
        f"well, but not when all {1 + len(others)} tests are allowed for, and for the depth of the "
        "dimer with the opposite sign."
    ) in page
    against = [each.shown.label for each in resolved if each.overall.rho < 0]
    assert against == ["dimer depth"]
    assert "For surfaces no relation is seen." in page
    assert not any(each.shown.of_property == "surface" for each in resolved)


def test_what_follows_in_the_run_on_dft_data(dft, page):
    followed = dft.following
    assert f"On DFT data {WORDS[len(followed)]} values have a reference, and both follow" in page
    assert all(each.p < 0.05 and each.overall.rho > 0 for each in followed)


def test_nothing_follows_within_arms(stillinger_weber, dft, page):
    assert "their seeds alone, no error of a property follows the force error." in page
    for run in (stillinger_weber, dft):
        assert min(e.p_within for e in run.following if e.p_within is not None) >= 0.05


def test_force_errors_are_lower_and_those_of_surfaces_larger(stillinger_weber, page):
    compared = stillinger_weber.compared
    forces = {each.place: each.force for each in compared if each.shown.symbol == "(100)"}
    assert len(forces) == 6
    assert "In every arm and N of the Stillinger–Weber run the force error is lower" in page
    assert max(ratio.value for ratio in forces.values()) < 1
    gains = {
        name: [100 * (1 - r.value) for place, r in forces.items() if place.backbone == name]
        for name in NAMES
    }
    assert (
        "with transfer (by {:.0f} to {:.0f} % for DimeNet++ and by {:.0f} to {:.0f} % for SchNet)"
    ).format(*(end(gains[name]) for name in NAMES for end in (min, max))) in page
    ratios = [each.error.value for each in compared if each.shown.of_property == "surface"]
    assert f"surface energies are larger, {min(ratios):.1f} to {max(ratios):.0f} times." in page
    assert "Allowing for all comparisons, each may be chance." in page
    assert not any(each.is_beyond_chance for each in compared)


def test_a_model_that_is_used_as_it_is_has_the_better_bulk_modulus(stillinger_weber, page):
    (as_it_is,) = stillinger_weber.errors("force_mae", "schnet", "zero-shot").values()
    tuned = stillinger_weber.errors("force_mae", "schnet", "finetune").values()
    ratios = [np.mean([*as_it_is.values()]) / np.mean([*each.values()]) for each in tuned]
    assert "has twice the force error of SchNet fine-tuned" in page
    assert {round(each) for each in ratios} == {2}
    condition = {"property": "eos"}
    (of_it,) = stillinger_weber.errors(
        "bulk_modulus_error", "schnet", "zero-shot", **condition
    ).values()
    others = stillinger_weber.errors("bulk_modulus_error", "schnet", "finetune", **condition)
    ratios = [
        np.mean([each[seed] for seed in of_it]) / np.mean([*of_it.values()])
        for each in others.values()
    ]
    assert (
        f"but a {min(ratios):.0f} to {max(ratios):.0f} times smaller error of the bulk modulus "
        f"({WORDS[len(of_it)]} models)"
    ) in page


def test_how_many_crystals_are_unstable(stillinger_weber, dft, page):
    both = [(run.n_unstable("elastic"), len(run.of_property("elastic"))) for run in
            (stillinger_weber, dft)]  # fmt: skip
    (of_sw, n_sw), (of_dft, n_dft) = both
    assert (
        f"crystals of {of_sw} of {n_sw} models are elastically unstable in the run on "
        f"Stillinger–Weber data, and of {of_dft} of {n_dft} in that on DFT data"
    ) in page
    assert "most of them SchNet from scratch" in page
    for run in (stillinger_weber, dft):
        unstable = [
            each.model
            for each in run.of_property("elastic")
            if any(isinstance(value, UnphysicalValue) for value in each.values)
        ]
        some = [m for m in unstable if (m.backbone, m.strategy) == ("schnet", "scratch")]
        assert len(some) > len(unstable) / 2
    energies = [[run.n_unstable(name) for name in ("vacancy", "surface")] for run in
                (stillinger_weber, dft)]  # fmt: skip
    assert (
        f"{energies[0][0]} and {energies[1][0]} models have a vacancy, {energies[0][1] or 'no'} "
        f"and {energies[1][1]} a surface of negative energy"
    ) in page


def test_the_time_of_each_property(stillinger_weber, page):
    seconds = {job.job: job.cpu_seconds for job in stillinger_weber.entry.provenance}
    text = (ROOT / "docs" / "properties.md").read_text()
    titles, *rows = re.findall(r"^\|(.*)\|$", text.partition("**Time.**")[2], re.MULTILINE)
    names = [name.strip() for name in titles.split("|")[1:]]
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    table = {first: others for first, *others in cells}

    def written(value: float) -> str:
        return f"{value:.1f}" if value < 10 else f"{value:.0f}"

    for backbone, name in NAMES.items():
        wanted = []
        for each in names:
            times = [
                seconds[p.job]
                for p in stillinger_weber.of_property(each)
                if p.model.backbone == backbone
            ]
            assert f"medians over {len(times)} models" in page
            wanted.append(f"{written(np.median(times))} ({written(max(times))})")
        assert table[name] == wanted
