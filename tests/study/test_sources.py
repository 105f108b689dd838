"""Suites of several sources: who starts from what, and what is refused."""

import json
import shutil
from dataclasses import replace

import pytest
import tiny
import torch
import yaml
from command_line import in_this_process

from tlbench.base.errors import InputError, TlbenchError
from tlbench.board.adding import with_own_cards
from tlbench.board.submission import CARD
from tlbench.data.cards import card_names, load_card
from tlbench.study.loading import beside, load_published, load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve
from tlbench.transfer.potentials import POTENTIALS

SILICON = {"card": "sw-si-8", "backbones": ["schnet"]}
SUITE = {
    "name": "starts", "version": 1, "title": "Starts", "description": "Starts of germanium.",
    "sources": ["sevennet-0", "chgnet-0.3.0", SILICON],
    "target": {"card": "sw-ge-8"},
    "cutoff": 4.0,
    "backbones": {"sevennet-0": {}, "chgnet-0.3.0": {}, "schnet": {}},
    "strategies": ["scratch", "finetune", "zero-shot"],
    "sizes": [1, 2], "subset_seeds": [0, 1], "init_seeds": [0, 1], "pairing": "zip",
    "pretraining": {"updates": 5}, "training": {"updates": 2, "validation_points": 1},
    "metrics": ["force_mae", "energy_mae"],
}  # fmt: skip
SCHNET = {key: value for key, value in tiny.BACKBONES["schnet"].items() if key != "cutoff"}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the suite with changes, and returns its path."""

    def written(name="suite", without=(), **changes):
        path = tmp_path / f"{name}.yaml"
        value = {key: each for key, each in {**SUITE, **changes}.items() if key not in without}
        path.write_text(yaml.safe_dump(value))
        return path

    return written


@pytest.fixture
def own(tmp_path):
    """Return the file of a tiny potential of silicon, fitted with a reference energy."""
    return write_own(tmp_path / "own.safetensors")


def write_own(path, seed=0):
    potential = tiny.potential("schnet", seed)
    potential.reference_energy[14] = -1.0
    potential.save(path)
    return path


def jobs_of(study, strategy):
    """Return the training jobs of an arm by backbone, source and size."""
    found = plan(study)
    return {
        (c.model.backbone, c.model.source, c.model.size): found.jobs[c.trained]
        for c in found.cells
        if c.model.strategy == strategy and c.model.init_seed == 0
    }


def test_a_potential_is_the_source_of_its_own_architecture_alone(write):
    study = resolve(load_suite(write()))
    assert {(e.source_name, e.backbones) for e in study.ends} == {
        ("SevenNet-0", ("sevennet-0",)),
        ("CHGNet 0.3.0", ("chgnet-0.3.0",)),
        ("Si", ("schnet",)),
    }
    assert {e.transfer.label() for e in study.ends} == {
        "SevenNet-0 → Ge", "CHGNet 0.3.0 → Ge", "Si → Ge",
    }  # fmt: skip
    assert {m.backbone for m in study.grid if m.strategy == "pretrain"} == {"schnet"}
    assert study.backbones["sevennet-0"]["cutoff"] == POTENTIALS.get("sevennet-0").cutoff != 4.0
    assert study.backbones["schnet"]["cutoff"] == 4.0
    # Elements that a potential knows start as themselves.
    assert [e.starts[0].source for e in study.ends] == ["Ge", "Ge", "Si"]


def test_a_backbone_of_the_same_complete_configuration_takes_the_weights_too(write):
    backbones = {"sevennet": {}, "schnet": {}}
    study = resolve(
        load_suite(write(sources=["sevennet-0", SILICON], cutoff=5.0, backbones=backbones))
    )
    assert study.ends[0].backbones == ("sevennet",)
    with pytest.raises(InputError, match="add the backbone sevennet-0, or leave the source out"):
        resolve(load_suite(write(sources=["sevennet-0", SILICON], backbones=backbones)))


def test_weights_are_a_job_of_their_own_and_no_training(write):
    study = resolve(load_suite(write()))
    planned = plan(study)
    brought = [job for job in planned.jobs.values() if job.kind == "weights"]
    assert {job.label for job in brought} == {"weights of SevenNet-0", "weights of CHGNet 0.3.0"}
    for (backbone, source, _), job in jobs_of(study, "finetune").items():
        start = planned.jobs[job.parents["source"]]
        assert start.kind == ("train" if backbone == "schnet" else "weights")
        assert job.config["backbone"]["name"] in ("sevennet", "chgnet", "schnet")
        assert job.config["elements"]["source"] == ("Si" if source == "Si" else "Ge")
    # What pretraining has cost is known of the one that was pretrained here.
    costs = {c.model.backbone: c.pretrained is not None for c in planned.cells if c.model.size}
    assert costs["schnet"]
    finetuned = [c for c in planned.cells if c.model.strategy == "finetune"]
    assert {c.model.backbone for c in finetuned if c.pretrained} == {"schnet"}


def test_training_from_scratch_is_the_same_job_whatever_it_is_compared_with(write):
    several = resolve(load_suite(write()))
    alone = {"source": {"card": "sw-si-8"}, "backbones": {"schnet": {}}}
    one = resolve(load_suite(write("one", without=("sources",), **alone)))
    for strategy in ("scratch", "finetune"):
        ours = {k: job.key for k, job in jobs_of(several, strategy).items() if k[0] == "schnet"}
        assert ours == {k: job.key for k, job in jobs_of(one, strategy).items()}
    assert several.digest != one.digest


def test_arms_that_need_source_data_are_left_out_of_potentials(write):
    path = write(strategies=["scratch", "finetune", "mixed", "scratch-long"])
    found = {(m.backbone, m.strategy) for m in resolve(load_suite(path)).grid}
    assert ("schnet", "mixed") in found
    assert ("schnet", "scratch-long") in found
    assert not {("sevennet-0", "mixed"), ("sevennet-0", "scratch-long")} & found
    shown = " ".join(in_this_process("plan", path, "--store", path.parent / "none").stdout.split())
    assert (
        "'mixed' and 'scratch-long' are left out for SevenNet-0, whose training data and "
        "pretraining are not available." in shown
    )
    with pytest.raises(InputError, match="'mixed' cannot start from SevenNet-0: of a potential"):
        resolve(load_suite(write(strategies=["mixed"])))
    # Scratch starts from nothing, so it alone gives the potential no use.
    with pytest.raises(InputError, match="'mixed' cannot start from SevenNet-0: of a potential"):
        resolve(load_suite(write(strategies=["scratch", "mixed"])))


def test_keys_depend_on_weights_and_not_on_where_they_lie(write, own, tmp_path):
    backbones = {"schnet": SCHNET}
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(own, moved / "own.safetensors")
    first, second = (
        resolve(
            load_suite(
                write(sources=[{"file": str(p)}], elements={"Ge": "Si"}, backbones=backbones)
            )
        )
        for p in (own, moved / "own.safetensors")
    )
    assert first.ends[0].source_name == "own"
    assert plan(first).jobs.keys() == plan(second).jobs.keys()
    assert first.digest == second.digest
    write_own(own, seed=1)
    third = resolve(
        load_suite(write(sources=[str(own)], elements={"Ge": "Si"}, backbones=backbones))
    )
    differing = {job.kind for key, job in plan(third).jobs.items() if key not in plan(first).jobs}
    assert differing == {"weights", "train", "evaluate"}
    scratch = {k: job.key for k, job in jobs_of(first, "scratch").items()}
    assert scratch == {k: job.key for k, job in jobs_of(third, "scratch").items()}
    assert third.digest != first.digest


def test_a_complete_suite_reads_back(write, own, tmp_path):
    sources = ["sevennet-0", SILICON, {"file": str(own), "name": "mine"}]
    backbones = {"sevennet-0": {}, "schnet": SCHNET}
    study = resolve(load_suite(write(sources=sources, elements={"Ge": "Si"}, backbones=backbones)))
    complete = study.complete()
    out = tmp_path / "out"
    out.mkdir()
    beside(complete, out)
    assert complete["sources"][2]["file"] == "../own.safetensors"
    (out / "suite.json").write_text(json.dumps(complete))
    again = resolve(load_suite(out / "suite.json"))
    assert again.digest == study.digest
    assert plan(again).jobs.keys() == plan(study).jobs.keys()
    write_own(own, seed=5)
    with pytest.raises(InputError, match=r"own.safetensors: has SHA-256 .* but the suite is of"):
        resolve(load_suite(out / "suite.json"))


def test_the_command_line_replaces_sources_and_leaves_out_what_no_backbone_takes(write, own):
    path = write()
    small = load_suite(path, backbones=["chgnet-0.3.0", "schnet"])
    assert [each.label for each in small.sources] == ["chgnet-0.3.0", "sw-si-8"]
    assert [e.source_name for e in resolve(small).ends] == ["CHGNet 0.3.0", "Si"]
    given = load_suite(path, backbones=["sevennet-0"], cards={"source": "sevennet-0"})
    assert [e.source_name for e in resolve(given).ends] == ["SevenNet-0"]
    plain = load_suite("smoke", backbones=["sevennet-0"], cards={"source": "sevennet-0"})
    assert plain.source is None
    assert resolve(plain).ends[0].source_name == "SevenNet-0"
    filed = load_suite(
        "smoke", [("elements", "{Ge: Si}"), ("backbones", json.dumps({"schnet": SCHNET}))],
        cards={"source": str(own)},
    )  # fmt: skip
    assert resolve(filed).ends[0].potential.sha256


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": ["sevenet-0"]}, "unknown source 'sevenet-0'; did you mean 'sevennet-0'?"),
        ({"sources": [{"potential": "sevenet-0"}]}, "unknown potential 'sevenet-0'; did you mean"),
        ({"source": {"card": "sw-si-8"}}, "either 'sources' or 'source'; leave one of them out"),
        ({"source_parts": [{"share": 0.5}]}, "either 'sources' or 'source_parts'"),
        ({"sources": ["sevennet-0", "sevennet-0", SILICON]}, "two sources are called 'SevenNet-0'"),
        ({"sources": [SILICON]}, "no source can give weights to the backbone 'chgnet-0.3.0' or"),
        (
            {"sources": ["sevennet-l3i5", "sw-si-8"]},
            "the source SevenNet-l3i5 is a 'sevennet' of its own architecture, from which all "
            "backbones of the suite differ (channels [128, 64, 32, 32] against [128, 64, 32] of "
            "'sevennet-0'); add the backbone sevennet-l3i5, or leave the source",
        ),
        ({"sources": [{**SILICON, "backbones": ["schnett"]}]}, "did you mean 'schnet'?"),
        (
            {"sources": [{"potential": "sevennet-0", "backbones": ["schnet"]}, "sw-si-8"]},
            "from which 'schnet' differs",
        ),
        ({"sources": [{"card": "sw-si-8", "potential": "sevennet-0"}]}, "is one of 'card'"),
        (
            {"backbones": {**SUITE["backbones"], "sevennet-0": {"n_layers": 3}}},
            "which has no settings; set those of 'sevennet' instead",
        ),
        ({"distances": {}}, "what a potential was trained on is not available"),
        ({"dynamics": {"temperature_k": 300, "time_ps": 9}}, "or write a suite for each (jobs"),
        ({"elements": {"Ge": "Po"}}, "no source has Po"),
        ({"sources": ["missing.safetensors"]}, "missing.safetensors: there is no such file"),
        ({"matrix": {"cards": "sw-{element}-8", "elements": ["Si", "Ge"]}}, "a matrix"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(write, changes, said):
    with pytest.raises(TlbenchError) as refused:
        resolve(load_suite(write(**changes)))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_scratch_of_a_backbone_that_the_suite_does_not_have_is_refused(write):
    with pytest.raises(InputError, match=r"from_scratch: the suite does not have.*'schnet'"):
        load_suite(write(from_scratch=["schnt"]))


def test_an_element_that_a_potential_does_not_know_needs_a_start(write, tmp_path, monkeypatch):
    card = load_card("sw-ge-8")
    polonium = card.model_copy(update={"elements": ["Po"], "name": "polonium"})
    suite = load_suite(write(sources=["sevennet-0"], backbones={"sevennet-0": {}}))
    monkeypatch.setattr("tlbench.study.transfers.load_card", lambda name, changes: polonium)
    with pytest.raises(InputError, match=r"SevenNet-0 was not trained on Po.*elements: \{Po: Te\}"):
        resolve(suite)
    (ends,) = resolve(suite.model_copy(update={"elements": {"Po": "Te"}})).ends
    assert [(each.target, each.source) for each in ends.starts] == [("Po", "Te")]


def test_what_is_given_takes_no_element_from_a_potential_that_knows_it(write, own):
    sources = ["sevennet-0", {"file": str(own)}]
    backbones = {"sevennet-0": {}, "schnet": SCHNET}
    study = resolve(load_suite(write(sources=sources, elements={"Ge": "Si"}, backbones=backbones)))
    assert [ends.starts[0].source for ends in study.ends] == ["Ge", "Si"]
    assert study.element_sentences() == [
        "Elements of Ge start as those of own: Ge as Si (as the suite says)."
    ]


def test_a_file_that_is_no_potential_of_ours_is_refused(write, tmp_path):
    hostile = tmp_path / "hostile.safetensors"
    torch.save({"weights": torch.ones(3)}, hostile)
    for content, said in (
        (hostile.read_bytes(), "checkpoint of another program"),
        (b"", "empty file"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "is not a potential of tlbench"),
        (b"\x02\0\0\0\0\0\0\0{}", "is not a potential of tlbench"),
    ):
        hostile.write_bytes(content)
        with pytest.raises(InputError, match=said):
            resolve(load_suite(write(sources=[str(hostile)], backbones={"schnet": SCHNET})))
    tiny.potential("schnet").save(hostile)
    with pytest.raises(InputError, match="has no 'reference energy of any element'"):
        resolve(load_suite(write(sources=[str(hostile)], backbones={"schnet": SCHNET})))
    with hostile.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(InputError, match="too many for a potential"):
        resolve(load_suite(write(sources=[str(hostile)], backbones={"schnet": SCHNET})))


def test_a_file_of_another_backbone_says_what_to_add(write, own):
    with pytest.raises(InputError) as refused:
        resolve(load_suite(write(sources=[str(own), "sw-si-8"], backbones={"dimenetpp": {}})))
    assert "the source own is a 'schnet' of its own architecture" in str(refused.value)
    assert '"hidden_channels": 8' in str(refused.value) or "hidden_channels: 8" in str(
        refused.value
    )
    assert "cutoff 4" in str(refused.value)


def test_published_suites_name_no_files(write, own):
    path = write(sources=[{"file": str(own)}], backbones={"schnet": SCHNET})
    with pytest.raises(InputError, match="a source is a file that only you have"):
        load_published(path)
    named = load_published(write())
    assert resolve(named, published=True).digest == resolve(load_suite(write())).digest


def test_private_submissions_hold_the_cards_of_sources(write, tmp_path):
    card = tmp_path / "mine.yaml"
    shutil.copy("datasets/sw-si-8.yaml", card)
    path = write(sources=["sevennet-0", {**SILICON, "card": "mine.yaml"}])
    assert load_suite(path).sources[1].card == str(card)
    folder = tmp_path / "copies"
    folder.mkdir()
    target = with_own_cards(path, folder)
    assert [p.name for p in folder.glob("card-*")] == ["card-from1.yaml"]
    assert CARD.fullmatch("card-from1.yaml")
    assert json.loads(target.read_text())["sources"][1]["card"] == "card-from1.yaml"
    assert "sw-si-8" in card_names()


def test_a_missing_package_is_named_before_anything_runs(write, tmp_path, monkeypatch, own):
    published = POTENTIALS.get("sevennet-0")
    path = write(sources=["sevennet-0"], backbones={"sevennet-0": {}})
    arguments = ("run", path, "--store", tmp_path / "store", "--out", tmp_path / "out")
    for changed, said in (
        (replace(published, package="nowhere"), "pip install 'tlbench[nowhere]'"),
        (
            replace(published, sha256="0" * 64),
            "has other weights there; pip install 'sevenn==0.13.0'",
        ),
    ):
        monkeypatch.setitem(POTENTIALS._entries, "sevennet-0", changed)
        refused = in_this_process(*arguments)
        assert refused.returncode == 2
        assert said in refused.stderr.replace("\n", " ")
        assert not (tmp_path / "out" / "records.jsonl").exists()


def test_a_potential_as_it_is_is_one_model_and_one_job_whatever_the_seeds(write):
    study = resolve(load_suite(write()))
    untrained = [model for model in study.grid if model.strategy == "zero-shot"]
    assert [(m.source, m.init_seed) for m in untrained] == [
        ("SevenNet-0", None), ("CHGNet 0.3.0", None), ("Si", 0), ("Si", 1)
    ]  # fmt: skip
    assert untrained[0].label() == "zero-shot sevennet-0, N 0"
    measured = {
        cell.model: (cell.trained, cell.job)
        for cell in plan(study).cells
        if cell.model.strategy == "zero-shot"
    }
    assert len(set(measured.values())) == len(measured) == 4
    # Submissions of earlier versions have a model of each init seed, the first with the same jobs.
    seeded = replace(study, seeded=True)
    before = {
        cell.model: (cell.trained, cell.job)
        for cell in plan(seeded).cells
        if cell.model.strategy == "zero-shot"
    }
    assert len(before) == 6
    for one in untrained[:2]:
        assert before[one.replace(init_seed=0)] == measured[one] != before[one.replace(init_seed=1)]


@pytest.mark.parametrize(
    ("changed", "cutoff", "said"),
    [
        ({}, 4.3, "cutoff 4.0 against 4.3 of 'schnet'"),
        ({"hidden_channels": 16}, tiny.CUTOFF, "hidden_channels 8 against 16 of 'schnet'"),
        ({"hidden_channels": 16}, 4.3, "cutoff 4.0 against 4.3 of 'schnet'"),
    ],
)
def test_the_first_setting_that_differs_is_named(write, own, changed, cutoff, said):
    backbones = {"schnet": {**SCHNET, **changed}}
    with pytest.raises(InputError) as refused:
        resolve(load_suite(write(sources=[str(own)], backbones=backbones, cutoff=cutoff)))
    assert f"all backbones of the suite differ ({said}); add the backbone schnet" in str(
        refused.value
    )
