"""No import that Python would find is missed in the text."""

import ast
from pathlib import Path

import pytest

import tlbench
from tlbench.jobs.imports import SourceFiles, code_files

ROOT = Path(tlbench.__file__).parents[1]
TREE = SourceFiles(ROOT)


def modules_of(text, folder):
    path = folder / "plugin.py"
    path.write_bytes(text.encode())
    return {module.removeprefix("tlbench.") for module in TREE.imports_of(path)}


@pytest.mark.parametrize(
    "text",
    [
        "from tlbench.base import (\n    units,  # the first (of two)\n    seeds,\n)\n",
        "from tlbench.base import (units,\n# a, b)\nseeds)\n",
        "from tlbench.base import units; from tlbench.base import seeds\n",
        "import os; from tlbench.base import units, seeds\n",
        "import os; import tlbench.base.units as u, tlbench.base.seeds\n",
        "import tlbench.base.units; import tlbench.base.seeds\n",
        "try: from tlbench.base import units, seeds\nexcept ImportError: pass\n",
        "def f():\n\timport tlbench.base.units, tlbench.base.seeds\n",
        "from tlbench.base import\\\n    units, \\\n  seeds\n",
        "from tlbench.base import \\\r\n    units, \\\r\n  seeds\r\n",
        "from tlbench.base import(units,seeds)\n",
        "from tlbench.base import seeds\nfrom tlbench . base . units import*\n",
        "COLOUR = '#fff'; from tlbench.base import units, seeds\n",
    ],
)
def test_every_way_to_write_an_import_is_found(text, tmp_path):
    ast.parse(text)
    found = modules_of(text, tmp_path) - {"tlbench", "base"}
    assert found == {"base.units", "base.seeds"}


@pytest.mark.parametrize(
    "text", ["# from tlbench import units\n", "from tlbenchmark import units\n", "x = 'tlbench'\n"]
)
def test_what_is_no_import_of_tlbench_is_not_found(text, tmp_path):
    assert modules_of(text, tmp_path) == set()


@pytest.mark.parametrize(
    "text",
    [
        "from tlbench import load_potential\n",
        "import tlbench\n\ntlbench.load_potential\n",
        "import tlbench as t\n\nt.load_potential\n",
        "import tlbench.base.seeds\n\ntlbench.load_potential\n",
        "from tlbench import *\n\nload_potential\n",
    ],
)
def test_a_public_name_stands_for_the_module_that_defines_it(text, tmp_path):
    assert modules_of(text, tmp_path) >= {"tlbench", "models.potential"}
    assert "results.records" not in modules_of(text, tmp_path)


class Imports(ast.NodeVisitor):
    """Modules and names that a parsed file imports when it runs."""

    def __init__(self, package):
        self.package = package.split(".")
        self.found = set()

    def visit_If(self, node):
        never = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for each in node.orelse if never else [*node.body, *node.orelse]:
            self.visit(each)

    def visit_Import(self, node):
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node):
        above = self.package[: len(self.package) - node.level + 1] if node.level else []
        base = ".".join([*above, *filter(None, [node.module])])
        self.found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}


def test_in_all_of_tlbench_no_import_is_missed_that_python_finds():
    for path in code_files(ROOT / "tlbench"):
        if path.suffix == ".py":
            package = ".".join(path.relative_to(ROOT).parts[:-1])
            visitor = Imports(package)
            visitor.visit(ast.parse(path.read_bytes()))
            assert TREE.imports_of(path, package) >= TREE.modules(visitor.found), path
