"""What is wrong with Parsl or its configuration is said in one sentence, before anything runs."""

import os
import subprocess
import sys

import pytest

BLOCKER = """
import sys


class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Blocker)
"""


def test_without_parsl_the_extra_is_named(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(name="parsl"))
    (tmp_path / "cluster.py").write_text("from parsl import Config\nconfig = Config()\n")
    command = ["run", "smoke", "--executor", "parsl", "--parsl-config", "cluster.py"]
    run = subprocess.run(
        [sys.executable, "-m", "tlbench", *command, "--store", "store"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert run.returncode == 2
    assert run.stderr == (
        "tlbench: --executor parsl: the package 'parsl' is not installed; pip install "
        "'tlbench[parsl]'.\n"
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "there is no such file."),
        ("x = 1\n", "should define 'config', a parsl.Config."),
        ("config = {'executors': []}\n", "should define 'config', a parsl.Config."),
        ("x = 1\nconfig = (\n", ":2: SyntaxError: '(' was never closed"),
        ("import os\nconfig = os.environ['MY_ACCOUNT']\n", ":2: KeyError: 'MY_ACCOUNT'"),
        ("def f():\n    1 / 0\nf()\n", ":2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('no allocation')\n", ":2: SystemExit: no allocation"),
        ("import no_such_package\n", ":1: ModuleNotFoundError: No module named"),
        ("from parsl import Config\nconfig = Config(executor=1)\n", ":2: TypeError: "),
        (
            "from parsl.providers import KubernetesProvider as K\nK('image')\n",
            ":2: OptionalModuleMissing: ",
        ),
    ],
)
def test_a_configuration_that_fails(refused, tmp_path, monkeypatch, text, complaint):
    import parsl.providers.kubernetes.kube as kube

    monkeypatch.setattr(kube, "_kubernetes_enabled", False)
    path = tmp_path / "cluster.py"
    if text is not None:
        path.write_text(text)
    said = refused("run", "smoke", "--executor", "parsl", "--parsl-config", path)
    assert str(path) in said
    assert complaint in said
    assert "runinfo" not in {each.name for each in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--executor", "parsl"], "needs --parsl-config FILE; examples are in examples/clusters."),
        (["--executor", "parsel"], "did you mean 'parsl'?"),
        (["--parsl-config", "cluster.py"], "is for --executor parsl only."),
    ],
)
def test_options_that_do_not_fit(refused, arguments, complaint):
    assert complaint in refused("run", "smoke", *arguments)
