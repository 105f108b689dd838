"""Models tested on other data than their target's: records, report, and a board of one's own."""

import json
import shutil

import numpy as np
import pytest
from alloys import write_alloys
from command_line import without_workers
from forging import edit_lines, text_of

from tlbench import load_card, load_potential, load_results
from tlbench.board.checks.rerun import rerun
from tlbench.board.verification import verify
from tlbench.metrics.statistics import paired_ratio
from tlbench.report.analysis import Analysis
from tlbench.report.forgetting.section import forgetting
from tlbench.report.sections.further_sets import further_sets
from tlbench.run import load_dataset
from tlbench.study.loading import load_suite

pytestmark = pytest.mark.slow

SMALL = (
    "--backbone", "schnet", "--set", "sizes=[1, 4]", "--set", "subset_seeds=[1, 4]",
    "--set", "init_seeds=[0, 1]", "--set", "training.updates=20", "--set", "pretraining.updates=60",
    "--set", "backbones.schnet.n_filters=16", "--set", "cutoff=4.5", "--set", "by=[composition]",
    "--set", "metrics=[force_mae, energy_mae]",
    "--set", "strategies=[scratch, finetune, zero-shot]",
)  # fmt: skip


def errors_on(records, name, strategy, metric="force_mae", size=4):
    """Return the errors of an arm over a further test set, by pair; None: over its own."""
    condition = {} if name is None else {"data": name}
    return {
        r.model.pair: r.value for r in records
        if (r.model.strategy, r.metric, r.condition) == (strategy, metric, condition)
        and (r.model.size == size or strategy == "pretrain")
    }  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory, command):
    """Run copper–nickel → silver–gold, tested on further alloys; the folder and what is printed."""
    folder = tmp_path_factory.mktemp("further")
    for name, elements in (
        ("copper-nickel", ("Cu", "Ni")),
        ("silver-gold", ("Ag", "Au")),
        ("copper-gold", ("Cu", "Au")),
        ("others", ("Ag", "Au")),
    ):
        (folder / name).mkdir()
        path = write_alloys(folder / name, elements, 20, seed=len(name))
        made = command("data", "new", path, "--out", folder / f"{name}.yaml")
        assert made.returncode == 0, made.stderr
    done = without_workers(
        "run", "transfer", *SMALL, "--source", folder / "copper-nickel.yaml",
        "--target", folder / "silver-gold.yaml",
        "--set", f"tested_on=[source, {folder}/copper-gold.yaml, {folder}/others.yaml]",
        "--workers", 1, "--store", folder / "store", "--out", folder / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_only_models_that_know_all_elements_are_measured(ran):
    folder, _ = ran
    records = load_results(folder / "out").records
    tested = {(r.model.strategy, r.condition.get("data")) for r in records} - {None}
    assert {each for each in tested if each[1]} == {
        ("finetune", "copper-nickel"), ("finetune", "copper-gold"), ("finetune", "others"),
        ("scratch", "others"), ("zero-shot", "copper-gold"), ("zero-shot", "others"),
    }  # fmt: skip
    # Zero-shot knows energies of the source's elements alone, so none of a set that has others.
    of_energies = {
        (r.model.strategy, r.condition.get("data"))
        for r in records
        if r.metric == "energy_mae" and "composition" not in r.condition
    }
    assert ("finetune", "copper-gold") in of_energies
    assert ("zero-shot", "copper-gold") not in of_energies
    # None of them is among the numbers on the target.
    headline = [(r.model, r.metric) for r in records if not r.condition]
    assert len(headline) == len(set(headline))


def test_a_model_of_gold_alone_has_no_energies_of_silver(ran):
    folder, _ = ran
    results = load_results(folder / "out")
    gold = [r for r in results.records if r.model.size == 1 and r.model.subset_seed == 4]
    assert {r.metric for r in gold if not r.condition} == {"force_mae"}
    # Copper was in the source's structures.
    tuned = [r for r in gold if r.model.strategy == "finetune"]
    assert "energy_mae" in {r.metric for r in tuned if r.condition == {"data": "copper-gold"}}
    summary = (folder / "out" / "summary.md").read_text()
    assert "For 2 of 10 trained models, energies of some test structures are not known" in summary


@pytest.mark.parametrize("name", ["copper-nickel", "copper-gold"])
def test_a_potential_has_the_errors_of_its_records(name, ran):
    folder, _ = ran
    frames = load_dataset(load_card(folder / f"{name}.yaml"), folder / "store")["test"]
    of_whole = [
        r for r in load_results(folder / "out").records
        if (r.model.strategy, r.metric, r.condition) == ("finetune", "force_mae", {"data": name})
    ]  # fmt: skip
    assert len(of_whole) == 4
    for record in of_whole:
        path = folder / "store" / record.trained / "potential.safetensors"
        calculator = load_potential(path).calculator()
        differences = [
            calculator.get_forces(atoms) - atoms.get_forces() for atoms in frames.to_ase()
        ]
        mean = 1000 * np.abs(np.concatenate(differences)).mean()
        assert record.value == pytest.approx(mean, rel=1e-4)


def test_the_report_compares_with_scratch_and_says_what_is_forgotten(ran):
    folder, _ = ran
    results = load_results(folder / "out")
    analysis = Analysis.of(results, load_suite(folder / "out" / "suite.json"))
    (section,) = further_sets(analysis)
    tables = {table.title: table.lines for table in section.tables}
    records = results.records
    # Source models have the same structures as their own test set.
    before = errors_on(records, None, "pretrain")
    retained = paired_ratio(errors_on(records, "copper-nickel", "finetune"), before)
    assert retained.value > 1
    lines = cells(tables["force_mae (meV/Å) on copper-nickel"])
    assert [(each["arm"], each["N"]) for each in lines] == [("finetune", "1"), ("finetune", "4")]
    (section_of_loss,) = forgetting(analysis)
    kept = {table.title: cells(table.lines) for table in section_of_loss.tables}
    # Source models were not trained on all elements of the others.
    assert {title.partition(" kept on ")[2] for title in kept} == {"copper-nickel"}
    lines = kept["force_mae (meV/Å) kept on copper-nickel"]
    by_place = {(each["arm"], each["N"]): each["/ source model"] for each in lines}
    assert by_place.keys() == {("finetune", "1"), ("finetune", "4"), ("zero-shot", "0")}
    assert by_place["finetune", "4"].startswith(f"{retained.value:.2f} (")
    assert by_place["zero-shot", "0"] == "1"
    (figure,) = section_of_loss.figures
    for draw in figure.cases.values():
        draw()
    scratch, tuned = (errors_on(records, "others", arm) for arm in ("scratch", "finetune"))
    others = cells(tables["force_mae (meV/Å) on others"])
    lines = {each["arm"]: each for each in others if each["N"] == "4"}
    assert lines["finetune"]["/ scratch"].startswith(f"{paired_ratio(tuned, scratch).value:.2f}")
    assert any(title.startswith("force_mae on copper-gold by comp") for title in tables)
    assert "Errors on other data" in (folder / "out" / "report.html").read_text()
    assert "force_mae (meV/Å) on copper-nickel" in (folder / "out" / "summary.md").read_text()


def cells(lines):
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


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


def test_a_submission_holds_the_further_sets_and_every_number_is_recomputed(board):
    verdict = verdict_on(board)
    assert verdict.problems == []
    assert verdict.recomputed == len(verdict.entry.results.records)
    assert {each.card for each in verdict.entry.about.data} == {
        "copper-nickel", "silver-gold", "copper-gold", "others",
    }  # fmt: skip
    assert verdict.coverage.found == verdict.coverage.expected


def test_weights_give_the_numbers_again(ran, board):
    folder, _ = ran
    entry = verdict_on(board).entry
    found = rerun(entry, folder / "store", folder / "store")
    assert found.problems == []
    assert any(" on copper-gold" in model.model for model in found.models)
    assert found.agrees(1e-6)


def better(folder):
    def change(rows):
        next(r for r in rows if r["condition"] == {"data": "copper-gold"})["value"] *= 0.9

    edit_lines(folder, "records", change)


def exchanged(folder):
    """Give numbers on one further set out as those on another."""

    def change(rows):
        names = {"copper-gold": "others", "others": "copper-gold"}
        for row in rows:
            if row["strategy"] == "finetune" and row["condition"].get("data") in names:
                row["condition"]["data"] = names[row["condition"]["data"]]

    edit_lines(folder, "records", change)


def as_the_headline(folder):
    """Give the numbers on a further set out as those on the target."""

    def change(rows):
        for row in rows:
            if row["condition"].get("data") == "others":
                del row["condition"]["data"]

    edit_lines(folder, "records", change)


def left_out(folder):
    edit_lines(folder, "records", lambda rows: [
        r for r in rows if r["condition"] != {"data": "copper-gold"}
    ])  # fmt: skip


def without_energies(folder):
    """Leave out the energies of one model on its own test set, of which other arms have some."""
    records = [json.loads(line) for line in text_of(folder / "records.jsonl.gz").splitlines()]
    job = next(
        r["job"] for r in records
        if (r.get("strategy"), r.get("size"), r.get("condition")) == ("finetune", 4, {})
    )  # fmt: skip
    _drop_energies(folder, job)


def without_further_energies(folder):
    records = [json.loads(line) for line in text_of(folder / "records.jsonl.gz").splitlines()]
    job = next(r["job"] for r in records if r.get("condition") == {"data": "copper-gold"})
    _drop_energies(folder, job)


def _drop_energies(folder, job):
    edit_lines(folder, "errors", lambda rows: [
        {**row, "energy": None} if row["job"] == job else row for row in rows
    ])  # fmt: skip
    edit_lines(folder, "records", lambda rows: [
        row for row in rows if row["job"] != job or row["metric"] != "energy_mae"
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (better, "on copper-gold: force_mae is given as"),
        (exchanged, "on copper-gold: the key of its job"),
        (as_the_headline, "is given twice"),
        (without_energies, "its energy errors are missing"),
        (without_further_energies, "on copper-gold: its energy errors are missing"),
        (left_out, "on copper-gold: force_mae is missing"),
    ],
)
def test_forged_numbers_are_noticed(forge, said, board, tmp_path):
    folder = tmp_path / board.parent.name / board.name
    shutil.copytree(board.parents[1], tmp_path, dirs_exist_ok=True)
    forge(folder)
    problems = verdict_on(folder).problems
    assert any(said in problem for problem in problems), problems


def test_a_board_shows_them_by_their_name(board, command):
    site = board.parents[2] / "site"
    built = command("board", "build", "--board", board.parents[2], "--out", site)
    assert built.returncode == 0, built.stdout + built.stderr
    assert any("test set of copper-gold" in p.read_text() for p in site.rglob("*.html"))
