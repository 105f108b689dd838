"""The pictures of README and findings show what published runs say."""

import re

import numpy as np
import pytest
from published import STRATEGIES, at_rates, of_rates, script


@pytest.mark.parametrize("name", ["universal-cpu", "si-ge-dft-cpu"])
def test_figures_are_where_the_records_say(name):
    """Heights of the drawn points are those of logarithms of the numbers, to a tenth of a pixel."""
    picture = script("picture")
    drawn = re.findall(
        r'class="point" transform="translate\(([\d.]+),([\d.]+)\)"',
        (picture.IMAGES / f"{name}.svg").read_text(),
    )
    figure, _ = picture.FIGURES[name]
    traces = [t for t in figure().data if t.mode and "markers" in t.mode]
    numbers = [y for trace in traces for y in trace.y]
    assert len(drawn) == len(numbers) > 20
    # Panels are drawn one after the other.
    heights = np.array(sorted((float(y) for _, y in drawn), reverse=True))
    logs = np.log10(sorted(numbers))
    slope, start = np.polyfit(logs, heights, 1)
    assert slope < 0
    assert np.abs(slope * logs + start - heights).max() < 0.1


def test_points_of_the_figure_of_starts_are_records():
    picture = script("picture")
    records = {
        round(r.value, 6)
        for r in picture.analysis().results.records
        if r.metric == picture.METRIC and not r.condition and r.model.size
    }
    shown = [y for trace in picture.starts().data if trace.mode == "markers" for y in trace.y]
    assert len(shown) > 20
    assert {round(y, 6) for y in shown} <= records


def test_points_of_the_figure_of_training_are_those_of_the_table():
    by_rate, *of_sizes = (trace for trace in script("picture").training().data)
    arms = ("scratch", "finetune")
    known = {row.mean.value for arm in arms for row in of_rates(10, arm, 1600).values()}
    assert {*by_rate.y} <= known
    least = {}
    for size in (10, 40, 195):
        for *_, best in at_rates(size):
            for key, row in best.items():
                if key[2] not in STRATEGIES and key[3] == size:
                    least[key] = min(least.get(key, np.inf), row.mean.value)
    of_best = [trace for trace in of_sizes if trace.xaxis == "x2"]
    assert {y for trace in of_best for y in trace.y} == {*least.values()}
    assert len(of_rates(10, "scratch", 1600)) == len(by_rate.x)
