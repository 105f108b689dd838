"""Which packages a submission declares: those of its run, not those that happen to be installed."""

from tlbench.board.collecting import is_own, providers_of
from tlbench.jobs.kind import Backbone
from tlbench.jobs.train import Config, Elements
from tlbench.metrics import METRICS
from tlbench.models.backbones import BACKBONES
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve


def trained(backbone, strategy, *providers):
    return Config(
        backbone=Backbone(name=backbone),
        strategy=strategy,
        providers=providers,
        elements=Elements(target="Ge"),
        init_seed=0,
    )


def test_a_suite_of_tlbench_alone_declares_nothing():
    configs = [trained("schnet", "scratch", None, None)]
    assert providers_of(resolve(load_suite("smoke")), configs) == {}
    assert is_own("backbone", "schnet")


def test_every_kind_is_declared_with_its_version(monkeypatch):
    monkeypatch.setitem(METRICS._providers, "force_mae", "my-metrics 2.0")
    configs = [trained("schnet", "finetune+mean", "my-network 0.3.1", "my-strategies 1.0")]
    assert providers_of(resolve(load_suite("smoke")), configs) == {
        "backbone": {"schnet": "my-network 0.3.1"},
        "strategy": {"finetune": "my-strategies 1.0"},
        "metric": {"force_mae": "my-metrics 2.0"},
    }


def test_the_version_that_trained_counts_after_an_upgrade(monkeypatch):
    monkeypatch.setitem(BACKBONES._providers, "schnet", "my-network 9.9")
    configs = [trained("schnet", "scratch", "my-network 0.3.1", None)]
    assert providers_of(resolve(load_suite("smoke")), configs)["backbone"] == {
        "schnet": "my-network 0.3.1"
    }
    assert not is_own("backbone", "schnet")
