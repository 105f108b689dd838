"""A kind of jobs that the processes of workers know, too."""

import os

import pytest

from tlbench.jobs import base


@pytest.fixture
def kind_of_children(tmp_path, monkeypatch):
    """Return a function that has jobs of kind "sum" done by ``KIND`` of a module's source."""

    def write(source):
        folder = tmp_path / "of-children"
        folder.mkdir()
        (folder / "kind_of_children.py").write_text(source)
        (folder / "sitecustomize.py").write_text(
            "import kind_of_children\n"
            "from tlbench.jobs import base\n"
            "base.KINDS['sum'] = kind_of_children.KIND\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        # Here it is only named.
        monkeypatch.setitem(base.KINDS, "sum", None)

    return write
