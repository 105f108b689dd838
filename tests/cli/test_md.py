"""``tlbench md``, as a user runs it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
import tiny
from ase.build import bulk

from tlbench.md.folder import LOCK, OBSERVABLES, SETTINGS, TRAJECTORY
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import CHECKPOINT
from tlbench.training.loss import fit_reference_energy


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with models of germanium and structures."""
    folder = tmp_path_factory.mktemp("inputs")
    model = tiny.potential("schnet")
    fit_reference_energy(model, tiny.labelled(tiny.crystals("Ge", 2), model))
    model.save(folder / "ge.safetensors")
    for element, a in (("Si", 5.43095), ("Ge", 5.653621)):
        crystal = bulk(element, "diamond", a=a)
        ase.io.write(folder / f"{element.lower()}.xyz", crystal, format="extxyz")
    (folder / "garbage.safetensors").write_bytes(b"\x93nonsense" * 20)
    (folder / "garbage.xyz").write_bytes(b"\x93nonsense" * 20)
    return folder


SHORT = ("--temperature", 300, "--time", 0.1, "--sample", 20)


def test_a_batch_leaves_a_trajectory_and_observables(printed, inputs, tmp_path):
    said = printed(
        "md", inputs / "ge.safetensors", inputs / "ge.xyz", *SHORT,
        "--replicas", 2, "--out", "out", "--seed", 5, "--friction", 0, "--timestep", 1,
    )  # fmt: skip
    assert "0.1 of 0.1 ps, 2 of 2 replicas running" in said
    assert re.search(r"^the end +2 +0\.1 ", said, re.MULTILINE)
    assert "out/trajectory.extxyz  out/observables.json" in said
    frames = ase.io.read(tmp_path / "out" / TRAJECTORY, index=":")
    assert [f.info["time_fs"] for f in frames] == [20, 20, 40, 40, 60, 60, 80, 80, 100, 100]
    assert [f.info["replica"] for f in frames] == [0, 1] * 5
    # At constant energy.
    total = [f.get_total_energy() for f in frames[::2]]
    assert max(total) - min(total) < 0.01 * frames[0].get_kinetic_energy()
    found = json.loads((tmp_path / "out" / OBSERVABLES).read_text())
    protocol = found["settings"]["protocol"]
    expected = {
        "temperature_k": 300, "time_ps": 0.1, "timestep_fs": 1, "friction_per_ps": 0,
        "replicas": 2, "seed": 5, "equilibration_ps": 0.02, "sample_fs": 20,
    }  # fmt: skip
    assert expected.items() <= protocol.items()
    assert found["survival_ps"] == [0.1, 0.1]
    assert found["provenance"]["packages"].keys() >= {"tlbench", "torch", "ase"}
    assert {"git_commit", "device", "potential", "structure"} <= found["provenance"].keys()


def test_a_finished_folder_says_so_and_shows_the_same_table(printed, inputs):
    arguments = ("md", "stillinger-weber:Ge", inputs / "ge.xyz", *SHORT)
    first = printed(*arguments).splitlines()
    second = printed(*arguments).splitlines()
    assert second[0] == "This simulation is already finished in runs/md; nothing was done."
    assert second[1:] == first[-len(second) + 1 :]
    assert not any("replicas running" in line for line in second)


def test_a_longer_time_goes_on_where_the_shorter_one_ended(printed, refused, inputs, tmp_path):
    arguments = ("md", "stillinger-weber:Ge", inputs / "ge.xyz", "--temperature", 300)
    arguments += ("--sample", 20)
    printed(*arguments, "--time", 0.1, "--out", "on")
    said = printed(*arguments, "--time", 0.2, "--out", "on")
    assert said.startswith("Going on from 0.1 ps.\n")
    # By default it averages after the time that it averaged after before.
    printed(*arguments, "--time", 0.2, "--out", "once", "--equilibration", 0.02)
    trajectories = [(tmp_path / name / TRAJECTORY).read_bytes() for name in ("on", "once")]
    assert trajectories[0] == trajectories[1]
    found = [json.loads((tmp_path / name / OBSERVABLES).read_text()) for name in ("on", "once")]
    assert all(each.pop("provenance") for each in found)
    assert found[0] == found[1]
    said = refused(*arguments, "--time", 0.1, "--out", "on")
    assert "on holds a simulation of 0.2 ps, longer than the 0.1 ps asked for; read these" in said
    said = refused(*arguments, "--time", 0.2, "--out", "on", "--replicas", 3)
    assert "on holds a simulation with replicas = 1 instead of 3; choose another folder" in said


