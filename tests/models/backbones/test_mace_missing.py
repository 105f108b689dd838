"""MACE where its package is not installed: it can be listed and planned, not built."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tlbench.base.errors import InputError, TlbenchError
from tlbench.models.backbones.mace import MACEConfig
from tlbench.models.potential import build_potential
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


@pytest.mark.skipif(find_spec("mace") is not None, reason="mace-torch is installed here")
@pytest.mark.parametrize("name", ["mace", "mace-large"])
def test_building_it_says_where_it_can_be_built(name):
    with pytest.raises(TlbenchError, match="mace-torch") as caught:
        build_potential(name, {})
    (sentence,) = str(caught.value).splitlines()
    assert "environment of its own" in sentence
    assert "'tlbench run --python mace=PATH'" in sentence


def test_another_package_that_is_missing_is_not_taken_for_it(monkeypatch):
    for module in ("mace", "mace.modules", "tlbench.models.backbones.packages"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "tlbench.models.backbones.mace.model", raising=False)
    with pytest.raises(ModuleNotFoundError, match="packages"):
        MACEConfig().build()


def test_its_jobs_go_to_its_environment_and_others_to_theirs():
    named = {
        (job.config["backbone"]["name"], job.environment)
        for job in plan(resolve(load_suite("interpreters"))).jobs.values()
        if job.kind in ("train", "speed")
    }
    assert named == {("dimenetpp", "dimenetpp"), ("nequip", "nequip"), ("mace", "mace")}


def test_its_settings_are_checked_without_it():
    with pytest.raises(InputError, match="max_L 2 is larger than max_ell 1"):
        build_potential("mace", {"max_ell": 1, "max_L": 2})


def test_a_suite_with_it_is_planned_without_torch():
    code = (
        "import sys\n"
        "from tlbench.study.models import plan\n"
        "from tlbench.study.loading import load_suite\n"
        "from tlbench.study.study import resolve\n"
        "assert plan(resolve(load_suite('interpreters'))).jobs\n"
        "sys.exit(' '.join({'torch', 'mace', 'e3nn'} & set(sys.modules)) or 0)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
