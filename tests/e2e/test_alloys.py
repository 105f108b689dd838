"""Transfer between binary alloys: from files, through a run, to records, report and a board."""

import shutil

import pytest
import yaml
from alloys import write_alloys
from command_line import without_workers
from forging import edit_lines

from tlbench import load_results
from tlbench.board.verification import verify
from tlbench.metrics.conditions import key_of

pytestmark = pytest.mark.slow

SMALL = (
    "--backbone", "schnet", "--set", "sizes=[5]", "--set", "subset_seeds=[0, 1]",
    "--set", "init_seeds=[0, 1]", "--set", "training.updates=20", "--set", "pretraining.updates=40",
    "--set", "backbones.schnet.n_filters=16", "--set", "cutoff=4.5",
    "--set", "elements={Ag: Ni, Au: Cu}", "--set", "metrics=[force_mae, energy_mae, stress_mae]",
    "--set", "by=[[element], [composition], [composition, element]]",
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
    done = without_workers(
        "run", "transfer", "--source", cards["source"], "--target", cards["target"], *SMALL,
        "--workers", 1, "--store", folder / "store", "--out", folder / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_ends_are_named_by_their_elements(ran):
    folder, printed = ran
    records = load_results(folder / "out").records
    assert {r.model.target for r in records} == {"Ni–Cu", "Ag–Au"}
    assert {r.model.source for r in records} == {"Ni–Cu"}
    assert "pretrain schnet on Ni–Cu" in printed
    assert "Ni–Cu → Ag–Au" in (folder / "out" / "report.html").read_text()


def test_errors_are_by_element_and_composition(ran):
    folder, _ = ran
    of_arm = [
        r for r in load_results(folder / "out").records
        if r.model.strategy == "finetune" and (r.model.subset_seed, r.model.init_seed) == (1, 1)
    ]  # fmt: skip
    values = {(r.metric, key_of(r.condition)): r.value for r in of_arm}
    conditions = {condition for metric, condition in values if metric == "force_mae"}
    assert {(("element", "Ag"),), (("element", "Au"),)} < conditions
    compositions = {dict(each).get("composition") for each in conditions} - {None}
    assert compositions <= {"Ag", "Ag3Au", "AgAu", "AgAu3", "Au"}
    for composition in compositions:
        for metric in ("force_mae", "energy_mae", "stress_mae"):
            assert values[metric, (("composition", composition),)] > 0
    # Of energies and stresses there are none by element.
    assert {m for m, condition in values if "element" in dict(condition)} == {"force_mae"}
    shares = {e: sum(silver_gold(folder).n_atoms_of[e]) for e in ("Ag", "Au")}
    mean = sum(n * values["force_mae", (("element", e),)] for e, n in shares.items())
    assert mean / sum(shares.values()) == pytest.approx(values["force_mae", ()], rel=1e-6)
    page = (folder / "out" / "report.html").read_text()
    for title in ("composition", "element of the atoms", "composition and element of the atoms"):
        assert f"<caption>force_mae by {title}</caption>" in page
    assert f"{len(silver_gold(folder).n_atoms)} test structures have a known stress" in page


def silver_gold(folder):
    """Return the test structures of silver–gold."""
    (found,) = (t for t in load_results(folder / "out").tests if t.element == "Ag–Au")
    return found


@pytest.fixture(scope="module")
def board(ran, command):
    """Add the run to a board of one's own, and return the folder of the submission."""
    folder, _ = ran
    added = command(
        "board", "add", folder / "out", "--store", folder / "store", "--private",
        "--name", "mine", "--board", folder / "board",
    )  # fmt: skip
    assert added.returncode == 0, added.stdout + added.stderr
    (submission,) = (path.parent for path in (folder / "board").rglob("submission.json"))
    return submission


def verdict_on(folder):
    return verify(folder, folder.parents[1], private=True)


def test_a_private_board_takes_them_and_every_number_is_recomputed(board):
    verdict = verdict_on(board)
    assert verdict.problems == []
    assert verdict.recomputed == len(verdict.entry.results.records)


def better_element(folder):
    def change(rows):
        chosen = next(r for r in rows if r["condition"] == {"element": "Au"})
        chosen["value"] *= 0.9

    edit_lines(folder, "records", change)


def better_stress(folder):
    edit_lines(
        folder, "errors", lambda rows: rows[0].update(stress_abs=[0.0] * len(rows[0]["stress_abs"]))
    )


def errors_moved_to_the_other_element(folder):
    def change(rows):
        parts = rows[0]["by_element"]
        first, second = sorted(parts)
        parts[first], parts[second] = parts[second], parts[first]

    edit_lines(folder, "errors", change)


def fewer_atoms_of_an_element(folder):
    def change(rows):
        counts = rows[0]["n_atoms_of"]
        first, second = sorted(counts)
        counts[first], counts[second] = counts[second], counts[first]

    edit_lines(folder, "tests", change)


def no_energies(folder):
    # Rows are in the order of job keys, and zero-shot models have no energies anyway.
    edit_lines(
        folder, "errors", lambda rows: next(r for r in rows if r["energy"]).update(energy=None)
    )


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (better_element, "at element = Au is given as"),
        (better_stress, "stress_mae is given as"),
        (errors_moved_to_the_other_element, "errors of job"),
        (fewer_atoms_of_an_element, "are not those whose digest is given"),
        (no_energies, "its energy errors are missing"),
    ],
)
def test_forged_numbers_are_noticed(forge, said, board, tmp_path):
    folder = tmp_path / board.parent.name / board.name
    shutil.copytree(board.parents[1], tmp_path, dirs_exist_ok=True)
    forge(folder)
    problems = verdict_on(folder).problems
    assert any(said in problem for problem in problems), problems


def test_an_element_is_left_out_of_training(tmp_path, command):
    for elements in (("Cu", "Ni"), ("Ag", "Au")):
        assert command("data", "new", write_alloys(tmp_path, elements, 30)).returncode == 0
    card = tmp_path / "ag-au.yaml"
    content = yaml.safe_load(card.read_text())
    split = content["origin"]["split"]
    split["train"] |= {"frames": 4, "without_elements": ["Au"]}
    split["validation"] |= {"frames": 2, "without_elements": ["Au"]}
    split["test"] |= {"frames": 6, "elements": ["Au"]}
    card.write_text(yaml.safe_dump(content))
    checked = command("data", "validate", card)
    assert checked.returncode == 0
    assert "6 of 6 test structures are of compositions that no training" in checked.stdout

    few = (*SMALL, "--set", "sizes=[3]", "--set", "subset_seeds=[0]", "--set", "init_seeds=[0]")
    done = without_workers(
        "run", "transfer", "--source", tmp_path / "cu-ni.yaml", "--target", card, *few,
        "--set", "strategies=[scratch, finetune]", "--workers", 1,
        "--store", tmp_path / "store", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    records = load_results(tmp_path / "out").records
    mine = [r for r in records if r.model.strategy == "finetune"]
    assert {"Ag", "Au"} <= {r.condition.get("element") for r in mine}
    assert all("Au" in r.condition.get("composition", "Au") for r in mine)
    # Gold has no reference energy.
    assert {r.metric for r in mine} == {"force_mae", "stress_mae"}
    added = command(
        "board", "add", tmp_path / "out", "--store", tmp_path / "store", "--private",
        "--name", "mine", "--board", tmp_path / "board",
    )  # fmt: skip
    assert added.returncode == 0, added.stdout + added.stderr
