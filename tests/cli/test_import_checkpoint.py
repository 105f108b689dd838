"""The command line of imports: what it says first, what it asks, and what it refuses."""

import io
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from command_line import in_this_process

from tlbench.models.potential import load_potential
from tlbench.transfer.potentials import POTENTIALS, checkpoints

MACE = ("--as", "mace", "--python", f"mace={sys.executable}")

if find_spec("chgnet") is None or find_spec("sevenn") is None:
    pytest.skip("sevenn or chgnet is not installed here", allow_module_level=True)


class Runs:
    """A pickle that creates a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def pickled(tmp_path) -> Path:
    torch.save(Runs(tmp_path / "trace"), tmp_path / "m.model")
    return tmp_path / "m.model"


@pytest.fixture
def chgnet() -> Path:
    published = POTENTIALS.get("chgnet-0.3.0")
    return Path(find_spec("chgnet").origin).parent / published.file


def test_a_checkpoint_becomes_a_potential_and_the_terminal_says_what_it_is(
    chgnet, printed, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    shown = printed(
        "import", chgnet, "--as", "chgnet", "--out", "p.safetensors", "--trained-on", "MPtrj"
    )
    assert all(len(line) <= 80 for line in shown.splitlines() if str(chgnet) not in line)
    text = " ".join(shown.split())
    assert "reading it runs no code" in text
    assert "p.safetensors: potential of the backbone chgnet, " in text
    assert text.endswith("weights, for 89 elements.")
    assert load_potential(tmp_path / "p.safetensors").trained_on == "MPtrj"


def test_the_file_is_named_after_the_checkpoint(chgnet, printed, tmp_path):
    copied = tmp_path / "trained.pth.tar"
    copied.write_bytes(chgnet.read_bytes())
    printed("import", copied, "--as", "chgnet")
    assert (tmp_path / "trained.safetensors").exists()


def test_code_from_a_file_is_not_run_unless_somebody_says_so(pickled, tmp_path):
    done = in_this_process("import", pickled, *MACE, "--out", tmp_path / "p.safetensors")
    assert done.returncode == 2
    assert "runs code that is in it" in done.stdout
    assert done.stderr == (
        "tlbench: Code from a file is run only if you say so; repeat it with --yes.\n"
    )
    assert not (tmp_path / "trace").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_asks_before_it_runs_code(pickled, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(checkpoints, "import_checkpoint", lambda *given: called.append(given))
    monkeypatch.setattr("tlbench.cli.import_checkpoint._summary", lambda *_: "written.")
    out = ("--out", tmp_path / "p.safetensors")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    done = in_this_process("import", pickled, *MACE, *out)
    assert done.returncode == 1
    assert "Run code from this file? [y/N]" in done.stdout
    assert not called
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert in_this_process("import", pickled, *MACE, *out).returncode == 0
    assert len(called) == 1


def test_a_missing_package_is_named_with_its_extra(pickled, refused, monkeypatch):
    assert refused("import", pickled, "--as", "mace") == (
        "tlbench: Checkpoints of MACE need the package 'mace', which is not installed; install "
        "'tlbench[mace]' in an environment of its own and name its Python with "
        "--python mace=PATH.\n"
    )
    monkeypatch.setattr(checkpoints, "find_spec", lambda name: None)
    assert "which is not installed; pip install 'tlbench[sevenn]'." in refused(
        "import", pickled, "--as", "sevennet"
    )


def test_an_environment_without_the_package_is_refused_before_the_file_is_read(pickled, tmp_path):
    done = in_this_process("import", pickled, *MACE, "--yes", "--out", tmp_path / "p")
    assert done.returncode == 2
    assert "Checkpoints of MACE need the package 'mace'" in done.stderr
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("c.pth", "--as", "sevenet"), "Unknown checkpoint format 'sevenet'; did you mean 'seven"),
        (("nowhere.pth", "--as", "sevennet"), "nowhere.pth: there is no such file."),
        ((".", "--as", "sevennet"), ".: there is no such file."),
        (("c.pth", "--as", "sevennet", "--out", "there"), "there already exists; choose another"),
        (("c.pth", "--as", "sevennet", "--out", "no/p"), "no/p cannot be written: there is no fol"),
        (("c.pth", "--as", "sevennet", "--trained-on", "a\nb"), "--trained-on should be a line of"),
        (("c.pth", "--as", "sevennet", "--trained-on", "a" * 501), "at most 500 characters"),
        (("c.pth", "--as", "sevennet", "--python", "mace=x"), "--python should name the environ"),
        (("c.pth", "--as", "sevennet"), "c.pth: cannot be read as a checkpoint of SevenNet"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(refused, tmp_path, arguments, complaint):
    (tmp_path / "c.pth").write_bytes(b"\x80no")
    (tmp_path / "there").touch()
    assert complaint in refused("import", *arguments)


def test_a_file_that_is_too_large_is_not_read(refused, tmp_path_factory):
    # Elsewhere than the files of which is seen that they are as they were.
    large = tmp_path_factory.mktemp("elsewhere") / "c.pth"
    with large.open("wb") as file:
        file.truncate(checkpoints.LARGEST_BYTES + 1)
    assert "is larger than 4 GiB, which no checkpoint" in refused(
        "import", large, "--as", "sevennet"
    )


def archive(*names: str) -> bytes:
    """Return the bytes of an archive with files of these names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, b"x" * 200)
    return file.getvalue()


@pytest.mark.parametrize("program", ["sevennet", "chgnet"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty; copy or download the checkpoint again."),
        (b"some text\n", "is not a checkpoint, as it is neither an archive nor a pickle of Py"),
        (
            archive("a/data.pkl")[:150],
            "begins like a checkpoint, but is damaged or not whole; copy",
        ),
        (b"PK\x03\x04" + bytes(60), "begins like a checkpoint, but is damaged or not whole; copy"),
        (archive("a/b.txt"), "is an archive, but not one of PyTorch, which has 'data.pkl'; name"),
        (archive("a/data.pkl"), "it is of another program or damaged."),
        (b"\x80\x02", "it is of another program or damaged."),
    ],
    ids=["empty", "text", "truncated", "zeros", "zip", "no pickle", "half a pickle"],
)
def test_what_is_no_checkpoint_is_refused_in_one_sentence(
    refused, tmp_path, program, content, complaint
):
    (tmp_path / "c.pth").write_bytes(content)
    said = refused("import", "c.pth", "--as", program)
    assert complaint in said
    # No number of a program's internals.
    assert "(1" not in said
    assert len(said.splitlines()) == 1


def test_nobody_is_asked_whether_code_of_what_is_no_checkpoint_may_run(refused, tmp_path):
    (tmp_path / "c.model").write_bytes(b"some text\n")
    said = refused("import", "c.model", *MACE)
    assert "c.model: is not a checkpoint, as it is neither" in said
