"""A suite with simulations, end to end on tiny models; its files, records and reference."""

import numpy as np
import pytest
from command_line import without_workers

from tlbench.base.errors import InputError
from tlbench.metrics.spectrum import velocity_spectrum_error_of
from tlbench.results.dynamics import DYNAMICS_FORMAT, FILE
from tlbench.results.records import read_records

SETTINGS = [
    "--set", "strategies=[scratch, zero-shot]",
    "--set", "sizes=[2]",
    "--set", "subset_seeds=[0]",
    "--set", "metrics=[force_mae, rdf_error_beyond_core, velocity_spectrum_error]",
    "--set", "dynamics={temperature_k: 700, time_ps: 0.2, equilibration_ps: 0.05, replicas: 3, "
    "start: nearest, stop: extreme, criteria: {structure_error: 0.5, window_fs: 50}, "
    "spectrum: {interval_fs: 10, window_fs: 100}}",
]  # fmt: skip


@pytest.fixture(scope="module")
def simulated(smoke, tmp_path_factory):
    """Run the smoke suite with simulations, from the store of the smoke suite."""
    out = tmp_path_factory.mktemp("simulated")
    finished = without_workers(
        "run", "smoke", *SETTINGS, "--workers", 1, "--out", out, "--store", smoke.store
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return out


def test_every_model_of_the_size_is_simulated(simulated):
    found = DYNAMICS_FORMAT.read(simulated / FILE)
    assert {(m.model.backbone, m.model.strategy, m.model.size) for m in found.models} == {
        (backbone, *arm)
        for backbone in ("dimenetpp", "schnet")
        for arm in (("scratch", 2), ("zero-shot", 0))
    }
    for model in found.models:
        assert len(model.survival_ps) == len(model.criterion) == 3
        assert all(0 <= time <= 0.2 for time in model.survival_ps)
        ends = zip(model.survival_ps, model.criterion, strict=True)
        assert all(time == 0.2 for time, name in ends if name == "")
        assert (model.structure is None) == (model.n_stable == 0)


def test_spectra_are_those_of_stable_replicas_and_their_errors_follow_from_them(simulated):
    found = DYNAMICS_FORMAT.read(simulated / FILE)
    reference = found.reference
    at = np.array(reference.frequencies)
    assert at == pytest.approx(10 * np.arange(6))
    records = {
        r.job: r.value
        for r in read_records(simulated / "records.jsonl")
        if r.metric == "velocity_spectrum_error"
    }
    stable = [run for run in found.models if run.n_stable]
    assert stable
    assert set(records) == {run.job for run in stable}
    for run in stable:
        for each in (run.spectrum, reference.spectrum):
            assert sum(each) * at[1] == pytest.approx(1, abs=1e-4)
        distance = np.abs(np.cumsum(np.array(run.spectrum) - reference.spectrum)).sum() * at[1] ** 2
        assert records[run.job] == pytest.approx(distance, rel=1e-4)
        compared = reference.comparison(run.survival_ps, run.criterion, run.structure, run.msd,
                                        run.spectrum)  # fmt: skip
        assert records[run.job] == velocity_spectrum_error_of(compared)
        assert not reference.fits(run.structure, run.msd, run.spectrum[:-1])
    page = (simulated / "report.html").read_text()
    assert "spectrum-of-velocities" in page


def test_extremes_of_every_replica_are_kept(simulated):
    found = DYNAMICS_FORMAT.read(simulated / FILE)
    for run in (found.reference, *found.models):
        extremes = run.extremes
        assert extremes.times_ps == pytest.approx([0.05, 0.1, 0.15, 0.2])
        for name, low, high in (
            ("temperature", 0.3, 11), ("closest_pair", 0.3, 1.1), ("force", 0.1, 1000),
            ("energy", 0, 5), ("structure", 0, 20),
        ):  # fmt: skip
            series = getattr(extremes, name)
            assert len(series) == 3
            assert all(low <= value <= high for values in series for value in values), name
    # One window after equilibration ends with the second sample.
    assert all(0 == first < second for first, second, *_ in found.reference.extremes.structure)


def test_what_simulations_start_from_is_known(simulated):
    reference = DYNAMICS_FORMAT.read(simulated / FILE).reference
    assert reference.start_structure == "nearest"
    assert (reference.frames_temperature_k, reference.start_phase) == (600, "crystal")
    assert "start from crystal frames sampled at 600 K" in (simulated / "summary.md").read_text()


def test_the_reference_stands_beside_with_its_floor(simulated):
    reference = DYNAMICS_FORMAT.read(simulated / FILE).reference
    assert reference.element == "Ge"
    assert reference.temperature_k == 700
    assert reference.false_alarms == 0
    assert 0 < reference.rdf_floor < 0.3
    assert 0 <= reference.adf_floor < 0.1
    # Beyond 5 Å, in so small a cell, are the periodic images of each atom.
    g = np.array(reference.structure.rdf)[:100]
    assert reference.distances[int(g.argmax())] == pytest.approx(2.45, abs=0.08)
    assert reference.structure.coordination == pytest.approx(4, abs=0.05)


def test_records_hold_the_metrics_of_dynamics(simulated):
    records = [r for r in read_records(simulated / "records.jsonl") if r.condition]
    records = [r for r in records if r.condition == {"md_temperature_k": 700}]
    dynamics = DYNAMICS_FORMAT.read(simulated / FILE)
    rates = {r.job: r.value for r in records if r.metric == "stability_rate"}
    assert rates == {m.job: m.n_stable / 3 for m in dynamics.models}
    times = {r.job: r.value for r in records if r.metric == "survival_time"}
    assert times == pytest.approx({m.job: np.mean(m.survival_ps) for m in dynamics.models})
    structured = {m.job for m in dynamics.models if m.structure}
    for name in ("rdf_error", "rdf_error_beyond_core"):
        assert {r.job for r in records if r.metric == name} == structured


def test_the_report_and_the_summary_speak_of_it(simulated):
    assert "Molecular dynamics" in (simulated / "report.html").read_text()
    assert "**Molecular dynamics**" in (simulated / "summary.md").read_text()


def test_a_file_that_holds_no_simulations_is_refused(tmp_path):
    path = tmp_path / FILE
    with pytest.raises(InputError, match="cannot be read"):
        DYNAMICS_FORMAT.read(path)
    path.write_text('{"suite": "x"}')
    with pytest.raises(InputError, match="does not hold a summary of simulations"):
        DYNAMICS_FORMAT.read(path)


def test_a_suite_without_dynamics_writes_none(smoke):
    assert not (smoke.out / FILE).exists()
