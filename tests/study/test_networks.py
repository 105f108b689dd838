"""What a strategy trains is looked for in the networks of a suite before anything runs."""

import pytest
from command_line import in_this_process

from tlbench.base.errors import TlbenchError
from tlbench.models.backbones.schnet.model import SchNet
from tlbench.study.loading import load_suite
from tlbench.study.networks import check_networks
from tlbench.study.study import resolve


def study_of(strategy):
    suite = load_suite("smoke", [("strategies", f"[scratch, {strategy}]")], ["schnet"])
    return resolve(suite)


def test_a_rank_larger_than_every_layer_is_refused_by_name(tmp_path):
    rank = r"rank 999 is larger than that of every linear layer of the backbone 'schnet'; the "
    with pytest.raises(TlbenchError, match=rank + r"largest is \d+, of [a-z_.0-9]+weight, so"):
        check_networks(study_of("lora+rank999"))
    check_networks(study_of("lora"))


def test_a_network_without_stages_cannot_be_frozen_in_parts(monkeypatch):
    check_networks(study_of("head-only"))
    monkeypatch.setattr(SchNet, "stages", lambda self: {})
    with pytest.raises(TlbenchError, match="does not name its stages"):
        check_networks(study_of("head-only"))
    check_networks(study_of("finetune"))


@pytest.mark.parametrize("verb", [("plan",), ("run", "--dry-run"), ("run",)])
def test_nothing_is_run(verb, tmp_path):
    verb, *options = verb
    arms = ("--set", "strategies=[scratch, lora+rank999]", "--backbone", "schnet")
    store = tmp_path / "store"
    refused = in_this_process(verb, "smoke", *options, *arms, "--store", store, *(
        ("--out", tmp_path / "out") if verb == "run" else ()
    ))  # fmt: skip
    assert refused.returncode == 2
    assert "rank 999 is larger" in refused.stderr.replace("\n", " ")
    assert not (tmp_path / "out" / "records.jsonl").exists()
    assert not [*store.glob("*/manifest.json")]


def test_a_setting_that_is_no_number_is_shown_once():
    with pytest.raises(TlbenchError) as refused:
        study_of("lora+rankfour")
    assert str(refused.value).count("(given: ") == 1
    assert str(refused.value).endswith('(given: "four").')
