"""Keys know the code of plugins: all files of their packages, and what these use."""

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import tlbench
from tlbench.base import registry
from tlbench.base.errors import TlbenchError
from tlbench.jobs import sources
from tlbench.jobs.imports import SourceFiles, code_files
from tlbench.jobs.sources import Sources, own_sources
from tlbench.metrics import METRICS
from tlbench.models.backbones import BACKBONES
from tlbench.study.keys import KeyScheme
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

PACKAGE = Path(tlbench.__file__).parent
BACKBONES_FOLDER = PACKAGE / "models" / "backbones"
MACE = "models/backbones/mace/model.py"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Return the folder of a package that registers a backbone and metrics."""
    folder = tmp_path / "installed" / "my_plugin"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "config.py").write_text(
        "from tlbench.models.backbones.schnet import SchNetConfig\n"
        "class Config(SchNetConfig):\n    pass\n"
    )
    (folder / "metric.py").write_text(
        "from tlbench.metrics.spec import MetricSpec\n"
        "SPEC = MetricSpec('longest', 'ps', 'higher', 's', lambda c: 1.0, of='dynamics')\n"
    )
    (folder / "table.json").write_text("{}")
    points = {
        "tlbench.backbones": [EntryPoint("mine", "my_plugin.config:Config", "tlbench.backbones")],
        "tlbench.metrics": [EntryPoint("longest", "my_plugin.metric:SPEC", "tlbench.metrics")],
    }
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(registry, "entry_points", lambda group: points.get(group, []))
    for each in (BACKBONES, METRICS):
        monkeypatch.setattr(each, "_plugins_loaded", False)
        for name in ("_entries", "_paths"):
            monkeypatch.setattr(each, name, dict(getattr(each, name)))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_plugin"]:
        sys.modules.pop(name)


@pytest.mark.parametrize("name", ["config.py", "table.json", "new.so"])
def test_an_edited_plugin_has_other_sources(plugin, name):
    before = Sources()["backbone mine"]
    with (plugin / name).open("a") as file:
        file.write("\n")
    assert Sources()["backbone mine"] != before


def test_a_change_far_behind_in_a_large_file_of_a_plugin_is_noticed(plugin):
    """All of a file counts, though only its beginning is searched for imports."""
    weights = plugin / "weights.npz"
    with weights.open("wb") as file:
        file.truncate(17 << 20)
    before = Sources()
    assert before["backbone mine"]
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"1")
    os.utime(weights, (1, 1))
    assert Sources()["backbone mine"] != before["backbone mine"]
    assert before.tree.changed(weights)


def test_every_digest_is_one(plugin):
    assert {len(digest) for digest in dict(Sources()).values()} == {64}


def test_what_was_read_first_counts(plugin):
    """The digest of a source is of that, so a change is noticed though the file is read again."""
    known = Sources()
    assert known["backbone mine"]
    (plugin / "config.py").write_text("# another\n")
    assert known["metric longest"]
    assert known.tree.changed(plugin / "config.py")


def test_what_a_plugin_imports_of_tlbench_belongs_to_it(plugin):
    assert BACKBONES_FOLDER / "schnet" / "model.py" in Sources().files("backbone mine")
    assert BACKBONES_FOLDER / "mace" / "model.py" not in Sources().files("backbone mine")


def own_files_of(name):
    return {path for path in Sources().files(name) if path.is_relative_to(PACKAGE)}


REGISTERED = {
    "from tlbench import BACKBONES\n\nBACKBONES.get('mace')\n": MACE,
    "import tlbench\n\ntlbench.BACKBONES.get('mace')\n": MACE,
    "from tlbench.models.backbones import *\n\nBACKBONES.get('mace')\n": MACE,
    "from tlbench import load_potential\n": MACE,
    "from tlbench import STRATEGIES as S\n": "transfer/l2_sp.py",
    "from tlbench.transfer import INITIALISATIONS\n": "models/parameters.py",
    "from tlbench import METRICS\n": "metrics/dynamics.py",
    "import os; from tlbench import READERS\n": "data/readers/mlearn.py",
}


@pytest.mark.parametrize(("text", "file"), REGISTERED.items())
def test_what_a_plugin_may_look_up_in_a_registry_belongs_to_it(plugin, text, file):
    assert PACKAGE / file not in own_files_of("backbone mine")
    with (plugin / "config.py").open("a") as code:
        code.write(text)
    assert PACKAGE / file in own_files_of("backbone mine")


def test_what_is_registered_belongs_to_no_source_of_tlbench_that_only_looks_it_up():
    assert BACKBONES_FOLDER / "mace" / "model.py" not in own_sources().files("train")


@pytest.fixture
def single(tmp_path, monkeypatch):
    """Return the folder of a module that registers a metric, without a package about it."""
    folder = tmp_path / "single"
    folder.mkdir()
    (folder / "gentle.py").write_text("import gentle_rates as rates\nSPEC = rates.SPEC\n")
    (folder / "gentle_rates.py").write_text("def f():\n    from gentle_tables import T\n")
    (folder / "gentle_tables.py").write_text("import gentle\nimport tlbench.base.seeds\nT = 1\n")
    (folder / "setup.py").write_text("from setuptools import setup\n")
    monkeypatch.syspath_prepend(folder)
    point = EntryPoint("gentle", "gentle:SPEC", "tlbench.metrics")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    monkeypatch.setattr(METRICS, "_plugins_loaded", False)
    for name in ("_entries", "_paths"):
        monkeypatch.setattr(METRICS, name, dict(getattr(METRICS, name)))
    return folder


def test_what_a_single_module_imports_from_beside_it_belongs_to_it(single):
    found = Sources().files("metric gentle")
    names = {path.name for path in found if path.parent == single}
    assert names == {"gentle.py", "gentle_rates.py", "gentle_tables.py"}
    assert {found[single / name] for name in names} == {name[:-3] for name in names}
    assert PACKAGE / "base" / "seeds.py" in found


@pytest.mark.parametrize("name", ["gentle_rates.py", "gentle_tables.py"])
def test_an_edit_of_what_a_single_module_imports_is_noticed(single, name):
    before = Sources()["metric gentle"]
    with (single / name).open("a") as file:
        file.write("\n")
    assert Sources()["metric gentle"] != before


def test_what_python_leaves_beside_a_plugin_does_not_belong_to_it(plugin):
    before = Sources()["backbone mine"]
    (plugin / "__pycache__").mkdir()
    (plugin / "__pycache__" / "config.cpython-311.pyc").write_bytes(b"\0")
    (plugin / ".git").mkdir()
    (plugin / ".git" / "index").write_bytes(b"\0")
    assert Sources()["backbone mine"] == before


LEFTOVERS = [".config.py.swp", "config.py~", "#config.py#", "config.py.orig", "config.py.rej"]


@pytest.mark.parametrize("name", [*LEFTOVERS, ".DS_Store", ".ipynb_checkpoints/config.py"])
def test_what_editors_and_merges_leave_behind_is_no_source(plugin, name):
    before = Sources()["backbone mine"]
    (plugin / name).parent.mkdir(exist_ok=True)
    (plugin / name).write_bytes(b"\0")
    assert Sources()["backbone mine"] == before


def test_the_lock_of_an_editor_is_no_source_of_tlbench(tmp_path):
    """It is a link to nowhere whose name ends as that of the file that is edited."""
    (tmp_path / "tlbench").mkdir()
    for name in ("__init__.py", "dense.h"):
        (tmp_path / "tlbench" / name).write_text("")
        (tmp_path / "tlbench" / f".#{name}").symlink_to("me@here.1:2")
    files = [tmp_path / "tlbench" / name for name in ("__init__.py", "dense.h")]
    assert SourceFiles(tmp_path).closure(["tlbench"]) == files
    assert code_files(tmp_path / "tlbench") == files


def test_a_plugin_with_endless_data_is_refused_in_a_sentence(plugin, monkeypatch):
    monkeypatch.setattr(sources, "_MOST_FILES", 2)
    with pytest.raises(TlbenchError, match="keep data of a plugin elsewhere"):
        Sources()["backbone mine"]


def keys_of(**changes):
    suite = load_suite("smoke").model_copy(update=changes)
    return plan(resolve(suite), KeyScheme(Sources())).jobs


def test_an_edited_plugin_is_other_work_and_the_rest_is_not(plugin):
    both = {"mine": {}, "schnet": {}}
    before = keys_of(backbones=both)
    (plugin / "config.py").write_text((plugin / "config.py").read_text() + "\n# edited\n")
    after = keys_of(backbones=both)
    assert {job.label for key, job in before.items() if key not in after} == {
        job.label for job in before.values() if "mine" in job.label
    }


def test_a_metric_that_is_installed_but_not_named_changes_nothing(monkeypatch, request):
    before = keys_of()
    request.getfixturevalue("plugin")
    assert "longest" in METRICS.names()
    assert keys_of().keys() == before.keys()


def test_a_metric_of_simulations_is_computed_where_it_is_named(plugin):
    suite = load_suite("quick", [("metrics", "[force_mae, longest]")])
    named = plan(resolve(suite), KeyScheme(Sources())).jobs.values()
    compared = [job for job in named if job.kind == "compare"]
    evaluated = [job for job in named if job.kind == "evaluate"]
    assert compared
    assert all("longest" in job.config["metrics"] for job in compared)
    assert all("metric longest" in job.sources for job in compared)
    assert all(job.config["metrics"] == ["force_mae"] for job in evaluated)
