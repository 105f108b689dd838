"""Checkpoints of other programs, and the process of its own in which they are converted."""

import pickle
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.registry import Registry
from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

REFUSED = 3
"""Exit code of a conversion that ends with a sentence for the user."""

_ARCHIVE, _PICKLE = b"PK\x03\x04", "data.pkl"
"""How an archive begins, and what one of PyTorch has in its folder."""

LARGEST_BYTES = 4 << 30
"""Of a checkpoint; that of a universal potential with its optimiser has some hundred MiB."""


@dataclass(frozen=True)
class CheckpointFormat:
    """What a program saves its trained models as.

    Attributes
    ----------
    backbone
        Registered name of the backbone that carries the weights.
    program
        What users call the program.
    package
        Module without which its checkpoints cannot be converted.
    runs_code
        Whether reading one runs code from the file, as of a pickled network. Otherwise it has
        tensors, numbers and text alone, and anything else is refused.
    architecture
        Configuration of the backbone with the architecture of a checkpoint, which is what
        ``torch.load`` returns of the file. Raises `InputError` where the backbone has no such
        architecture.
    fill
        Gives a new potential of that configuration the weights and reference energies.
    environment
        Name of the Python environment that the package needs; None: this one.
    check
        Compares the filled potential with the network of the checkpoint, where that is one that
        can be evaluated. Raises `InputError` where their predictions differ.
    """

    backbone: str
    program: str
    package: str
    runs_code: bool
    architecture: Callable[[Any], BackboneConfig]
    fill: "Callable[[Potential, Any], None]"
    environment: str | None = None
    check: "Callable[[Potential, Any], None] | None" = None


FORMATS: Registry[CheckpointFormat] = Registry("checkpoint format")
for _name in ("chgnet", "mace", "sevennet"):
    FORMATS.register(_name, f"tlbench.transfer.potentials.{_name}:CHECKPOINT")


def check_settings(found: Mapping[str, Any], expressed: Mapping[str, Any], backbone: str) -> None:
    """Make sure that a checkpoint has the settings that a backbone has.

    Parameters
    ----------
    found
        Settings of the checkpoint; keys beside those of ``expressed`` are left aside.
    expressed
        Settings of the same names that the network of the backbone would have.

    Raises
    ------
    InputError
        Naming the first setting that differs.
    """
    for key, value in expressed.items():
        if found.get(key) != value:
            raise InputError(
                f"its {key} is {found.get(key)!r}, but the backbone {backbone!r} has {value!r} "
                "alone and cannot carry its weights."
            )


def run_conversion(*arguments: str, python: str = sys.executable) -> None:
    """Run ``tlbench.transfer.potentials.conversion`` in a child process.

    Parameters
    ----------
    arguments
        Of that module's command line.
    python
        The interpreter, of an environment that has the package of the checkpoint.

    Raises
    ------
    TlbenchError
        If the conversion is refused, or its process was killed.
    RuntimeError
        If it failed for an unforeseen reason.
    """
    done = subprocess.run(
        [python, "-P", "-m", "tlbench.transfer.potentials.conversion", *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == REFUSED:
        raise TlbenchError(done.stderr.splitlines()[-1])
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise TlbenchError(
            f"The process that converted {arguments[1]} was killed ({name}); perhaps there was "
            "not enough memory."
        )
    if done.returncode:
        raise RuntimeError(f"{arguments[1]} could not be converted:\n{done.stderr}")


def import_checkpoint(
    name: str,
    checkpoint: Path,
    target: Path,
    trained_on: str | None = None,
    python: str = sys.executable,
) -> None:
    """Convert a checkpoint of another program to a potential, in a child process.

    Code from the file is run there if the format's ``runs_code`` says so.

    Parameters
    ----------
    name
        Name of the format.
    checkpoint
        File of the other program.
    target
        Safetensors file to write.
    trained_on
        Data that the weights were trained on, which the file then states.
    python
        Interpreter with tlbench and the program's package.

    Raises
    ------
    TlbenchError
        If it is not a checkpoint of this format, or its architecture is not one of ours.
    """
    run_conversion(name, str(checkpoint), str(target), trained_on or "", python=python)


def check_file(path: Path) -> None:
    """Make sure that a file is there, of a size that may be read, and one that PyTorch writes.

    That is an archive with a pickle, or in earlier versions a pickle. Nothing of it is unpickled.

    Raises
    ------
    InputError
        If it is not.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file.")
        size = path.stat().st_size
        with path.open("rb") as file:
            beginning = file.read(len(_ARCHIVE))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    if size > LARGEST_BYTES:
        raise InputError(
            f"{path}: is larger than {LARGEST_BYTES >> 30} GiB, which no checkpoint of a "
            "potential should be."
        )
    if not size:
        raise InputError(f"{path}: is empty; copy or download the checkpoint again.")
    if beginning == _ARCHIVE:
        _check_archive(path)
    elif not beginning.startswith(pickle.PROTO):
        raise InputError(
            f"{path}: is not a checkpoint, as it is neither an archive nor a pickle of PyTorch; "
            "name the file that the program saved its model in."
        )


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"{path}: begins like a checkpoint, but is damaged or not whole; copy or download it "
            "again."
        ) from error
    if not any(name.endswith(f"/{_PICKLE}") for name in names):
        raise InputError(
            f"{path}: is an archive, but not one of PyTorch, which has {_PICKLE!r}; name the file "
            "that the program saved its model in."
        )


def check_package(form: CheckpointFormat) -> None:
    """Make sure that the package of a format is installed in this environment.

    Raises
    ------
    TlbenchError
        If it is not.
    """
    if find_spec(form.package) is not None:
        return
    remedy = f"pip install 'tlbench[{form.package}]'"
    if form.environment is not None:
        remedy = (
            f"install 'tlbench[{form.package}]' in an environment of its own and name its Python "
            f"with --python {form.environment}=PATH"
        )
    raise TlbenchError(
        f"Checkpoints of {form.program} need the package {form.package!r}, which is not installed; "
        f"{remedy}."
    )
