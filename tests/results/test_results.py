"""What a run found, in a folder that another run wrote to before."""

import subprocess
import sys

from tlbench.results.distances import DataDistance, NamedSet
from tlbench.results.results import Results


def test_parts_that_a_run_does_not_have_do_not_stay_behind(tmp_path):
    of = NamedSet(data="d", element="Si", split="train", part=None, temperature_k=None, n_frames=3)
    with_distances = Results([], distances=[DataDistance(a=of, b=of, distances=[], job="k")])
    with_distances.write(tmp_path)
    assert Results.read(tmp_path).distances == with_distances.distances
    Results([]).write(tmp_path)
    assert Results.read(tmp_path).distances == ()
    assert not (tmp_path / "profiles.jsonl").exists()


def test_reading_what_was_found_needs_no_torch():
    """The runner only looks up and writes: importing torch would take longer than that."""
    code = "import sys, tlbench.run, tlbench.cli.live; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
