"""The command line, run inside the process."""

from collections.abc import Callable

import pytest

from tlbench.cli import main


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path) -> Callable[..., str]:
    """Run the command line on a user's mistake and return its complaint.

    It must be one sentence, end in exit code 2 and leave everything as it was.
    """

    def run(*arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TLBENCH_STORE", str(tmp_path / "store"))
        monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "data"))
        monkeypatch.setattr("sys.argv", ["tlbench", *map(str, arguments)])
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        assert exit_.value.code == 2
        assert "Traceback" not in captured.out + captured.err
        after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        assert {p: after[p] for p in before} == before
        assert not list(tmp_path.rglob("records.jsonl"))
        assert captured.err.count("\n") == 1, captured.err
        return captured.err

    return run


@pytest.fixture
def printed(capsys, monkeypatch, tmp_path) -> Callable[..., str]:
    """Run the command line where it succeeds, and return what it prints."""

    def run(*arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["tlbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        assert not exit_.value.code, captured.err
        assert not captured.err
        return captured.out

    return run
