"""A backbone in a package of its own: installed elsewhere, checked, run; and broken ones named."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from tlbench.cli.new import write_backbone
from tlbench.results.records import read_records

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin-backbone"


class Environment:
    """An environment that sees the packages of this one, and has its own beside them."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "env", with_pip=False)
        self.folder, self.python = folder, folder / "env" / "bin" / "python"
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        shared = sysconfig.get_paths()["purelib"]
        (site / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
        self.site = site

    def run(self, *command: object, expected: int = 0) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TLBENCH"))}
        finished = subprocess.run(
            [str(self.python), "-m", *map(str, command)],
            cwd=self.folder, env=clean, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
        said = finished.stdout + finished.stderr
        assert finished.returncode == expected, said
        assert "Traceback" not in said
        return said

    def install(self, package: Path) -> None:
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        self.run("pip", "install", *options, package)

    def register(self, name: str, text: str, entry: str = "plugin:Config") -> None:
        """Put a module and an entry point where an installed package has them."""
        (self.site / "plugin.py").write_text(text)
        info = self.site / "plugin-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tlbench.backbones]\n{name} = {entry}\n")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("plugin"))


def files_of(folder: Path) -> dict[str, str]:
    paths = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {str(p.relative_to(folder)): p.read_text() for p in paths}


def test_the_example_is_what_tlbench_new_writes(tmp_path):
    write_backbone("my-network", tmp_path)
    assert files_of(EXAMPLE) == files_of(tmp_path)


@pytest.mark.slow
def test_the_example_is_installed_checked_and_run(environment, tmp_path):
    # pip builds in the folder that it installs.
    write_backbone("my-network", tmp_path / "package")
    environment.install(tmp_path / "package")
    assert "my-network" in environment.run("tlbench", "ls", "backbones")
    said = environment.run("tlbench", "check-backbone", "my-network")
    assert said.splitlines()[-1] == "my-network keeps the contract."
    contract = tmp_path / "package" / "tests" / "test_contract.py"
    assert " passed" in environment.run("pytest", "-q", "-p", "no:cacheprovider", contract)
    out = tmp_path / "out"
    suite = (
        "smoke", "--backbone", "my-network", "--store", tmp_path / "store",
        "--set", "sizes=[4]", "--set", "subset_seeds=[0]",
    )  # fmt: skip
    environment.run("tlbench", "run", *suite, "--workers", 1, "--out", out)
    records = read_records(out / "records.jsonl")
    assert {r.model.backbone for r in records} == {"my-network"}
    assert {r.model.strategy for r in records} == {"scratch", "finetune", "zero-shot", "pretrain"}
    assert "my-network" in (out / "report.html").read_text()
    assert " 0 to do" in environment.run("tlbench", "plan", *suite)
    # An edit is other work, though the version of the package is the same.
    with next(environment.site.glob("*my_network/*.py")).open("a") as file:
        file.write("\n# edited\n")
    said = " ".join(environment.run("tlbench", "plan", *suite).split())
    assert "The code of the backbone my-network has changed since this suite was last" in said
    assert " 0 to do" not in said


BASE = """
import torch
from tlbench.models.backbones import BackboneConfig
from tlbench.models.backbones.base import Backbone

class Network(Backbone):
    def __init__(self, config):
        super().__init__(config)
        self.table = torch.nn.Embedding(119, 1)

    def forward(self, graph):
        return self.energy(graph)

    def energy(self, graph):
        RETURN

    def element_parameters(self):
        return {"table.weight": 0}

class Config(BackboneConfig):
    def build(self):
        BUILD
"""
PLAIN = "return self.table(graph.atomic_numbers).squeeze(1)"


def plugin(returns: str = PLAIN, build: str = "return Network(self)") -> str:
    return BASE.replace("RETURN", returns).replace("BUILD", build)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "entry", "complaint"),
    [
        ("import nothing_such", "plugin:Config", "needs the package 'nothing_such', which is not"),
        ("1 / 0", "plugin:Config", "cannot be loaded from 'plugin:Config': ZeroDivisionError"),
        (plugin(), "plugin:Missing", "cannot be loaded from 'plugin:Missing': AttributeError"),
        (plugin(), "plugin:Network", "should be a subclass of BackboneConfig, but 'plugin:Network"),
        (plugin(build="return 1 / 0"), "plugin:Config", "cannot be built: ZeroDivisionError"),
        (plugin(build="return torch.nn.Linear(1, 1)"), "plugin:Config", "builds a Linear, which"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(environment, text, entry, complaint):
    environment.register("broken", text, entry)
    said = environment.run("tlbench", "check-backbone", "broken", expected=2)
    assert said.startswith("tlbench: The backbone 'broken' ")
    assert complaint in said
    assert len(said.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("returns", "complaint"),
    [
        ("return self.table(graph.atomic_numbers)", "shape (16, 1) instead of one per atom, (16,)"),
        (PLAIN + " * float('nan')", "not finite before any training"),
    ],
)
def test_a_plugin_that_breaks_the_contract_stops_with_its_name(
    environment, tmp_path, returns, complaint
):
    environment.register("broken", plugin(returns))
    said = environment.run(
        "tlbench", "run", "smoke", "--backbone", "broken", "--workers", 1,
        "--set", "strategies=[scratch]", "--set", "sizes=[4]", "--set", "subset_seeds=[0]",
        "--out", tmp_path / "out", "--store", tmp_path / "store", expected=1,
    )  # fmt: skip
    failed = next(line for line in said.splitlines() if line.startswith("Failed: scratch broken"))
    assert "The backbone 'broken' " in failed
    assert "tlbench check-backbone broken" in failed


@pytest.mark.slow
def test_check_backbone_says_what_is_missed_and_by_how_much(environment):
    moving = "return self.table(graph.atomic_numbers).squeeze(1) + 0.01 * graph.positions[:, 0]"
    environment.register("broken", plugin(moving))
    said = environment.run("tlbench", "check-backbone", "broken", expected=1)
    assert "broken: translation (float64): a backbone does not change when all atoms move" in said
    assert "this one deviates by" in said
    assert "keeps the contract" not in said


@pytest.mark.slow
def test_a_plugin_with_a_taken_name_is_named(environment):
    environment.register("schnet", plugin())
    said = environment.run("tlbench", "ls", "backbones", expected=2)
    assert "A plugin registers the backbone 'schnet' as 'plugin:Config', but the name is" in said
