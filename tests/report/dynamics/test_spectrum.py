"""The spectrum of velocities in a report."""

import numpy as np
from made_up_dynamics import model, of

from tlbench.report.dynamics.figures import spectrum_curves
from tlbench.report.dynamics.models import arms_of
from tlbench.report.dynamics.section import dynamics_section

AT = (0.5 * np.arange(40)).tolist()


def line(n):
    """Return a spectrum of one frequency."""
    return (2 * np.eye(40)[n]).tolist()


def test_spectra_of_models_are_over_that_of_the_reference():
    found = of(
        model("scratch", spectrum=line(8)), model("finetune", spectrum=line(10)),
        frequencies=AT, spectrum=line(12),
    )  # fmt: skip
    (figure,) = (
        each
        for each in dynamics_section(found, []).figures
        if each.name == "spectrum-of-velocities"
    )
    (draw,) = figure.cases.values()
    drawn = draw()
    peaks = {trace.name: trace.x[int(np.argmax(trace.y))] for trace in drawn.data}
    assert peaks == {"scratch": 4.0, "finetune": 5.0, "reference": 6.0}
    # The axis ends with the last frequency that there is.
    assert list(drawn.layout.xaxis.range) == [0, 6.0]


def test_a_reference_of_frames_has_none_and_the_models_are_shown():
    found = of(model("scratch", spectrum=line(8)), frequencies=AT)
    figure = spectrum_curves(found, arms_of(found, []), ["scratch"])
    assert {trace.name for trace in figure.data} == {"scratch"}


def test_without_spectra_there_is_no_figure():
    assert not any(
        "spectrum" in each.name for each in dynamics_section(of(model("scratch")), []).figures
    )
