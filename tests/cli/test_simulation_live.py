"""What a simulation of several elements shows on the terminal."""

from ase.build import bulk

from tlbench.cli.simulation_live import SimulationDisplay
from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.folder import simulate
from tlbench.md.inputs import Driver
from tlbench.md.protocol import Protocol
from tlbench.reference.stillinger_weber import StillingerWeber


def test_it_says_how_far_first_shells_reach(tmp_path, capsys):
    """Of germanium, the larger: 1.25 times twice its radius of 1.2 Å."""
    start = Frames.unlabelled([bulk("GeSi", "zincblende", a=5.653621, cubic=True)])
    driver = Driver(ForceField.of(StillingerWeber("Ge")), "stillinger-weber:Ge", [])
    protocol = Protocol(temperature_k=50, time_ps=0.1, equilibration_ps=0.02, sample_fs=20)
    SimulationDisplay(protocol, tmp_path).finish(simulate(tmp_path, start, driver, protocol))
    said = " ".join("".join(capsys.readouterr()).split())
    assert "4.00 neighbours in first shells, which reach to 3.00 Å for the largest" in said
