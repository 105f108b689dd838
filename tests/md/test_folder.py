"""Simulations in folders: what they leave, how they are resumed, and what they refuse."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import ase.io
import pytest
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.base.locks import Lock
from tlbench.data.frames import Frames
from tlbench.md.batch import ForceField
from tlbench.md.checkpoint import load_arrays, save_arrays
from tlbench.md.folder import LOCK, OBSERVABLES, SETTINGS, TRAJECTORY, Settings, simulate
from tlbench.md.inputs import Driver
from tlbench.md.protocol import Criteria, Protocol
from tlbench.md.simulation import CHECKPOINT
from tlbench.reference.stillinger_weber import StillingerWeber

PROTOCOL = Protocol(
    temperature_k=900,
    time_ps=0.2,
    equilibration_ps=0.05,
    sample_fs=20,
    replicas=6,
    # So narrow that replicas leave at different times, one of them when a sample is due.
    criteria=Criteria(max_force=2.8),
)


def stillinger_weber(element: str = "Ge") -> Driver:
    return Driver(ForceField.of(StillingerWeber(element)), f"stillinger-weber:{element}", [])


class KilledError(Exception):
    """The process is no more."""


@dataclass
class Killer:
    """Ends a simulation at a step, its last checkpoint being that of another."""

    folder: Path
    step: int
    checkpoint: int

    def __call__(self, done: int, total: int, alive: int) -> None:
        # What lies there now was written after the step before.
        if done == self.checkpoint + 1 and self.checkpoint:
            shutil.copy(self.folder / CHECKPOINT, self.folder / "kept")
        if done == self.step:
            raise KilledError


def killed(folder: Path, step: int, checkpoint: int) -> None:
    killer = Killer(folder, step, checkpoint)
    with pytest.raises(KilledError):
        simulate(
            folder,
            diamond("Ge"),
            stillinger_weber(),
            PROTOCOL,
            on_step=killer,
            checkpoint_seconds=0,
        )
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if checkpoint:
        (folder / "kept").rename(folder / CHECKPOINT)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    found = simulate(folder, diamond("Ge"), stillinger_weber(), PROTOCOL)
    assert len(set(found.survival_ps)) > 2, "replicas should leave at different times"
    assert max(found.survival_ps) == 0.2
    return folder


def same(folder: Path, undisturbed: Path) -> bool:
    return all(
        (folder / name).read_bytes() == (undisturbed / name).read_bytes()
        for name in (TRAJECTORY, OBSERVABLES)
    )


def resume(folder: Path) -> list[int]:
    """Finish a simulation and return the steps that were done."""
    steps: list[int] = []
    simulate(
        folder,
        diamond("Ge"),
        stillinger_weber(),
        PROTOCOL,
        on_step=lambda done, total, alive: steps.append(done),
    )
    return steps


@pytest.mark.parametrize(
    ("step", "checkpoint"),
    [(5, 0), (35, 0), (12, 9), (12, 10), (12, 11), (60, 9), (60, 10), (60, 59), (100, 35)],
)
def test_killed_at_any_step_it_resumes_to_the_same_bytes(tmp_path, undisturbed, step, checkpoint):
    """With samples, and departures of replicas, before and after the last checkpoint."""
    killed(tmp_path, step, checkpoint)
    assert resume(tmp_path)[0] == checkpoint + 1
    assert same(tmp_path, undisturbed)


def test_killed_again_and_again(tmp_path, undisturbed):
    for step in (8, 21, 22, 47, 90):
        with pytest.raises(KilledError):
            simulate(
                tmp_path,
                diamond("Ge"),
                stillinger_weber(),
                PROTOCOL,
                on_step=Killer(tmp_path, step, 0),
                checkpoint_seconds=0,
            )
    assert resume(tmp_path)[0] == 90
    assert same(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_killed_process_has_written_what_its_checkpoint_knows(tmp_path, undisturbed):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import test_folder as t\n"
        "def die(done, total, alive):\n"
        "    if done == 61: os.kill(os.getpid(), signal.SIGKILL)\n"
        "t.simulate(Path(sys.argv[1]), t.diamond('Ge'), t.stillinger_weber(), t.PROTOCOL,\n"
        "           on_step=die, checkpoint_seconds=0)\n"
    )
    folders = [Path(__file__).parent, Path(__file__).parent.parent]
    finished = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        env={"PYTHONPATH": ":".join(map(str, folders))},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == -9, finished.stderr
    assert resume(tmp_path)[0] == 61
    assert same(tmp_path, undisturbed)


def drop_a_frame(path: Path) -> None:
    frames = ase.io.read(path, index=":")
    lines = path.read_bytes().splitlines(keepends=True)
    size = len(frames[0]) + 2
    path.write_bytes(b"".join(lines[:size] + lines[2 * size :]))


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        drop_a_frame,
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    ],
    ids=["gone", "a frame missing", "short", "zeros"],
)
def test_a_trajectory_that_lacks_samples_is_made_anew(tmp_path, undisturbed, damage):
    killed(tmp_path, 60, 59)
    damage(tmp_path / TRAJECTORY)
    assert resume(tmp_path)[0] == 1
    assert same(tmp_path, undisturbed)


def test_a_finished_simulation_is_not_done_again(tmp_path, undisturbed):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert resume(tmp_path) == []
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def run_for(folder: Path, time_ps: float, on_step=lambda done, total, alive: None) -> None:
    protocol = PROTOCOL.model_copy(update={"time_ps": time_ps})
    simulate(
        folder, diamond("Ge"), stillinger_weber(), protocol, on_step=on_step, checkpoint_seconds=0
    )


@pytest.mark.parametrize("times", [[0.12], [0.07], [0.06, 0.061, 0.13]])
def test_for_a_longer_time_it_goes_on_to_the_same_bytes(tmp_path, undisturbed, times):
    """Also where a time is no multiple of that between samples."""
    for time_ps in times:
        run_for(tmp_path, time_ps)
    assert (
        json.loads((tmp_path / OBSERVABLES).read_text())["survival_ps"]
        != json.loads((undisturbed / OBSERVABLES).read_text())["survival_ps"]
    ), "replicas should still run when the shorter simulation ends"
    assert resume(tmp_path)[0] == round(times[-1] / 0.002) + 1
    assert same(tmp_path, undisturbed)


def test_for_a_longer_time_without_a_replica_left_nothing_is_simulated(tmp_path, undisturbed):
    protocol = PROTOCOL.model_copy(update={"criteria": Criteria(max_force=2.2)})
    longer = protocol.model_copy(update={"time_ps": 0.4})
    for folder, asked in (("on", protocol), ("on", longer), ("once", longer)):
        found = simulate(tmp_path / folder, diamond("Ge"), stillinger_weber(), asked)
        assert "" not in found.criterion
    assert same(tmp_path / "on", tmp_path / "once")


@pytest.mark.parametrize("step", [61, 62, 75])
def test_killed_on_the_way_to_a_longer_time_it_goes_on(tmp_path, undisturbed, step):
    run_for(tmp_path, 0.12)
    with pytest.raises(KilledError):
        run_for(tmp_path, 0.2, Killer(tmp_path, step, 0))
    # What the shorter simulation found is not taken for what the longer one finds.
    assert not (tmp_path / OBSERVABLES).exists()
    assert resume(tmp_path)[0] == step
    assert same(tmp_path, undisturbed)


def test_interrupted_it_may_be_asked_for_a_longer_time(tmp_path, undisturbed):
    with pytest.raises(KilledError):
        run_for(tmp_path, 0.12, Killer(tmp_path, 40, 0))
    assert resume(tmp_path)[0] == 40
    assert same(tmp_path, undisturbed)


@pytest.mark.parametrize("change", [{}, {"equilibration_ps": 0.02}])
def test_a_shorter_time_is_refused(undisturbed, change):
    protocol = PROTOCOL.model_copy(update={"time_ps": 0.1, **change})
    with pytest.raises(InputError, match=r"of 0\.2 ps, longer than the 0\.1 ps asked for; read"):
        simulate(undisturbed, diamond("Ge"), stillinger_weber(), protocol)
    assert (undisturbed / OBSERVABLES).exists()


def test_a_longer_time_with_another_equilibration_is_refused_with_the_way_out(tmp_path):
    run_for(tmp_path, 0.12)
    changed = PROTOCOL.model_copy(update={"equilibration_ps": 0.08})
    with pytest.raises(InputError, match=r"to go on with it add --equilibration 0\.05, or"):
        simulate(tmp_path, diamond("Ge"), stillinger_weber(), changed)
    changed = PROTOCOL.model_copy(update={"seed": 4})
    with pytest.raises(InputError, match="a simulation with seed = 0 instead of 4"):
        simulate(tmp_path, diamond("Ge"), stillinger_weber(), changed)


def forget_the_time(checkpoint: Path) -> None:
    """Make a checkpoint that of a version which did not keep the time that was asked for."""
    arrays = load_arrays(checkpoint)
    save_arrays(checkpoint, {k: v for k, v in arrays.items() if k != "time_ps"})


@pytest.mark.parametrize("age", [Path.unlink, forget_the_time])
def test_a_finished_folder_of_an_older_version_is_left_alone(tmp_path, age):
    run_for(tmp_path, 0.12)
    age(tmp_path / CHECKPOINT)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"of 0\.12 ps that cannot go on, because its simul"):
        resume(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    run_for(tmp_path, 0.12, lambda *_: pytest.fail("it is finished"))


def test_a_checkpoint_of_an_older_version_is_resumed(tmp_path, undisturbed):
    killed(tmp_path, 60, 59)
    forget_the_time(tmp_path / CHECKPOINT)
    assert resume(tmp_path)[0] == 60
    assert same(tmp_path, undisturbed)


@pytest.mark.parametrize(
    ("driver", "start", "change", "complaint"),
    [
        ("Ge", diamond("Ge"), {"seed": 3}, "a simulation with seed = 0 instead of 3;"),
        ("Ge", diamond("Ge"), {"replicas": 9}, "a simulation with replicas = 6 instead of 9"),
        ("Si", diamond("Ge"), {}, "a simulation with another potential;"),
        ("Ge", diamond("Ge", rattle=0.1), {}, "a simulation with another structure;"),
    ],
)
def test_a_folder_of_another_simulation_is_refused(undisturbed, driver, start, change, complaint):
    before = {path: path.read_bytes() for path in undisturbed.iterdir()}
    protocol = PROTOCOL.model_copy(update=change)
    with pytest.raises(InputError, match=complaint):
        simulate(undisturbed, start, stillinger_weber(driver), protocol)
    assert {path: path.read_bytes() for path in undisturbed.iterdir()} == before


def test_an_unfinished_folder_of_another_simulation_is_refused(tmp_path):
    killed(tmp_path, 30, 0)
    before = (tmp_path / TRAJECTORY).read_bytes()
    with pytest.raises(InputError, match="another potential"):
        simulate(tmp_path, diamond("Ge"), stillinger_weber("Si"), PROTOCOL)
    assert (tmp_path / TRAJECTORY).read_bytes() == before


@pytest.mark.parametrize("name", [TRAJECTORY, OBSERVABLES, CHECKPOINT])
def test_a_file_of_someone_else_is_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"has a file {name}, but no settings.json"):
        resume(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", [SETTINGS, OBSERVABLES])
@pytest.mark.parametrize("text", ["", "{}", '{"half": ', "[1]", "\0"])
def test_a_damaged_file_is_named(tmp_path, undisturbed, name, text):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}: .*; choose another folder with --out"):
        resume(tmp_path)


@pytest.mark.parametrize("name", [SETTINGS, OBSERVABLES])
def test_files_state_their_format(tmp_path, undisturbed, name):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    held = json.loads((tmp_path / name).read_text())
    assert held["format"] == 1
    (tmp_path / name).write_text(json.dumps({**held, "format": 2}))
    with pytest.raises(InputError, match="newer version of tlbench"):
        resume(tmp_path)


def test_two_processes_do_not_write_into_one_folder(tmp_path):
    with Lock(tmp_path / LOCK), pytest.raises(InputError, match="Another process"):
        resume(tmp_path)
    assert not (tmp_path / TRAJECTORY).exists()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tlbench.md.trajectory.Trajectory.write", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        resume(tmp_path)


def test_the_settings_depend_on_what_the_trajectory_depends_on():
    (skew,) = diamond("Ge").to_ase()
    skew.cell[0, 1] = 0.1
    (slab,) = diamond("Ge").to_ase()
    slab.pbc[2] = False
    starts = [diamond("Ge"), diamond("Si"), diamond("Ge", rattle=1e-6)]
    starts += [Frames.unlabelled([skew]), Frames.unlabelled([slab])]
    digests = {Settings.of(stillinger_weber(), start, PROTOCOL).structure for start in starts}
    assert len(digests) == len(starts)
