"""The spectrum of velocities: frequencies of oscillators and of crystals, windows, resumption."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols
from pydantic import ValidationError
from scipy.signal import find_peaks
from structures import diamond

from tlbench.base.formats import lasting
from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.extremes import QUANTITIES
from tlbench.md.protocol import FORCE, Criteria, Protocol
from tlbench.md.simulation import Simulation
from tlbench.md.spectrum import SpectrumTally, frequencies, mean_spectrum
from tlbench.metrics.spectrum import spectrum_error
from tlbench.reference.calculator import ReferenceCalculator
from tlbench.reference.stillinger_weber import StillingerWeber

SHORT = Protocol(
    temperature_k=900, time_ps=0.2, equilibration_ps=0.04, sample_fs=20,
    spectrum={"interval_fs": 4, "window_fs": 40},
)  # fmt: skip


def oscillating(at_thz, protocol, frames, amplitude=1.0):
    """Return the velocities of atoms that oscillate at frequencies, (points, n_atoms, 3)."""
    interval = 1e-3 * protocol.timestep_fs * protocol.spectrum_steps
    times = interval * np.arange(2 * protocol.spectrum_points)
    return amplitude * np.cos(2 * np.pi * np.multiply.outer(times, at_thz))[:, :, None] * [1, 0, 0]


def test_oscillators_are_at_their_frequencies_weighted_by_their_masses():
    protocol = Protocol(temperature_k=1, time_ps=20, spectrum={})
    atoms = bulk("GaAs", "zincblende", a=5.6)
    atoms.numbers = [6, 74]
    frames = Frames.unlabelled([atoms])
    tally = SpectrumTally.new(protocol, frames)
    for velocities in oscillating([5.0, 20.0], protocol, frames):
        tally.add(np.array([0]), frames, velocities)
    at = frequencies(protocol)
    assert (at[0], at[-1], at[1]) == pytest.approx((0, 50, 0.5))
    g = np.array(mean_spectrum(tally.power, at[1]))
    assert g.sum() * at[1] == pytest.approx(1, abs=1e-5)
    low, high = (g[(at > f - 2) & (at < f + 2)].sum() for f in (5, 20))
    assert high / low == pytest.approx(183.84 / 12.011, rel=1e-3)
    assert (at[g.argmax()], at[:20].take(g[:20].argmax())) == (20.0, 5.0)


def test_what_is_beyond_all_vibrations_is_exactly_zero():
    power = np.array([[1.0, 0.5, 1e-12, 1e-300]])
    assert mean_spectrum(power, 0.5) == [1.3333333, 0.6666667, 0.0, 0.0]


def test_an_unfinished_window_counts_nothing():
    frames = Frames.unlabelled([bulk("Si")])
    tally = SpectrumTally.new(SHORT, frames)
    for velocities in oscillating([5.0, 5.0], SHORT, frames)[: SHORT.spectrum_points - 1]:
        tally.add(np.array([0]), frames, velocities)
    assert mean_spectrum(tally.power, 1.0) is None


def test_the_error_is_the_distance_of_two_lines():
    at = 0.5 * np.arange(40)
    lines = [np.eye(40)[n] for n in (10, 16)]
    assert spectrum_error(at, *lines) == pytest.approx(3.0)
    assert spectrum_error(at, 7 * lines[0], lines[0]) == 0


def phonon_frequencies(crystal, potential):
    """Return all frequencies of a cell as phonopy has them, THz."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    symbols = [chemical_symbols[n] for n in crystal.atomic_numbers]
    cell = PhonopyAtoms(symbols=symbols, cell=crystal.cell[0], positions=crystal.positions)
    phonons = Phonopy(cell, supercell_matrix=np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    phonons.generate_displacements(distance=0.01)
    forces = []
    for each in phonons.supercells_with_displacements:
        moved = Atoms(symbols, each.positions, cell=each.cell, pbc=True)
        moved.calc = ReferenceCalculator(potential, potential.cutoff)
        forces.append(moved.get_forces())
    phonons.forces = forces
    phonons.produce_force_constants()
    phonons.run_qpoints([[0, 0, 0]])
    return np.abs(phonons.qpoints.frequencies[0])


def hann(cycles):
    """Return the Fourier transform of Hann's function, with frequencies in cycles per window."""
    return np.sinc(cycles) + 0.5 * (np.sinc(cycles - 1) + np.sinc(cycles + 1))


@pytest.mark.slow
def test_a_cold_crystal_vibrates_as_its_phonons_do():
    """Stillinger–Weber silicon at 10 K without a thermostat, beside phonopy's frequencies."""
    potential, crystal = StillingerWeber("Si"), diamond("Si", (2, 2, 2))
    protocol = Protocol(
        temperature_k=10, time_ps=4.1, equilibration_ps=0.0, friction_per_ps=0, sample_fs=100,
        spectrum={"interval_fs": 10, "window_fs": 2000},
    )  # fmt: skip
    start = Frames.concatenate([crystal] * 4)
    run = Simulation(start, ForceField.of(potential), protocol).run()
    at = frequencies(protocol)
    found = np.array(mean_spectrum(run.power, at[1]))
    modes = phonon_frequencies(crystal, potential)
    # Each mode has the same energy, and is as wide as the window makes it.
    lines = sum(hann(2 * (at[:, None] + sign * modes)) ** 2 for sign in (1, -1))
    wanted = (lines / lines.sum(axis=0)).sum(axis=1)
    wanted /= wanted.sum() * at[1]
    peaks = [find_peaks(g, prominence=0.04 * g.max())[0].tolist() for g in (found, wanted)]
    assert peaks[0] == peaks[1]
    assert at[peaks[0]].tolist() == [4.5, 7.0, 9.5, 12.0, 14.5, 16.5]
    # The energy of modes that begin with thermal velocities scatters.
    assert spectrum_error(at, found, wanted) < 0.5
    assert found[at > 18.5].sum() / found.sum() < 1e-3


def test_a_replica_has_the_same_spectrum_when_another_leaves_and_after_an_interruption(tmp_path):
    start, field = Frames.concatenate([diamond("Ge")] * 3), ForceField.of(StillingerWeber("Ge"))
    undisturbed = Simulation(start, field, SHORT).run()
    assert (undisturbed.power.sum(axis=1) > 0).all()

    def interrupt(done, total, alive):
        if done == 47:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Simulation(start, field, SHORT).run(tmp_path, interrupt)
    assert np.array_equal(Simulation(start, field, SHORT).run(tmp_path).power, undisturbed.power)

    forces = undisturbed.extremes[:, QUANTITIES.index(FORCE), -1]
    bounds = Criteria(max_force=float(np.sort(forces)[-2:].mean()))
    without_one = Simulation(start, field, SHORT.model_copy(update={"criteria": bounds})).run()
    (gone,) = (n for n, name in enumerate(without_one.criterion) if name)
    others = np.arange(3) != gone
    assert np.array_equal(without_one.power[others], undisturbed.power[others])


def test_simulations_do_not_change_with_it_and_without_it_nothing_is_stated():
    start, field = diamond("Ge"), ForceField.of(StillingerWeber("Ge"))
    without = SHORT.model_copy(update={"spectrum": None})
    one, other = (Simulation(start, field, protocol).run() for protocol in (SHORT, without))
    assert np.array_equal(one.msd, other.msd)
    assert other.power is None
    assert "spectrum" not in lasting(without)


@pytest.mark.parametrize(
    ("spectrum", "complaint"),
    [
        ({"window_fs": 400}, "no window of spectrum.window_fs"),
        ({"interval_fs": 10, "window_fs": 70}, "should be at least 8 times"),
    ],
)
def test_windows_that_cannot_be_are_refused(spectrum, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Protocol(temperature_k=900, time_ps=0.2, equilibration_ps=0.04, spectrum=spectrum)
