"""``tlbench new backbone``: names, folders, and what cannot be."""

import ast

import pytest


@pytest.mark.parametrize(
    ("name", "module", "class_name"),
    [
        ("net", "tlbench_net", "Net"),
        ("my-net-2", "tlbench_my_net_2", "MyNet2"),
        ("torch", "tlbench_torch", "Torch"),
        ("none", "tlbench_none", "NoneNetwork"),
    ],
)
def test_names_become_a_module_and_a_class(printed, tmp_path, name, module, class_name):
    said = printed("new", "backbone", name)
    folder = tmp_path / f"tlbench-{name}"
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text())
    assert f"class {class_name}(Backbone)" in (folder / module / "model.py").read_text()
    assert (
        f'{name} = "{module}.config:{class_name}Config"' in (folder / "pyproject.toml").read_text()
    )
    assert f"tlbench check-backbone {name}" in said


@pytest.mark.parametrize("name", ["", "My-Net", "1net", "net_2", "net--2", "../net", "ü", "x" * 41])
def test_a_name_that_cannot_be_is_refused(refused, name):
    assert "cannot be the name of a backbone" in refused("new", "backbone", name)


def test_a_taken_name_and_a_full_folder_are_refused(refused, tmp_path):
    assert "called 'schnet' already" in refused("new", "backbone", "schnet")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "already exists" in refused("new", "backbone", "net", "--out", "full")
    assert "already exists" in refused("new", "backbone", "net", "--out", "full/file")
