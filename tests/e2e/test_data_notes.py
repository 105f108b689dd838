"""What is wrong with the data of a run stands on the terminal, in the summary and in the report."""

import html
import json

import ase.io
import numpy as np
import pytest
import tiny
from command_line import without_workers
from structures import LATTICE_CONSTANT, diamond

from tlbench.data.frames import Frames

SMALL = (
    "--backbone", "schnet", "--set", "sizes=[1]", "--set", "subset_seeds=[0]",
    "--set", "init_seeds=[0]", "--set", "strategies=[scratch, finetune]",
)  # fmt: skip


def strained(count: int) -> Frames:
    widths = LATTICE_CONSTANT["Ge"] * np.linspace(0.98, 1.02, count)
    return Frames.concatenate([diamond("Ge", lattice_constant=a) for a in widths])


@pytest.fixture
def run_on(command, smoke, tmp_path):
    """Run the smoke suite on germanium with these test structures, and return what it says.

    A row of terminal, summary and report each.
    """

    def run(test: Frames) -> tuple[str, str, str]:
        for name, frames in (("ge", tiny.crystals("Ge", 12)), ("test", test)):
            ase.io.write(tmp_path / f"{name}.extxyz", frames.to_ase(), format="extxyz")
        card = tmp_path / "ge.yaml"
        test_file = tmp_path / "test.extxyz"
        made = command("data", "new", tmp_path / "ge.extxyz", "--test", test_file)
        assert made.returncode == 0, made.stderr
        finished = without_workers(
            "run", "smoke", *SMALL, "--target", card, "--workers", 1, "--out", tmp_path / "out",
            "--store", smoke.copy_store(tmp_path / "store"),
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        texts = ((tmp_path / "out" / name).read_text() for name in ("summary.md", "report.html"))
        return finished.stdout, next(texts), html.unescape(next(texts))

    return run


@pytest.mark.slow
def test_copies_of_training_structures_are_counted(run_on):
    # All are in the training file, whichever of them validate.
    for text in run_on(tiny.crystals("Ge", 12).select([2, 5, 8])):
        assert "of 3 test structures of ge are copies of its training structures" in text
        assert "All of these copies have forces." in text
        assert "finetune / scratch" in text


@pytest.mark.slow
def test_a_test_part_without_forces_gives_no_ratio_of_force_errors(run_on, tmp_path):
    for text in run_on(strained(4)):
        assert "Every force of the test part of ge vanishes" in text
        assert "Force errors of models of Ge are therefore in the records only" in text
        # Source models are tested on silicon, which has forces.
        lines = text.replace("**", "").splitlines()
        with_forces = [line for line in lines if "force_mae (meV" in line]
        assert all('<td class="text">Si</td>' in line or "| Si |" in line for line in with_forces)
        assert "energy_mae" in text
    lines = (tmp_path / "out" / "records.jsonl").read_text().splitlines()[1:]
    assert {"force_mae", "energy_mae"} <= {json.loads(line)["metric"] for line in lines}
