"""Which properties a suite asks for: how it says so, of which models and crystal, and the jobs."""

import json

import pytest
from alloys import write_alloys
from command_line import in_this_process

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SMALL = (("sizes", "[2, 4]"), ("budgets", "null"), ("training.updates", "20"))


def suite_of(properties, *settings, **choices):
    written = (("properties", json.dumps(properties)), *SMALL, *settings)
    return load_suite("smoke", written, ["schnet"], **choices)


def computed(suite):
    return plan(resolve(suite)).computed


@pytest.mark.parametrize(
    "written",
    [["lattice"], {"lattice": None}, {"lattice": {}}, {"compute": ["lattice"]}],
)
def test_names_are_short_for_settings(written):
    phases = ["diamond", "fcc", "bcc", "hcp", "sc"]
    assert suite_of(written).properties.compute == {"lattice": {"phases": phases}}
    assert resolve(suite_of(written)).digest == resolve(suite_of(["lattice"])).digest


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([], "none is named; for no properties leave them out, or set them to null"),
        (["latice"], "unknown property 'latice'; did you mean 'lattice'"),
        (["lattice", "lattice"], "given twice"),
        ({"lattice": {"phases": ["fc"]}}, "lattice: phases: .*no prototype 'fc'"),
        ({"lattice": {"phase": []}}, "lattice: phase: "),
        ({"compute": ["lattice"], "prototype": "dimond"}, "unknown prototype 'dimond'.*diamond"),
        ({"compute": ["lattice"], "sizes": [3]}, "properties: size 3 is not among"),
        ({"compute": ["lattice"], "budgets": [3]}, "properties: budget 3 is not among"),
        ({"prototype": "diamond"}, "compute.*missing"),
    ],
)
def test_what_makes_no_sense_is_refused(written, problem):
    with pytest.raises(InputError, match=problem):
        suite_of(written)


def test_a_backbone_may_be_called_as_the_potential_that_it_is_of():
    suite = load_suite("zero-shot-cpu", (("properties", '["lattice"]'),))
    assert "sevennet-0" in suite.backbones
    assert computed(suite)


def test_errors_of_properties_are_no_metrics_to_choose():
    with pytest.raises(InputError, match="lattice_constant_error is measured by every suite that"):
        suite_of(["lattice"], ("metrics", "[force_mae, lattice_constant_error]"))


def test_a_crystal_that_does_not_fit_is_refused():
    wrong = suite_of({"compute": ["lattice"], "prototype": "rocksalt"})
    with pytest.raises(InputError, match=r"'smoke': properties: .*'rocksalt' is of 2 elements"):
        resolve(wrong)


def test_data_of_several_elements_need_a_prototype(tmp_path):
    path = write_alloys(tmp_path, ("Cu", "Au"), 15, seed=1)
    made = in_this_process("data", "new", path, "--out", tmp_path / "alloy.yaml")
    assert made.returncode == 0, made.stderr
    cards = {"source": "sw-si-8", "target": str(tmp_path / "alloy.yaml")}

    def suite(properties):
        written = (("properties", json.dumps(properties)), ("strategies", "[scratch]"), *SMALL)
        return load_suite("transfer", written, ["schnet"], cards=cards)

    with pytest.raises(InputError, match=r"not known which crystal .* is; set 'properties.proto"):
        resolve(suite(["lattice"]))
    found = computed(suite({"compute": ["lattice"], "prototype": "b2"}))
    jobs = plan(resolve(suite({"compute": ["lattice"], "prototype": "b2"}))).jobs
    assert {jobs[each.job].settings.prototype for each in found} == {"cesiumchloride"}
    with pytest.raises(
        InputError, match=r"energies of vacancy and surface in .* chemical potentia"
    ):
        resolve(suite({"compute": ["lattice", "vacancy", "surface"], "prototype": "b2"}))


def test_every_target_model_has_a_job_and_all_share_the_reference():
    planned = plan(resolve(suite_of(["lattice"])))
    found = planned.computed
    # 2 arms × 2 sizes × 2 pairs, and zero-shot of one init seed; no source model.
    assert len(found) == len({each.job for each in found}) == 2 * 2 * 2 + 1
    assert {each.model.strategy for each in found} == {"scratch", "finetune", "zero-shot"}
    (reference,) = {each.reference for each in found}
    assert planned.jobs[reference].label == "lattice of Stillinger–Weber Ge"
    assert not planned.jobs[reference].parents
    for each in found:
        job = planned.jobs[each.job]
        assert job.parents == {"model": each.trained}
        assert job.label == f"lattice of {planned.jobs[each.trained].label}"
        assert set(job.sources) == {"properties", "property lattice", "backbone schnet"}


def test_some_sizes_or_budgets_may_be_asked_for():
    some = computed(suite_of({"compute": ["lattice"], "sizes": [4]}))
    assert {each.model.size for each in some} == {0, 4}
    several = ("budgets", "[10, 20]")
    last = computed(load_suite("smoke", [("properties", "[lattice]"), several], ["schnet"]))
    assert {each.model.updates for each in last} == {None, 20}
    both = [("properties", '{"compute": ["lattice"], "budgets": [10, 20]}'), several]
    found = computed(load_suite("smoke", both, ["schnet"]))
    assert {each.model.updates for each in found} == {None, 10, 20}
    first = ("properties", '{"compute": ["lattice"], "budgets": [10]}')
    with pytest.raises(InputError, match="the largest budget should be among its budgets"):
        load_suite("smoke", [first, several])


def test_settings_are_in_the_key_where_they_are_no_defaults():
    plain, spelt, other = (
        computed(suite_of({"lattice": given}))[0].job
        for given in ({}, {"phases": ["diamond", "fcc", "bcc", "hcp", "sc"]}, {"phases": ["fcc"]})
    )
    assert plain == spelt != other


def test_models_and_their_errors_do_not_depend_on_properties():
    before, after = (plan(resolve(suite)) for suite in (suite_of(["lattice"]), suite_of(None)))
    assert before.cells == after.cells
    assert set(after.jobs) < set(before.jobs)
    assert before.study.protocol_digest == after.study.protocol_digest
    assert before.study.digest != after.study.digest


def test_what_properties_are_compared_with_is_in_the_digest(tmp_path):
    """A number on a card determines the errors of the records."""
    card = load_card("sw-ge-8")
    value = {"property": "lattice", "quantity": "lattice_constant", "value": 5.7, "citation": "me"}
    text = (card.folder / "sw-ge-8.yaml").read_text()
    digests = []
    for number, more in enumerate(([], [value], [value | {"value": 5.8}])):
        path = tmp_path / str(number) / "card.yaml"
        path.parent.mkdir()
        path.write_text(f"{text}properties: {json.dumps(more)}\n")
        assert load_card(path).digest() == card.digest()
        for properties in (["lattice"], None):
            cards = {"target": str(path)}
            study = resolve(suite_of(properties, ("sizes", "[2]"), cards=cards))
            digests.append((properties is not None, study.digest))
    assert len({d for asked, d in digests if asked}) == 3
    assert len({d for asked, d in digests if not asked}) == 1
