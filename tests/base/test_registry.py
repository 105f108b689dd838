"""A registry imports on first use, refuses duplicates, and explains what it cannot find."""

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

import tlbench.base.registry
from tlbench.base.errors import TlbenchError, UnknownNameError
from tlbench.base.registry import Registry, near_names


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes an importable module."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        return name

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def offer(monkeypatch, **points: str) -> list[str]:
    """Pretend that another package has these entry points; return the groups asked for."""
    asked = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint(name, value, group) for name, value in points.items()]

    monkeypatch.setattr(tlbench.base.registry, "entry_points", entry_points)
    return asked


# --- near names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("shcnet", ["schnet", "dimenetpp"], "did you mean 'schnet'?"),
        ("fine_tune", ["finetune", "scratch"], "did you mean 'finetune'?"),
        ("zzz", ["schnet", "dimenetpp"], "known: dimenetpp, schnet"),
        ("zzz", [], "none are known"),
    ],
)
def test_near_names(name, known, hint):
    assert near_names(name, known) == hint


def test_near_names_puts_the_nearest_first():
    hint = near_names("force_mea", ["energy_mae", "force_rmse", "force_mae"])
    assert hint.startswith("did you mean 'force_mae' or 'force_")


# --- names -------------------------------------------------------------------------------------


def test_objects_are_found_under_their_names():
    registry: Registry[int] = Registry("number")
    registry.register("two", 2)
    registry.register("one", 1)
    assert registry.names() == ["one", "two"]
    assert (registry.get("one"), registry.get("two")) == (1, 2)
    assert "one" in registry
    assert "three" not in registry


def test_a_duplicate_is_refused_and_changes_nothing():
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    with pytest.raises(TlbenchError, match="The number name 'one' is already taken"):
        registry.register("one", 2)
    assert registry.get("one") == 1


def test_an_unknown_name_gets_near_names():
    registry: Registry[int] = Registry("backbone")
    registry.register("schnet", 1)
    with pytest.raises(UnknownNameError, match="Unknown backbone 'shcnet'; did you mean 'schnet'"):
        registry.get("shcnet")


# --- lazy entries -------------------------------------------------------------------------------


def test_a_module_is_imported_once_and_only_on_first_use(module):
    name = module("tlbench_test_lazy", "class Thing:\n    pass\n")
    registry: Registry[type] = Registry("thing")
    registry.register("thing", f"{name}:Thing")
    assert registry.names() == ["thing"]
    assert "thing" in registry
    assert name not in sys.modules
    found = registry.get("thing")
    assert found.__name__ == "Thing"
    assert found is sys.modules[name].Thing
    del sys.modules[name]
    assert registry.get("thing") is found
    assert name not in sys.modules


def test_a_missing_package_names_the_extra_that_installs_it(module):
    name = module("tlbench_test_needy", "import tlbench_absent.nn\n")
    registry: Registry[type] = Registry("backbone", extras={"tlbench_absent": "absent"})
    registry.register("needy", f"{name}:Needy")
    with pytest.raises(TlbenchError) as caught:
        registry.get("needy")
    message = str(caught.value)
    assert "The backbone 'needy' needs the package 'tlbench_absent'" in message
    assert "pip install 'tlbench[absent]'" in message


def test_a_missing_package_without_an_extra_is_named(module):
    name = module("tlbench_test_needy", "import tlbench_absent\n")
    registry: Registry[type] = Registry("backbone", extras={"another": "absent"})
    registry.register("needy", f"{name}:Needy")
    with pytest.raises(TlbenchError, match="not installed; install 'tlbench_absent'"):
        registry.get("needy")


def test_a_failed_import_can_be_tried_again(module):
    name = "tlbench_test_late"
    registry: Registry[int] = Registry("thing")
    registry.register("late", f"{name}:VALUE")
    with pytest.raises(TlbenchError, match=name):
        registry.get("late")
    module(name, "VALUE = 5\n")
    tlbench.base.registry.importlib.invalidate_caches()
    assert registry.get("late") == 5


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
        ("class Other: ...", "AttributeError"),
        ("def broken(:", "SyntaxError"),
        ("import tlbench.no_such_module", "No module named 'tlbench.no_such_module'"),
        ("from json import no_such_name", "ImportError: cannot import name 'no_such_name'"),
    ],
)
def test_a_module_that_fails_is_named_with_the_reason(module, code, reason):
    name = module("tlbench_test_failing", code)
    registry: Registry[type] = Registry("strategy")
    registry.register("mine", f"{name}:Thing")
    with pytest.raises(TlbenchError) as caught:
        registry.get("mine")
    message = str(caught.value)
    assert f"The strategy 'mine' cannot be loaded from '{name}:Thing'" in message
    assert reason in message
    assert "install" not in message
    assert caught.value.__cause__ is not None


# --- plugins --------------------------------------------------------------------------------


def test_plugins_are_found_when_a_name_is_not_built_in(module, monkeypatch):
    name = module("tlbench_test_plugin", "VALUE = 3\n")
    asked = offer(monkeypatch, theirs=f"{name}:VALUE")
    registry: Registry[int] = Registry("number", group="tlbench.numbers")
    registry.register("ours", 1)
    assert registry.get("ours") == 1
    assert asked == []
    assert registry.get("theirs") == 3
    assert registry.names() == ["ours", "theirs"]
    assert asked == ["tlbench.numbers"]


def test_a_plugin_may_not_take_a_name(monkeypatch):
    offer(monkeypatch, ours="elsewhere:VALUE")
    registry: Registry[int] = Registry("number", group="tlbench.numbers")
    registry.register("ours", 1)
    with pytest.raises(TlbenchError, match="'ours' as 'elsewhere:VALUE', but the name is taken"):
        registry.names()
    # Also when asked again: the plugin stays broken.
    with pytest.raises(TlbenchError, match="uninstall the plugin"):
        registry.names()
    assert registry.get("ours") == 1


def test_the_package_of_a_plugin_is_known(monkeypatch):
    distribution = SimpleNamespace(name="their-package", version="1.2")
    point = SimpleNamespace(name="theirs", value="elsewhere:VALUE", dist=distribution)
    monkeypatch.setattr(tlbench.base.registry, "entry_points", lambda group: [point])
    registry: Registry[int] = Registry("number", group="tlbench.numbers")
    registry.register("ours", 1)
    assert registry.provider("theirs") == "their-package 1.2"
    assert registry.provider("ours") is None


def test_a_registry_without_a_group_asks_for_no_plugins(monkeypatch):
    asked = offer(monkeypatch, theirs="elsewhere:VALUE")
    registry: Registry[int] = Registry("number")
    assert registry.names() == []
    assert asked == []
