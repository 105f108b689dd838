"""What works on a machine is found out, and what does not is named with its remedy."""

import json
import sys
from importlib import metadata

import pytest

from tlbench.cli import doctor, main
from tlbench.cli.doctor import examine


@pytest.fixture
def asked(monkeypatch, capsys, tmp_path):
    """Return a function that asks with some requirements of the package, and all that is said."""
    monkeypatch.setenv("TLBENCH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "80")

    def ask(*arguments, requires=("numpy>=1", "torch>=2"), extras=("tune",)):
        monkeypatch.setattr(metadata, "requires", lambda name: list(requires))
        monkeypatch.setattr(doctor, "_extra_names", lambda: list(extras))
        monkeypatch.setattr("sys.argv", ["tlbench", "doctor", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().out

    return ask


def test_all_is_well_here(asked, tmp_path):
    code, text = asked("--json")
    found = json.loads(text)
    assert (code, found["works"]) == (0, True)
    checks = {check["name"]: check for check in found["checks"]}
    assert list(checks)[:7] == [
        "tlbench", "Python", "packages", "kernels", "device", "store", "cache",
    ]  # fmt: skip
    assert sys.executable in checks["Python"]["found"]
    assert metadata.version("torch") in checks["packages"]["found"]
    assert not (tmp_path / "store").exists()


def test_the_table_fits_80_columns_and_names_the_remedy(asked):
    code, text = asked(requires=("numpy>=1", 'no-such-package>=3; extra == "tune"'))
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert "extra tune: pip install 'tlbench[tune]'" in text
    assert "no-such-package is not installed" in text


@pytest.mark.parametrize(
    ("need", "said"),
    [("no-such-package>=3", "is not installed"), ("numpy>=999", "is not >=999")],
)
def test_a_required_package_that_is_missing_or_old_is_broken(asked, need, said):
    code, text = asked("--json", requires=(need,))
    (check,) = [c for c in json.loads(text)["checks"] if c["name"] == "packages"]
    assert (code, check["state"]) == (1, "broken")
    assert said in check["found"]
    assert check["remedy"] == f"pip install '{need}'"


def test_a_package_whose_import_fails_or_kills_the_process_is_found(tmp_path, monkeypatch):
    (tmp_path / "raising_one.py").write_text("raise ValueError('no\\nlibrary')")
    (tmp_path / "killing_one.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = doctor._import(["json", "raising_one", "killing_one"])
    assert found == {
        "json": "",
        "raising_one": "ValueError: no",
        "killing_one": "its import ends the process",
    }


def test_a_store_of_another_format_is_broken(tmp_path):
    (tmp_path / "store.json").write_text('{"format": 99}')
    check = doctor._store(tmp_path)
    assert check.state == "broken"
    assert check.remedy


def test_finished_and_damaged_jobs_are_counted(tmp_path):
    from tlbench.engine.store.store import Store

    Store(tmp_path)
    (tmp_path / ".damaged" / "one").mkdir()
    check = doctor._store(tmp_path)
    assert check.state == "works"
    assert "0 finished jobs, 1 damaged" in check.found


def test_a_folder_that_cannot_be_written_is_broken(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    check = doctor._writable("cache", file / "below", "")
    assert check.state == "broken"
    assert "XDG_CACHE_HOME" in check.remedy


def test_without_kernels_all_works_more_slowly(monkeypatch):
    monkeypatch.setenv("TLBENCH_KERNELS", "off")
    check = doctor._kernels()
    assert check.state == "absent"
    assert "C compiler" in check.remedy


def test_every_extra_for_users_is_looked_at(monkeypatch):
    monkeypatch.setattr(doctor, "_import", lambda modules: dict.fromkeys(modules, ""))
    names = {c.name.removeprefix("extra ") for c in examine() if c.name.startswith("extra ")}
    promised = set(metadata.metadata("tlbench").get_all("Provides-Extra")) - {"dev", "testing"}
    assert names == promised
