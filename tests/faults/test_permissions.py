"""Files may be read and written by whom the user's umask lets, in all that tlbench writes."""

import os
from pathlib import Path

import faulty
import pytest
import tiny
from command_line import in_this_process

from tlbench.board.site.build import build_site


def modes(folder: Path, umask: int) -> dict[str, str]:
    """Return the files and folders below ``folder`` whose mode is not what the umask leaves."""
    wrong = {}
    for path in (folder, *folder.rglob("*")):
        full = 0o777 if path.is_dir() else 0o666
        mode = path.stat().st_mode & 0o777
        if mode != full & ~umask:
            wrong[str(path.relative_to(folder))] = oct(mode)
    return wrong


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    """Set a umask for the time of a test, and return it."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_saved_potential_may_be_read_by_whom_the_umask_lets(tmp_path, umask):
    (folder := tmp_path / "models").mkdir()
    tiny.potential().save(folder / "potential.safetensors")
    assert modes(folder, umask) == {}


def test_so_may_a_site(tmp_path, umask):
    (tmp_path / "results").mkdir()
    build_site(tmp_path / "results", tmp_path / "web" / "site")
    assert modes(tmp_path / "web", umask) == {}


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o002], indirect=True, ids=oct)
def test_so_may_all_of_a_store_a_run_an_archive_and_a_simulation(tmp_path, umask, monkeypatch):
    folder = tmp_path / "all"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777 & ~umask)
    monkeypatch.chdir(folder)

    def tlbench(*arguments: object) -> None:
        done = in_this_process(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    suite = faulty.write_suite(tmp_path / "suite.yaml", sizes=[2], subset_seeds=[0])
    tlbench("run", suite, "--out", "out", "--store", "store", "--workers", 1)
    (tmp_path / "si.xyz").write_text('2\npbc="F F F"\nSi 0 0 0\nSi 0 0 2.3\n')
    driven = ("md", "stillinger-weber:Si", tmp_path / "si.xyz", "--out", "md")
    tlbench(*driven, "--temperature", 300, "--time", 0.1)
    tlbench("store", "export", "jobs.tar.gz", "--store", "store")
    tlbench("store", "import", "jobs.tar.gz", "--store", "other")
    tlbench("baseline", "out", "--out", "baseline.json")
    assert len(list(folder.rglob("potential.safetensors"))) == 6
    assert modes(folder, umask) == {}
