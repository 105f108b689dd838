"""Dynamics and distances of binary alloys: from files, through a run, to report and board."""

import shutil

import pytest
from alloys import write_alloys
from command_line import without_workers
from forging import edit

from tlbench import load_results
from tlbench.board.site.build import build_site
from tlbench.board.verification import verify_all

pytestmark = pytest.mark.slow

SMALL = (
    "--backbone", "schnet", "--set", "sizes=[5]", "--set", "subset_seeds=[0, 1]",
    "--set", "init_seeds=[0, 1]", "--set", "training.updates=20", "--set", "pretraining.updates=40",
    "--set", "backbones.schnet.n_filters=16", "--set", "cutoff=4.5",
    "--set", "elements={Cu: Ni, Ag: Pd}",
    "--set", "distances={elements: aware, values: 500, environments: 100, exact: 50, "
    "resamples: 20}",
    "--set", "dynamics={temperature_k: 300, time_ps: 0.3, equilibration_ps: 0.1, sample_fs: 20, "
    "replicas: 2, criteria: {temperature_sigmas: null, closest_pair: 0.1, max_force: null, "
    "energy_margin: null, rdf_error: null}}",
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory, command):
    """Run nickel–palladium → copper–silver, and return the folder.

    The names of copper and silver are not in the order of their atomic numbers.
    """
    folder = tmp_path_factory.mktemp("alloys")
    cards = {}
    for end, elements in (("source", ("Ni", "Pd")), ("target", ("Cu", "Ag"))):
        path = write_alloys(folder, elements, 30, temperature_k=300)
        made = command("data", "new", path)
        assert made.returncode == 0, made.stderr
        cards[end] = path.with_suffix(".yaml")
    done = without_workers(
        "run", "transfer", "--source", cards["source"], "--target", cards["target"], *SMALL,
        "--workers", 1, "--store", folder / "store", "--out", folder / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_dynamics_are_compared_by_pair_of_elements(ran):
    """Of compositions with both elements the first that as many frames have: three to one."""
    dynamics = load_results(ran / "out").dynamics
    reference = dynamics.reference
    assert reference.composition == {"Cu": 3, "Ag": 1}
    for run in dynamics.models:
        assert list(run.structure.partial_rdf) == ["Ag–Ag", "Cu–Ag", "Cu–Cu"]
        assert list(run.structure.partial_adf) == ["Ag", "Cu"]
    page = (ran / "out" / "report.html").read_text()
    assert "Simulations of 3 Cu and 1 Ag atoms, the composition of the structures" in page
    assert "Structure by pair of elements" in page


def test_distances_are_those_of_the_element_map(ran):
    (found,) = load_results(ran / "out").distances
    assert {found.a.element, found.b.element} == {"Ni–Pd", "Cu–Ag"}
    # Without the map copper and silver would have no species in common with nickel and palladium.
    assert 0 < found.get("exact", "scaled").value < 1
    summary = (ran / "out" / "summary.md").read_text()
    assert "aware of elements: every target element counts as the source element" in summary


@pytest.fixture(scope="module")
def board(ran, command, tmp_path_factory):
    """Return the folder of a private board that the run was added to."""
    found = tmp_path_factory.mktemp("group") / "board"
    added = command(
        "board", "add", ran / "out", "--store", ran / "store", "--private",
        "--name", "mine", "--board", found,
    )  # fmt: skip
    assert added.returncode == 0, added.stdout + added.stderr
    return found


def test_a_private_board_takes_them_and_shows_every_pair(board, command, tmp_path):
    verified = command("board", "verify", "--board", board)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    built = build_site(board / "results", tmp_path / "site", private=True)
    assert built.n_submissions == 1
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "3 Cu and 1 Ag atoms" in pages
    assert "Cu–Ag</option>" in pages


def dynamics_changed(board, tmp_path, change):
    """Return what is wrong with a submission whose simulations are changed and sealed again."""
    shutil.copytree(board, tmp_path / "forged")
    folder = tmp_path / "forged" / "results" / "transfer" / "mine"
    edit(folder, "dynamics.json.gz", change)
    (verdict,) = verify_all(tmp_path / "forged" / "results", private=True)
    return " ".join(verdict.problems)


def one_pair(dynamics):
    curve = dynamics["models"][0]["structure"]["partial_rdf"]["Cu–Ag"]
    curve[:] = dynamics["reference"]["structure"]["partial_rdf"]["Cu–Ag"]


def no_pairs(dynamics):
    for name in ("partial_rdf", "partial_adf"):
        del dynamics["models"][0]["structure"][name]


def another_element(dynamics):
    for structure in (dynamics["reference"]["structure"], dynamics["models"][0]["structure"]):
        structure["partial_adf"] = {"Ag": structure["partial_adf"]["Ag"], "<b>": [0.0] * 90}
    dynamics["reference"]["composition"] = {"Ag": 1, "<b>": 3}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_pair, "distributions of pairs of elements do not add up to that of all"),
        (no_pairs, "distributions are not on the bins of the reference"),
        (another_element, "is of elements that its data set does not have"),
        (lambda d: d["reference"].update(composition={"Cu": 2, "Ag": 1}), "not one of its number"),
        (lambda d: d["reference"]["partial_floors"].update(Ag=1e-9), "digest"),
    ],
)
def test_distributions_of_pairs_are_verified(board, tmp_path, change, said):
    assert said in dynamics_changed(board, tmp_path, change)
