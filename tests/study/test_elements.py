"""Studies between data sets of several elements: what ends are called, and what starts as what."""

import pytest
import yaml
from alloys import write_alloys
from command_line import in_this_process

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.metrics.conditions import conditions_of
from tlbench.report.inspection.audit import Audits, _notes
from tlbench.study.changes import changes_of
from tlbench.study.ends import end_names
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Return the paths of cards of Cu–Ni, Ag–Au, and of other frames of Ag–Au."""
    folder, found = tmp_path_factory.mktemp("alloys"), {}
    for name, elements, seed in (("cu-ni", "Cu Ni", 0), ("ag-au", "Ag Au", 0), ("b", "Ag Au", 1)):
        (folder / name).mkdir()
        path = write_alloys(folder / name, tuple(elements.split()), 15, seed)
        found[name] = path.parent / f"{name if name != 'b' else 'other'}.yaml"
        assert in_this_process("data", "new", path, "--out", found[name]).returncode == 0
    return found


def study_of(cards, source, target, *settings):
    chosen = {"source": str(cards[source]), "target": str(cards[target])}
    few = ("sizes", "[5]"), ("init_seeds", "[0]"), ("subset_seeds", "[0]")
    return resolve(load_suite("transfer", [*few, *settings], cards=chosen))


def trained(study, strategy):
    jobs = plan(study).jobs.values()
    return [j.settings for j in jobs if j.label.startswith(strategy)]


def test_ends_are_called_by_their_elements(cards):
    study = study_of(cards, "cu-ni", "ag-au")
    assert {model.transfer.label() for model in study.target_models(study.ends[0])} == {
        "Ni–Cu → Ag–Au"
    }
    [pretrained] = study.source_models(study.ends[0])
    assert (pretrained.source, pretrained.target) == ("Ni–Cu", "Ni–Cu")


def test_data_sets_of_the_same_elements_are_told_apart_by_their_cards(cards):
    study = study_of(cards, "b", "ag-au")
    assert study.ends[0].transfer.label() == "Ag–Au (other) → Ag–Au (ag-au)"
    assert [study.name_of(card) for card in study.cards] == ["Ag–Au (other)", "Ag–Au (ag-au)"]
    # Jobs know elements, not what a study calls a data set.
    [tuned] = trained(study, "finetune")
    assert (tuned.elements.source, tuned.elements.target) == ("Ag–Au", "Ag–Au")
    assert tuned.elements.start() == {47: 47, 79: 79}


def test_a_model_from_scratch_is_the_same_whatever_it_is_compared_with(cards):
    [one], [other] = (trained(study_of(cards, s, "ag-au"), "scratch") for s in ("b", "cu-ni"))
    assert one == other


def test_jobs_know_as_what_each_element_starts(cards):
    [nearest] = trained(study_of(cards, "cu-ni", "ag-au"), "finetune")
    assert nearest.elements.starts == {"Ag": "Cu", "Au": "Ni"}
    given = ("elements", "{Ag: Ni, Au: Cu}")
    [chosen] = trained(study_of(cards, "cu-ni", "ag-au", given), "finetune")
    assert chosen.elements.start() == {47: 28, 79: 29}
    with pytest.raises(InputError, match="elements: the target has no Pt; its elements are Ag, Au"):
        study_of(cards, "cu-ni", "ag-au", ("elements", "{Pt: Ni}"))


def test_each_element_has_a_reference_energy_unless_the_suite_says_otherwise(cards):
    study = study_of(cards, "cu-ni", "ag-au")
    assert study.suite.training.energy_reference == "least-squares"
    assert study.suite.pretraining.energy_reference == "least-squares"
    told = study_of(cards, "cu-ni", "ag-au", ("training.energy_reference", "mean-shift"))
    assert told.suite.training.energy_reference == "mean-shift"
    assert told.suite.pretraining.energy_reference == "least-squares"
    assert resolve(load_suite("smoke")).suite.training.energy_reference == "mean-shift"


def test_a_study_that_is_spelt_out_is_the_same_study(cards):
    study = study_of(cards, "cu-ni", "ag-au", ("elements", "{Ag: Ni}"))
    value = study.complete()
    assert value["elements"] == {"Ag": "Ni"}
    path = cards["cu-ni"].parent / "suite.yaml"
    path.write_text(yaml.safe_dump(value))
    again = resolve(load_suite(path))
    assert again.digest == study.digest
    assert again.ends[0].starts == study.ends[0].starts


def test_one_element_on_either_side_is_named_by_its_symbol():
    mlearn, smoke = load_card("mlearn-si"), load_card("sw-si")
    assert end_names([mlearn, load_card("mlearn-ge")]) == ["Si", "Ge"]
    assert end_names([mlearn, smoke]) == ["Si (mlearn-si)", "Si (sw-si)"]


def described(study):
    """Return what the settings of the environments of source and target state."""
    jobs = plan(study).jobs.values()
    return sorted((j.settings.stated() for j in jobs if j.kind == "environments"), key=len)


def test_environments_are_blind_unless_the_suite_asks_for_elements(cards):
    study = study_of(cards, "cu-ni", "ag-au", ("distances", "{}"))
    assert described(study) == [{}, {}]
    asked = ("distances", "{elements: aware}")
    given = ("elements", "{Ag: Ni, Au: Cu}")
    of_source, of_target = described(study_of(cards, "cu-ni", "ag-au", asked, given))
    assert of_source == {"species": ["Ni", "Cu"]}
    assert of_target == {
        "species": ["Ni", "Cu"], "counts_as": {"Ag": "Ni", "Au": "Cu"},
    }  # fmt: skip


def test_one_element_is_described_as_before_whether_aware_or_not():
    keys = [
        {j.key for j in plan(resolve(load_suite("smoke", [("distances", text)]))).jobs.values()
         if j.kind in ("environments", "coverage")}
        for text in ("{}", "{elements: aware}")
    ]  # fmt: skip
    assert keys[0] == keys[1]
    assert keys[0]


def test_reference_energies_that_follow_from_the_data_are_not_changes(cards):
    changed = {change.key for change in changes_of(study_of(cards, "cu-ni", "ag-au"))}
    assert {"source.card", "target.card", "sizes"} <= changed
    assert not [key for key in changed if "energy_reference" in key]
    given = study_of(cards, "cu-ni", "ag-au", ("training.energy_reference", "mean-shift"))
    assert "training.energy_reference: least-squares → mean-shift" in [
        change.text() for change in changes_of(given)
    ]
    settings = ("elements", "{Li: Mo}"), ("tested_on", "null")
    ends = {"source": "mlearn-mo", "target": "mlearn-li"}
    alone = resolve(load_suite("alloys", settings, cards=ends))
    assert not [each.key for each in changes_of(alone) if "energy_reference" in each.key]


@pytest.mark.parametrize("command", [["plan"], ["run", "--dry-run"]], ids=["plan", "dry run"])
def test_a_plan_says_as_what_elements_start_and_why(cards, command, tmp_path):
    ends = "--source", cards["cu-ni"], "--target", cards["ag-au"], "--set", "sizes=[5]"
    shown = in_this_process(*command, "transfer", *ends, "--store", tmp_path / "none")
    assert shown.returncode == 0, shown.stderr
    said = " ".join(shown.stdout.split())
    assert "Elements of Ag–Au start as those of Ni–Cu: Ag as Cu (the nearest by group, 0" in said


def test_the_start_of_elements_is_the_first_note_of_a_run(cards):
    study = study_of(cards, "cu-ni", "ag-au")
    [said] = study.element_sentences()
    assert _notes(study, Audits()).sentences[0] == said


def test_the_suite_of_ones_own_data_breaks_errors_down_by_composition_and_element(cards):
    target = load_card(str(cards["ag-au"]))
    # Of many compositions; the few test structures may be of one element.
    frames = target.read(fetch(target))["train"]
    conditions = [c for c, _ in conditions_of(frames, study_of(cards, "cu-ni", "ag-au").suite.by)]
    assert {"element": "Ag"} in conditions
    assert {"element": "Au"} in conditions
    assert {"composition": str(frames.composition[0])} in conditions


@pytest.mark.parametrize("strategy", ["lora", "head-only", "freeze-embedding"])
def test_arms_that_cannot_tell_elements_apart_are_refused(cards, strategy):
    """Of silicon alone, gold and silver start as the same and would stay it."""
    cards = {**cards, "si": "sw-si-64"}
    with pytest.raises(InputError, match=rf"{strategy}' could not tell Ag and Au apart, which"):
        study_of(cards, "si", "ag-au", ("strategies", f"[scratch, {strategy}]"))
    study_of(cards, "cu-ni", "ag-au", ("strategies", f"[scratch, {strategy}]"))
    study_of(cards, "si", "ag-au", ("strategies", "[scratch, finetune, zero-shot]"))
