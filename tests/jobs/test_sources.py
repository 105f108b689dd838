"""Keys know the code: an edit changes what it can touch, and nothing else."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tlbench
from tlbench.base.errors import InputError
from tlbench.engine.work.interpreters import code_digest
from tlbench.jobs import sources
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.imports import SourceFiles, code_files
from tlbench.jobs.sources import Sources, check_imported, check_planned, own_sources
from tlbench.models.backbones import BACKBONES
from tlbench.study.keys import KeyScheme
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

PACKAGE = Path(tlbench.__file__).parent


LATE = ("late", "later")


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Return a folder that holds a copy of tlbench."""
    root = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, root / "tlbench", ignore=ignored)
    return root


@pytest.fixture
def edited(copied):
    """Return a function that says which sources an edit of a file changes."""
    undo = {}

    def edit(name, text="\n# edited\n", after=None):
        path = copied / "tlbench" / name
        undo[path] = path.read_text()
        before = dict(Sources(copied))
        end = len(undo[path]) if after is None else undo[path].index(after) + len(after)
        path.write_text(undo[path][:end] + text + undo[path][end:])
        after = Sources(copied)
        return {name for name, digest in before.items() if after[name] != digest}

    yield edit
    for path, text in undo.items():
        path.write_text(text)


def of_kind(kind):
    return {name for name in own_sources() if name.startswith(f"{kind} ")}


def test_a_copy_elsewhere_has_the_same_digests(copied):
    assert dict(Sources(copied)) == dict(own_sources())


def test_an_edit_of_the_loss_changes_training_alone(edited):
    assert edited("training/loss.py") == {"train"}


def test_an_edit_of_the_loss_changes_the_keys_of_what_depends_on_training(copied, edited):
    suite = load_suite("quick")
    before = plan(resolve(suite), KeyScheme(Sources(copied))).jobs
    edited("training/loss.py")
    after = plan(resolve(suite), KeyScheme(Sources(copied))).jobs
    kept = {job.kind for key, job in before.items() if key in after}
    changed = {job.kind for key, job in before.items() if key not in after}
    assert kept == {"dataset", "speed", "reference"}
    assert changed == {"train", "evaluate", "simulate", "compare"}


@pytest.mark.parametrize(
    "name",
    ["report/html.py", "cli/run.py", "engine/store/store.py", "jobs/base.py", "study/models.py"],
)
def test_an_edit_of_what_computes_nothing_changes_nothing(edited, name):
    assert edited(name) == set()


def test_an_edit_of_one_backbone_changes_it_and_its_variants(edited):
    assert edited("models/backbones/schnet/model.py") == {
        "backbone schnet",
        "backbone schnet-large",
    }


@pytest.mark.parametrize(
    ("name", "table", "entry"),
    [
        ("models/backbones/__init__.py", "in {\n", '    "toy": "toy.config:ToyConfig",\n'),
        ("metrics/__init__.py", "in {\n", '    "toy": "toy:TOY",\n'),
        ("transfer/__init__.py", "in {\n", '    "toy": "toy:TOY",\n'),
        ("data/readers/__init__.py", ':READER")\n', 'READERS.register("toy", "toy:READER")\n'),
        ("__init__.py", "_WHERE = {\n", '    "Toy": "toys",\n'),
    ],
)
def test_registering_something_changes_no_work_with_anything_else(edited, name, table, entry):
    assert edited(name, entry, after=table) == set()


def test_another_object_of_the_same_module_is_another_source(monkeypatch):
    before = Sources()["backbone schnet"]
    path = "tlbench.models.backbones.schnet:SchNetLargeConfig"
    monkeypatch.setitem(BACKBONES._paths, "schnet", path)
    assert Sources()["backbone schnet"] != before


def test_settings_that_look_like_a_table_count(edited):
    """As they are no names of modules and attributes."""
    assert "environments" in edited("metrics/environments.py", '            "type": "Other",\n',
                                    after='            "type": "TensorProduct",\n')  # fmt: skip


