"""Transfer between binary alloys: from files, through a run, to records, report and a board."""

import pytest
from alloys import write_alloys

from tlbench import load_results

pytestmark = pytest.mark.slow

SMALL = (
    "--backbone", "schnet", "--set", "sizes=[5]", "--set", "subset_seeds=[0, 1]",
    "--set", "init_seeds=[0, 1]", "--set", "training.updates=20", "--set", "pretraining.updates=40",
    "--set", "backbones.schnet.n_filters=16", "--set", "cutoff=4.5",
    "--set", "elements={Ag: Ni, Au: Cu}",
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory, command):
    """Run copper–nickel → silver–gold, and return the folder and what was printed."""
    folder = tmp_path_factory.mktemp("alloys")
    cards = {}
    for end, elements in (("source", ("Cu", "Ni")), ("target", ("Ag", "Au"))):
        path = write_alloys(folder, elements, 30)
        made = command("data", "new", path)
        assert made.returncode == 0, made.stderr
        cards[end] = path.with_suffix(".yaml")
    done = command(
        "run", "transfer", "--source", cards["source"], "--target", cards["target"], *SMALL,
        "--workers", 1, "--store", folder / "store", "--out", folder / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_ends_are_named_by_their_elements(ran):
    folder, printed = ran
    records = load_results(folder / "out").records
    assert {r.model.target for r in records} == {"Cu–Ni", "Ag–Au"}
    assert {r.model.source for r in records} == {"Cu–Ni"}
    assert "Cu–Ni → Ag–Au" in printed
    assert "Cu–Ni → Ag–Au" in (folder / "out" / "report.html").read_text()


def test_a_private_board_takes_them(ran, command):
    folder, _ = ran
    added = command(
        "board", "add", folder / "out", "--store", folder / "store", "--private",
        "--name", "mine", "--results", folder / "board",
    )  # fmt: skip
    assert added.returncode == 0, added.stdout + added.stderr
