"""What a run found, in a folder that another run wrote to before."""

import subprocess
import sys

from tlbench.results.distances import DataDistance, NamedSet
from tlbench.results.frame_errors import ModelErrors, TestSet
from tlbench.results.results import Results


def test_parts_that_a_run_does_not_have_do_not_stay_behind(tmp_path):
    of = NamedSet(data="d", element="Si", split="train", part=None, temperature_k=None, n_frames=3)
    with_distances = Results([], distances=[DataDistance(a=of, b=of, distances=[], job="k")])
    with_distances.write(tmp_path)
    assert Results.read(tmp_path).distances == with_distances.distances
    Results([]).write(tmp_path)
    assert Results.read(tmp_path).distances == ()
    assert not (tmp_path / "profiles.jsonl").exists()


def test_errors_on_test_structures_are_kept_and_replaced(tmp_path):
    tests = TestSet(
        data="d" * 64, element="Ge", n_atoms=[8, 8], temperature=[300.0, None],
        phases=["crystal", ""], groups=["", ""], marks={"copy": [1]},
    )  # fmt: skip
    errors = ModelErrors(
        job="e" * 64, data="d" * 64, energy=None, force_abs=[1.5, 2], force_square=[1, 2],
        weights="best",
    )  # fmt: skip
    Results([], errors=[errors], tests=[tests]).write(tmp_path)
    found = Results.read(tmp_path)
    assert (found.errors, found.tests) == ([errors], [tests])
    assert Results.read(tmp_path, with_errors=False) == Results([], [])
    Results([]).write(tmp_path)
    assert Results.read(tmp_path) == Results([], [])
    assert not list(tmp_path.glob("errors*")) + list(tmp_path.glob("tests*"))


def test_reading_what_was_found_needs_no_torch():
    """The runner only looks up and writes: importing torch would take longer than that."""
    code = "import sys, tlbench.run, tlbench.cli.live; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