def test_an_edit_of_one_metric_does_not_change_those_of_other_files(edited):
    simulated = {
        "adf_error", "rdf_error", "rdf_error_beyond_core", "stability_rate", "survival_time"
    }  # fmt: skip
    # The floors that a reference states are such errors, and a simulation reads its reference.
    kinds = {"compare", "reference", "simulate"}
    assert edited("metrics/dynamics.py") == kinds | {f"metric {n}" for n in simulated}


def test_an_edit_of_a_kernel_changes_all_that_use_kernels(edited):
    changed = edited("kernels/dense.h")
    assert {"train", "evaluate", "simulate", "speed"} <= changed
    assert "backbone schnet" in changed
    assert not changed & (of_kind("metric") | of_kind("reader") | {"strategy finetune"})


def test_what_settles_the_process_is_part_of_every_kind(edited):
    assert set(KINDS) <= edited("jobs/context.py")


def test_an_interpreter_whose_kernels_differ_has_another_tlbench(copied, edited):
    def digest():
        return SourceFiles(copied).digest(code_files(copied / "tlbench"))

    before = digest()
    assert before == code_digest()
    edited("kernels/dense.h")
    assert digest() != before


def test_imports_inside_functions_count_and_those_for_type_checkers_do_not(tmp_path):
    package = tmp_path / "tlbench"
    for name, text in {
        "__init__.py": "",
        "a.py": "def f():\n    from tlbench.b import (\n  g,  # tlbench.z\n  h,\n    )\n",
        "b.py": "if TYPE_CHECKING:\n    from tlbench.c import C\n\nfrom tlbench.rooms import d\n",
        "c.py": "",
        "rooms/__init__.py": "import os, tlbench.e as e\n",
        "rooms/d.py": "from . import near\nfrom ..f import \\\n    x\n",
        "rooms/near.py": "",
        "rooms/far.py": "",
        "e.py": "",
        "f.py": "",
        "z.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    found = {
        p.relative_to(package).as_posix() for p in SourceFiles(tmp_path).closure(["tlbench.a"])
    }
    rooms = {"rooms/__init__.py", "rooms/d.py", "rooms/near.py"}
    assert found == {"__init__.py", "a.py", "b.py", "e.py", "f.py", *rooms}


def test_what_a_kind_imports_at_its_top_is_among_its_files():
    """The text is read as Python reads it."""
    import importlib

    for kind in ("dataset", "train", "evaluate", "compare"):
        importlib.import_module(KINDS[kind].module)
        files = {str(path) for path in own_sources().files(kind)}
        module = sys.modules[KINDS[kind].module]
        used = {getattr(v, "__module__", None) for v in vars(module).values()}
        own = {sys.modules[n].__file__ for n in used if n and n.startswith("tlbench")}
        assert own <= files


def keys_of(**changes):
    suite = load_suite("smoke").model_copy(update=changes)
    return plan(resolve(suite), KeyScheme(Sources())).jobs


def test_a_job_says_which_sources_it_was_done_with():
    jobs = keys_of().values()
    trained = next(j for j in jobs if j.kind == "train" and j.config["strategy"] == "finetune")
    backbone = trained.config["backbone"]["name"]
    names = {f"backbone {backbone}", "strategy finetune", "element initialisation copy-source"}
    assert set(trained.sources) == {"train", *names}
    assert trained.description()["sources"] == {n: own_sources()[n] for n in trained.sources}


def test_a_job_that_was_planned_with_other_code_is_refused():
    job = Job("train", {}, label="mine", sources={"train": "0" * 64})
    with pytest.raises(InputError, match="'mine' was planned with another version of the code of"):
        check_planned(job)


