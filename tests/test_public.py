"""The public names of the package: found by tab, imported when used, and none that is not there."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tlbench

PACKAGE = Path(tlbench.__file__).parent
IN_DOCSTRING = re.compile(r"`(tlbench(?:\.\w+)+)`")


def test_tab_shows_the_public_names_and_nothing_else():
    assert dir(tlbench) == sorted(tlbench.__all__)
    assert {"load_potential", "load_suite", "run_suite", "load_card", "read_records"} < {
        *dir(tlbench)
    }
    assert {"TlbenchError", "InputError", "BACKBONES", "STRATEGIES", "METRICS"} < {*dir(tlbench)}


@pytest.mark.parametrize("name", tlbench.__all__)
def test_every_public_name_is_documented_and_lies_where_it_says(name):
    found = getattr(tlbench, name)
    assert found.__doc__
    if isinstance(found, type) or callable(found):
        assert found.__name__ == name
        assert getattr(importlib.import_module(found.__module__), name) is found
    assert getattr(tlbench, name) is found


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tlbench")
        for alias in node.names
    }
    assert seen == {name: f"tlbench.{where}" for name, where in tlbench._WHERE.items()}
    assert seen.keys() == {*tlbench.__all__}


def test_type_checkers_are_invited_to_look():
    assert (PACKAGE / "py.typed").is_file()


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'tlbench' has no attribute 'runs'"):
        _ = tlbench.runs


def test_importing_it_imports_nothing():
    code = "import sys; before = set(sys.modules); import tlbench; dir(tlbench); "
    code += "sys.exit(' '.join(set(sys.modules) - before))"
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {code}",
        ],
        capture_output=True,
        text=True,
    )
    assert ran.stderr.split() == ["tlbench"]


def test_what_docstrings_refer_to_exists():
    for path in PACKAGE.rglob("*.py"):
        for named in IN_DOCSTRING.findall(path.read_text()):
            assert exists(named), f"{path}: {named}"


def exists(name: str) -> bool:
    """Return whether ``name`` is a module, or what is reached from one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
