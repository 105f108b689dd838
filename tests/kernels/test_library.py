"""Compiling the kernels, and doing without them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tlbench.kernels import library
from tlbench.kernels.library import SWITCH, describe, library_for


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty cache, and forget what was loaded."""

    def forget() -> None:
        library._load.cache_clear()
        library._compiler.cache_clear()

    forget()
    monkeypatch.setattr(library, "user_cache_path", lambda name: tmp_path / name)
    # Nothing is computed here; optimising would take ten times as long.
    monkeypatch.setattr(library, "_FLAGS", ["-O0", "-fPIC"])
    yield tmp_path / "tlbench" / "kernels"
    forget()


needs_compiler = pytest.mark.skipif(
    library._compiler() is None, reason="the kernels need a C compiler, and none was found"
)


@needs_compiler
def test_compiled_once_and_kept(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library_for(torch.zeros(1)) is not None
    (built,) = fresh.glob("*.so")
    assert {path.name for path in fresh.iterdir()} == {built.name}
    changed = built.stat().st_mtime_ns

    library._load.cache_clear()
    assert library_for(torch.zeros(1)) is not None
    assert built.stat().st_mtime_ns == changed

    # Other instructions, other file.
    library._load.cache_clear()
    monkeypatch.setattr(library, "_processor", lambda: "another processor")
    assert library_for(torch.zeros(1)) is not None
    assert len(list(fresh.glob("*.so"))) == 2


@needs_compiler
@pytest.mark.parametrize("damage", ["emptied", "cut", "another bit"])
def test_a_damaged_library_is_compiled_again(fresh: Path, damage: str) -> None:
    assert library_for(torch.zeros(1)) is not None
    described = describe()
    (built,) = fresh.glob("*.so")
    whole = built.read_bytes()
    half = len(whole) // 2
    content = {
        "emptied": b"",
        "cut": whole[:half],
        "another bit": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
    }
    # A new file, because the old one is in use.
    damaged = built.with_suffix(".damaged")
    damaged.write_bytes(content[damage])
    damaged.replace(built)

    library._load.cache_clear()
    assert library_for(torch.zeros(1)) is not None
    assert {path.name for path in fresh.iterdir()} == {built.name}
    assert built.read_bytes() == whole
    assert describe() == described


@needs_compiler
def test_without_threads_it_says_so(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = library._compiler()
    assert compiler is not None
    single = fresh.parent.parent / "cc"
    script = f"""#!/bin/sh
case "$*" in *-fopenmp*) exit 1 ;; esac
exec {compiler[0]} "$@"
"""
    single.write_text(script)
    single.chmod(0o755)
    library._compiler.cache_clear()
    monkeypatch.setenv("CC", str(single))
    with caplog.at_level(logging.WARNING):
        assert library_for(torch.zeros(1)) is not None
    assert "one thread" in caplog.text
    assert describe().endswith("without threads")


@needs_compiler
def test_one_library_per_precision(fresh: Path) -> None:
    single = library_for(torch.zeros(1, dtype=torch.float32))
    double = library_for(torch.zeros(1, dtype=torch.float64))
    assert single is not None
    assert double is not None
    assert single._name != double._name
    assert library_for(torch.zeros(1, dtype=torch.float16)) is None


@pytest.mark.usefixtures("fresh")
def test_without_a_compiler_plain_torch_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert library_for(torch.zeros(1)) is None
    assert describe() == "torch"


def test_with_a_broken_compiler_it_says_so_and_plain_torch_is_used(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = fresh.parent.parent / "cc"
    broken.write_text("#!/bin/sh\necho broken compiler 1.0\n[ $1 = --version ]\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with caplog.at_level(logging.WARNING):
        assert library_for(torch.zeros(1)) is None
    assert "plain torch" in caplog.text
    assert describe() == "torch"


@needs_compiler
def test_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe() != "torch"
    monkeypatch.setenv(SWITCH, "off")
    assert library_for(torch.zeros(1)) is None
    assert describe() == "torch (switched off)"


def test_widths_that_are_no_whole_vectors_are_left_to_torch() -> None:
    assert library_for(torch.zeros(1), 12) is None
    assert library_for(torch.zeros(1, dtype=torch.float64), 32, 4) is None