@pytest.fixture
def late(tmp_path, monkeypatch):
    """Return a tree of its own with two kinds of jobs, "late" and "later", and its sources."""
    root = tmp_path / "tree"
    (root / "tlbench" / "jobs").mkdir(parents=True)
    for name in LATE:
        (root / "tlbench" / "jobs" / f"{name}.py").write_text("from tlbench import shared\n")
        monkeypatch.setitem(KINDS, name, SimpleNamespace(module=f"tlbench.jobs.{name}"))
    (root / "tlbench" / "shared.py").write_text("X = 1\n")
    known = Sources(root)
    monkeypatch.setattr(sources, "own_sources", lambda: known)
    monkeypatch.setattr(sources, "_settled", set())
    for name in ("tlbench.shared", "tlbench.jobs.late", "tlbench.jobs.later"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return known


def load(monkeypatch, *names):
    for name in names:
        monkeypatch.setitem(sys.modules, f"tlbench.{name}", type(sys)(name))


def test_what_was_changed_before_it_was_imported_is_refused(late, monkeypatch):
    """A file is read for its digest first; then it is edited; then it is imported."""
    job = Job("late", {}, label="late", sources={"late": late["late"]})
    (late.tree.root / "tlbench" / "jobs" / "late.py").write_text("X = 3  # longer\n")
    check_planned(job)
    check_imported(job)
    load(monkeypatch, "jobs.late")
    for _ in range(2):
        with pytest.raises(InputError, match="changed before the job 'late' had loaded it"):
            check_imported(job)


@pytest.mark.parametrize("after", [b"X = 1\n", b"X = 2\n", None])
def test_a_file_that_was_merely_touched_has_not_changed(late, monkeypatch, after):
    """As after ``git stash; git stash pop``: another file, of another time, that says the same."""
    job = Job("late", {}, label="late", sources={"late": late["late"]})
    path = late.tree.root / "tlbench" / "shared.py"
    path.rename(path.with_suffix(".old"))
    if after is not None:
        path.write_bytes(after)
        os.utime(path, (1, 1))
    load(monkeypatch, "jobs.late", "shared")
    if after == b"X = 1\n":
        check_imported(job)
        assert not late.tree.changed(path)
    else:
        with pytest.raises(InputError, match=r"shared\.py was changed before"):
            check_imported(job)


def test_what_one_source_has_loaded_does_no_harm_to_another(late, monkeypatch):
    """A module is imported once, whichever job it was for."""
    jobs = {name: Job(name, {}, label=name, sources={name: late[name]}) for name in LATE}
    load(monkeypatch, "jobs.late", "shared")
    check_imported(jobs["late"])
    (late.tree.root / "tlbench" / "shared.py").write_text("X = 2\n")
    load(monkeypatch, "jobs.later")
    check_imported(jobs["later"])
    (late.tree.root / "tlbench" / "jobs" / "later.py").write_text("X = 2\n")
    check_imported(jobs["later"])


def test_what_is_no_module_may_be_read_late_so_each_source_checks_it(late, monkeypatch):
    kernel = late.tree.root / "tlbench" / "jobs" / "dense.h"
    kernel.write_text("int x;")
    jobs = {name: Job(name, {}, label=name, sources={name: late[name]}) for name in LATE}
    check_imported(jobs["late"])
    kernel.write_text("int y;")
    with pytest.raises(InputError, match=r"dense\.h was changed before the job 'later'"):
        check_imported(jobs["later"])


def test_what_is_changed_after_it_was_imported_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_settled", set())
    job = Job("speed", {}, sources={"speed": own_sources()["speed"]})
    import tlbench.jobs.speed  # noqa: F401

    check_imported(job)
    files = own_sources().tree
    monkeypatch.setattr(files, "changed", lambda path: True)
    check_imported(job)


def test_digests_are_cheap():
    import time

    started = time.process_time()
    found = Sources()
    assert all(found[kind] for kind in KINDS)
    assert time.process_time() - started < 0.2
