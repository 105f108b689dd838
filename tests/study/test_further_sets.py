"""Which models are tested on which further data sets, and what is refused."""

import json
from collections import Counter

import pytest
from alloys import write_alloys
from command_line import in_this_process

from tlbench.base.errors import InputError, TlbenchError
from tlbench.board.adding import with_own_cards
from tlbench.board.submission import CARD
from tlbench.data.cards import load_card
from tlbench.study.further_sets import sentences
from tlbench.study.loading import load_published, load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

FEW = (
    ("sizes", "[2, 5]"), ("init_seeds", "[0, 1]"), ("subset_seeds", "[0, 1]"),
    ("strategies", "[scratch, finetune, head-only, zero-shot]"),
)  # fmt: skip


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Return the folder of cards of four binary alloys."""
    folder = tmp_path_factory.mktemp("alloys")
    for name, elements in (
        ("cu-ni", ("Cu", "Ni")), ("ag-au", ("Ag", "Au")), ("cu-au", ("Cu", "Au")),
        ("other", ("Ag", "Au")), ("pd-pt", ("Pd", "Pt")),
    ):  # fmt: skip
        path = write_alloys(folder, elements, 15, seed=len(name)).rename(folder / f"{name}.extxyz")
        made = in_this_process("data", "new", path, "--out", folder / f"{name}.yaml")
        assert made.returncode == 0, made.stderr
    return folder


def study_of(cards, tested_on, *settings, suite="transfer"):
    chosen = {"source": str(cards / "cu-ni.yaml"), "target": str(cards / "ag-au.yaml")}
    names = [name if name == "source" else str(cards / f"{name}.yaml") for name in tested_on]
    further = [("tested_on", json.dumps(names))] if names else []
    return resolve(load_suite(suite, [*FEW, *settings, *further], ["schnet"], cards=chosen))


def arms_of(study):
    """Return which arms are tested on which further sets, from the jobs that are planned."""
    cells = plan(study).cells
    return {(cell.model.strategy, cell.data) for cell in cells if cell.data is not None}


def test_models_are_tested_where_they_know_all_elements(cards):
    study = study_of(cards, ["source", "cu-au", "other"])
    assert arms_of(study) == {
        ("finetune", "cu-ni"), ("head-only", "cu-ni"),
        ("finetune", "cu-au"), ("head-only", "cu-au"), ("zero-shot", "cu-au"),
        ("scratch", "other"), ("finetune", "other"), ("head-only", "other"), ("zero-shot", "other"),
    }  # fmt: skip
    assert list(sentences(study.untested, 1)) == [
        "Models of scratch are not tested on cu-ni: they are not trained on Cu or Ni.",
        "Models of zero-shot are not tested on cu-ni: there they are their source models.",
        "Models of scratch are not tested on cu-au: they are not trained on Cu.",
    ]


def test_there_is_a_job_for_each_model_and_further_set(cards):
    alone, more = (plan(study_of(cards, names)) for names in ([], ["source", "cu-au", "other"]))
    added = [job for key, job in more.jobs.items() if key not in alone.jobs]
    # 2 sizes × 2 pairs, and one zero-shot for each init seed.
    trained, zero_shot = 2 * 2, 2
    assert Counter(job.kind for job in added) == {
        "dataset": 2, "evaluate": (2 + 2 + 3) * trained + 2 * zero_shot,
    }  # fmt: skip
    assert alone.jobs.keys() < more.jobs.keys()
    labels = {job.label for job in added}
    assert "test finetune schnet, N 2, seed 0/0 on Ag–Au, with structures of cu-au" in labels


def test_source_models_are_tested_on_further_sets_of_their_elements(cards):
    (cards / "more").mkdir()
    write_alloys(cards / "more", ("Cu", "Ni"), 15, seed=9)
    made = in_this_process(
        "data", "new", cards / "more" / "cu-ni.extxyz", "--out", cards / "more.yaml"
    )
    assert made.returncode == 0
    study = study_of(cards, ["source", "more"])
    assert arms_of(study) >= {("pretrain", "more"), ("finetune", "more")}
    # Their own test set has numbers of its own already.
    assert ("pretrain", "cu-ni") not in arms_of(study)


def test_best_weights_are_not_tested_there_and_budgets_are(cards):
    budgets = ("budgets", "[50, 100]"), ("training.validation_points", "2")
    cells = plan(study_of(cards, ["cu-au"], *budgets)).cells
    further = [cell for cell in cells if cell.data]
    assert {cell.weights for cell in further} == {"last"}
    assert {cell.model.updates for cell in further if cell.model.size} == {50, 100}


def test_each_source_of_a_matrix_is_tested_on():
    few = ("sizes", "[1]"), ("init_seeds", "[0]"), ("subset_seeds", "[0]")
    three = ("matrix.elements", "[Si, Ge, Li]"), ("tested_on", "[source]")
    study = resolve(load_suite("matrix", [*few, *three], ["schnet"]))
    found = {
        (cell.model.source, cell.data) for cell in plan(study).cells
        if cell.data and cell.model.strategy == "finetune"
    }  # fmt: skip
    assert found == {("Si", "mlearn-si"), ("Ge", "mlearn-ge"), ("Li", "mlearn-li")}
    # And on a named one by what knows it, but for the models that it is the target of.
    study = resolve(load_suite("matrix", [*few, *three[:1], ("tested_on", "[mlearn-si]")]))
    found = {
        (cell.model.source, cell.model.target) for cell in plan(study).cells if cell.data
    }  # fmt: skip
    assert found == {("Si", "Ge"), ("Si", "Li")}
    assert (
        "Models of scratch are not tested on mlearn-si in 4 of 6 transfers: they are not trained "
        "on Si." in set(sentences(study.untested, 6))
    )


def test_a_suite_without_them_has_the_digest_that_it_had(cards):
    with_none, other = (study_of(cards, names) for names in ([], ["cu-au"]))
    assert "tested_on" not in with_none.complete()
    assert with_none.digest != other.digest
    assert with_none.protocol_digest != other.protocol_digest
    assert study_of(cards, ["source"]).digest != study_of(cards, ["cu-au"]).digest


def test_a_complete_suite_is_the_same_study(cards, tmp_path):
    study = study_of(cards, ["source", "cu-au", "other"])
    complete = study.complete()
    assert complete["tested_on"][0] == "source"
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(complete))
    assert resolve(load_suite(path)).digest == study.digest
    with pytest.raises(InputError, match="is a path"):
        load_published(path)
    # On a board of one's own, cards are copied beside the suite.
    own = tmp_path / "own"
    own.mkdir()
    copied = with_own_cards(path, own)
    assert resolve(load_published(copied, private=True)).digest == study.digest
    names = {card.name for card in own.glob("card-*.yaml")}
    assert names == {"card-source.yaml", "card-target.yaml", "card-test1.yaml", "card-test2.yaml"}
    assert all(CARD.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    ("tested_on", "message"),
    [
        ("[pd-pt]", "no target model can be tested on 'pd-pt'.*not trained on Pd or Pt"),
        ("[ag-au]", "no target model can be tested on 'ag-au'.*it is their own test set"),
        ("[source, source]", "'tested_on' has 'source' twice"),
        ("[cu-au, cu-au]", "'tested_on' has 'cu-au' twice"),
        ("[nothing]", "There is no card file"),
    ],
)
def test_what_cannot_be_tested_on_is_refused(tested_on, message, cards):
    names = [each.strip() for each in tested_on.strip("[]").split(",")]
    with pytest.raises(InputError, match=message):
        study_of(cards, names)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[]", "'tested_on'"),
        ("mlearn-si", "'tested_on'"),
        ("[mlearn-sy]", "mlearn-si"),
        ("[{card: sw-si, changes: {n_frames: {}}}]", "tested_on"),
    ],
)
def test_a_bad_value_is_named(value, message):
    with pytest.raises(TlbenchError, match=message):
        load_suite("smoke", [("tested_on", value)])


def test_other_data_of_the_name_of_an_end_are_refused(cards):
    path = cards / "cu-ni.yaml"
    split = load_card(path).origin.model_dump(mode="json")["split"]
    split["test"]["frames"] = 1
    further = json.dumps([{"card": str(path), "changes": {"split": split}}])
    with pytest.raises(InputError, match=r"'tested_on' names 'cu-ni'.*other data of this name"):
        study_of(cards, [], ("tested_on", further))
    # The same data are those of the source.
    study = study_of(cards, ["cu-ni", "source"])
    assert arms_of(study) == {("finetune", "cu-ni"), ("head-only", "cu-ni")}


def test_the_plan_and_the_suite_say_what_is_not_tested(cards, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(study_of(cards, ["source", "cu-au"]).complete()))
    reason = "Models of scratch are not tested on cu-au: they are not trained on Cu."
    for arguments in (["show", "suite", path], ["plan", path, "--store", tmp_path / "store"]):
        printed = in_this_process(*arguments)
        assert printed.returncode == 0
        assert reason in " ".join(printed.stdout.split())
