"""What ``check-backbone`` says of an architecture that states what it breaks."""

from importlib.util import find_spec

import pytest
import torch

from tlbench.cli import main
from tlbench.models.backbones.sevennet import SevenNetConfig
from tlbench.models.contract import check

if find_spec("sevenn") is None:
    pytest.skip("sevenn is not installed here", allow_module_level=True)

SETTINGS = ("channels=[6,4,3]", "n_layers=3", "radial_channels=6")


@pytest.fixture
def said(capsys, monkeypatch):
    """Return the exit code and what is printed after measuring two clauses in one precision."""
    clauses = [each for each in check.PROPERTIES if each.name in ("rotation", "reflection")]
    monkeypatch.setattr(check, "PROPERTIES", clauses)
    monkeypatch.setattr(check, "PRECISIONS", (torch.float64,))
    settings = [word for each in SETTINGS for word in ("--set", each)]
    monkeypatch.setattr("sys.argv", ["tlbench", "check-backbone", "sevennet", *settings])

    def run():
        threads = torch.get_num_threads()
        with pytest.raises(SystemExit) as exit_:
            main()
        torch.set_num_threads(threads)
        return exit_.value.code or 0, " ".join(capsys.readouterr().out.split())

    return run


def test_a_stated_violation_is_named_and_is_no_failure(said):
    code, text = said()
    assert code == 0
    assert "sevennet keeps the contract, except, as its configuration states, reflection (" in text
    assert "[red]" not in text


def test_one_that_is_not_stated_is_a_failure(said, monkeypatch):
    monkeypatch.setattr(SevenNetConfig, "violations", lambda self: {})
    code, text = said()
    assert code == 1
    assert "sevennet: reflection (float64): a backbone does not change under reflection" in text
    assert "keeps the contract" not in text