def test_replicas_that_are_stopped_are_counted_by_what_stopped_them(printed, inputs, tmp_path):
    atoms = bulk("Ge", "diamond", a=5.653621)
    atoms.positions[1] = [0.5, 0.5, 0.5]
    ase.io.write(tmp_path / "close.xyz", atoms, format="extxyz")
    said = printed("md", "stillinger-weber:Ge", "close.xyz", *SHORT, "--replicas", 3)
    assert re.search(r"^closest-pair +3 +0 +– +–", said, re.MULTILINE)
    assert "Structure of" not in said


def test_options_default_to_the_protocol_of_the_suites(printed, inputs, tmp_path):
    printed("md", "stillinger-weber:Ge", inputs / "ge.xyz", "--temperature", 300, "--time", 0.05)
    found = json.loads((tmp_path / "runs/md" / SETTINGS).read_text())["protocol"]
    expected = Protocol(temperature_k=300, time_ps=0.05, equilibration_ps=0.01)
    assert found == expected.model_dump(mode="json")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("none.safetensors ge.xyz", "none.safetensors: there is no such file"),
        ("sw-ge ge.xyz", "There is no potential 'sw-ge', neither a file nor a name; known: "),
        ("garbage.safetensors ge.xyz", "garbage.safetensors: is not a potential of tlbench"),
        ("ge.xyz ge.xyz", "ge.xyz: is not a potential of tlbench"),
        ("ge.safetensors none.xyz", "There is no structure file 'none.xyz'."),
        ("ge.safetensors garbage.xyz", "garbage.xyz: line 1: the byte 0x93 is not UTF-8"),
        ("ge.safetensors ge.safetensors", "ge.safetensors: ase cannot read a structure"),
        ("ge.safetensors si.xyz", "has not been trained on Si, which the structure contains"),
        ("stillinger-weber:Ge si.xyz", "knows Ge only, and not Si."),
        ("ge.safetensors ge.xyz --timestep 20", "20 fs is too long for Ge; choose one below 17"),
        ("ge.safetensors ge.xyz --timestep 0", "--timestep 0: Input should be greater than or"),
        ("ge.safetensors ge.xyz --temperature -5", "--temperature -5: Input should be greater"),
        ("ge.safetensors ge.xyz --temperature nan", "--temperature nan: Input should be a finite"),
        ("ge.safetensors ge.xyz --temperature 2e5", "--temperature 200000: Input should be less"),
        ("ge.safetensors ge.xyz --time 0", "--time 0: Input should be greater than 0."),
        ("ge.safetensors ge.xyz --time 1e8", "--time 1e+08: Input should be less than"),
        ("ge.safetensors ge.xyz --friction -1", "--friction -1: Input should be greater than or"),
        (
            "ge.safetensors ge.xyz --sample 1",
            "--sample (1 fs) should not be shorter than --timestep (2 fs).",
        ),
        ("ge.safetensors ge.xyz --sample 110", "no sample is taken after equilibration: --time"),
        ("ge.safetensors ge.xyz --time 1e6", "samples are more than 1,000,000; choose a longer"),
        ("ge.safetensors ge.xyz --equilibration 0.1", "should be shorter than --time (0.1 ps)"),
        ("ge.safetensors ge.xyz --device tpu", "choose one of auto, cpu, cuda"),
        ("ge.safetensors ge.xyz --out file", "file cannot be written"),
        ("ge.safetensors ge.xyz --out file/out", "file/out cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(refused, inputs, tmp_path, arguments, complaint):
    for path in inputs.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "file").touch()
    potential, structure, *options = arguments.split()
    assert complaint in refused("md", potential, structure, *SHORT, *options)
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_another_simulation_is_refused(refused, printed, inputs):
    arguments = ("md", "stillinger-weber:Ge", inputs / "ge.xyz", *SHORT)
    printed(*arguments)
    said = refused(*arguments, "--temperature", 400)
    assert "runs/md holds a simulation with temperature_k = 300.0 instead of 400.0;" in said
    assert "--out" in said


@pytest.mark.slow
def test_ctrl_c_stops_it_and_nobody_else_may_write_meanwhile(command, inputs, tmp_path):
    arguments = [
        "md", "stillinger-weber:Ge", inputs / "ge.xyz", "--temperature", "300",
        "--time", "600", "--out", tmp_path,
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tlbench", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell lets what it runs in the background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    trajectory = tmp_path / TRAJECTORY
    while not trajectory.exists() or not trajectory.stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    busy = command(*arguments)
    assert busy.returncode == 2
    assert "Another process simulates in" in busy.stderr
    os.kill(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == ("Interrupted. The same command continues from here.")
    done = int(np.load(tmp_path / CHECKPOINT)["step"])
    assert done > 0
    assert "Traceback" not in said
    assert not (tmp_path / OBSERVABLES).exists()
    assert (tmp_path / LOCK).exists()
