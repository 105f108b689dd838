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
WORDS = {
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
}


@dataclass(frozen=True)
class Published:
    """A published run of a suite, as its report shows it."""

    entry: Entry

    @classmethod
    def of(cls, suite: str, name: str) -> "Published":
        return cls(read_submission(ROOT / "leaderboard" / "results" / suite / name))

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
def shorter() -> Published:
    """Return the run on Stillinger–Weber data with 400 updates."""
    return Published.of("properties-sw-cpu", "2026-11-29-two-cores")


@pytest.fixture(scope="module")
def longer() -> Published:
    """Return that with 1,600 updates."""
    return Published.of("properties-sw-cpu", "2026-11-29-two-cores-1600-updates")


@pytest.fixture(scope="module")
def dft() -> Published:
    return Published.of("properties-dft-cpu", "2026-11-29-two-cores")


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join((ROOT / "docs" / "properties.md").read_text().split())


def test_what_follows_the_force_error(shorter, longer, page):
    trained = {each.trained: each.model.strategy != "zero-shot" for each in longer.found}
    assert (len(trained), WORDS[sum(not each for each in trained.values())]) == (70, "ten")
    assert (
        f"Over the {sum(trained.values())} models of Stillinger–Weber germanium with 1,600 updates "
        "and ten of silicon as they are"
    ) in page
    followed = [each for each in longer.following if each.p < 0.05]
    assert all(each.overall.rho > 0 for each in followed)
    assert f"errors of {WORDS[len(followed)]} of {len(longer.following)} values do" in page
    assert {each.shown.label for each in followed} == {
        "lattice a diamond", "eos B", "eos E at 1.1 V", "elastic C11", "elastic C12", "elastic C44",
        "phonons error of the DOS", "phonons highest at Γ", "phonons highest at L",
    }  # fmt: skip
    (lattice,) = [each for each in shorter.following if each.p < 0.05]
    assert lattice.shown.label == "lattice a diamond"
    assert "With 400 updates it was the lattice constant alone" in page
    within = {
        name: [
            spearmanr(
                *zip(*(q for (arm, _), q in e.points.items() if arm.backbone == name), strict=True)
            ).statistic
            for e in followed
        ]
        for name in NAMES
    }
    assert (
        "among DimeNet++ models these nine correlations are {:.2f} to {:.2f}, among SchNet models "
        "{:.2f} to {:.2f}."
    ).format(*(end(within[name]) for name in NAMES for end in (min, max))) in page


def test_what_does_not(longer, page):
    assert "For vacancies, surfaces and dimers no relation is seen with 1,600 updates" in page
    others = [
        each
        for each in longer.following
        if each.shown.of_property in ("vacancy", "surface", "dimer")
    ]
    assert len(others) == 8
    assert not any(each.overall.is_resolved for each in others)


def test_what_follows_in_the_run_on_dft_data(dft, page):
    followed = dft.following
    assert f"On DFT data {WORDS[len(followed)]} values have a reference, and both follow" in page
    assert all(each.p < 0.05 and each.overall.rho > 0 for each in followed)


def test_nothing_follows_within_arms(shorter, longer, dft, page):
    assert "their seeds alone, no error of a property follows the force error." in page
    for run in (shorter, longer, dft):
        assert min(e.p_within for e in run.following if e.p_within is not None) >= 0.05


def ratios(run: Published, backbone: str, name: str) -> list[float]:
    """Return those of errors of a property, fine-tuned to scratch, of all values and N."""
    return [
        each.error.value
        for each in run.compared
        if (each.place.backbone, each.shown.of_property) == (backbone, name)
    ]


def test_what_transfer_does_to_properties(shorter, longer, dft, page):
    forces = {each.place: each.force.value for each in longer.compared}
    assert len(forces) == 6
    gains = [100 * (1 - r) for place, r in forces.items() if place.backbone == "dimenetpp"]
    assert (
        f"DimeNet++ has {min(gains):.0f} to {max(gains):.0f} % lower force errors with transfer"
    ) in page
    assert "and lower errors of vacancies and of surfaces at every N" in page
    assert max(ratios(longer, "dimenetpp", "vacancy")) < 1
    assert max(ratios(longer, "dimenetpp", "surface")) < 1
    assert "SchNet has the same force errors within 4 %" in page
    of_schnet = [abs(r - 1) for place, r in forces.items() if place.backbone == "schnet"]
    assert max(of_schnet) < 0.04
    before = ratios(shorter, "dimenetpp", "surface")
    assert (f"all {WORDS[len(before)]} errors of surfaces of DimeNet++ were *larger*") in page
    assert min(before) > 1
    assert "Of no property is the error larger beyond chance where the force error is" in page
    assert not any(e.is_beyond_chance for run in (shorter, longer, dft) for e in run.compared)


def test_a_model_that_is_used_as_it_is_has_the_better_bulk_modulus(longer, page):
    (as_it_is,) = longer.errors("force_mae", "schnet", "zero-shot").values()
    tuned = longer.errors("force_mae", "schnet", "finetune").values()
    ratios = [np.mean([*as_it_is.values()]) / np.mean([*each.values()]) for each in tuned]
    assert (
        "has a larger force error than SchNet fine-tuned on germanium "
        f"({min(ratios):.1f} to {max(ratios):.1f} times after 1,600 updates)"
    ) in page
    condition = {"property": "eos"}
    (of_it,) = longer.errors("bulk_modulus_error", "schnet", "zero-shot", **condition).values()
    others = longer.errors("bulk_modulus_error", "schnet", "finetune", **condition)
    ratios = [
        np.mean([each[seed] for seed in of_it]) / np.mean([*of_it.values()])
        for each in others.values()
    ]
    assert (
        f"but a {min(ratios):.0f} to {max(ratios):.0f} times smaller error of the bulk modulus "
        f"({WORDS[len(of_it)]} models have one)"
    ) in page


def test_how_many_crystals_are_unstable(shorter, longer, dft, page):
    runs = (shorter, longer, dft)
    elastic, vacancy, surface = (
        [run.n_unstable(name) for run in runs] for name in ("elastic", "vacancy", "surface")
    )
    assert {len(run.of_property("elastic")) for run in runs} == {70}
    assert "of 70 models each. Most elastically unstable ones are SchNet from scratch" in page
    names = ("Stillinger–Weber | 400", "Stillinger–Weber | 1,600", "DFT | 400")
    for name, *counts in zip(names, elastic, vacancy, surface, strict=True):
        assert f"| {name} | {' | '.join(map(str, counts))} |" in page
    for run in (shorter, dft):
        unstable = [
            each.model
            for each in run.of_property("elastic")
            if any(isinstance(value, UnphysicalValue) for value in each.values)
        ]
        some = [m for m in unstable if (m.backbone, m.strategy) == ("schnet", "scratch")]
        assert len(some) > len(unstable) / 2


def test_the_time_of_each_property(shorter, page):
    seconds = {job.job: job.cpu_seconds for job in shorter.entry.provenance}
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
                seconds[p.job] for p in shorter.of_property(each) if p.model.backbone == backbone
            ]
            assert f"medians over {len(times)} models" in page
            wanted.append(f"{written(np.median(times))} ({written(max(times))})")
        assert table[name] == wanted
