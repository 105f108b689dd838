"""Files of potentials, and what else a path may name that is taken for one."""

from pathlib import Path

POTENTIAL = "potential.safetensors"
"""Name of the file in the folder of a training job."""

_WHAT = f"a potential is a .safetensors file, such as {POTENTIAL} in the folder of a training job"

_PICKLES = (".ckpt", ".model", ".pickle", ".pkl", ".pt", ".pth")
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"

_SAMPLE = 4096
_MOST_NAMED = 3


def refusal(path: Path, reason: str) -> str:
    """Return one sentence on what ``path`` is instead of a potential, and where potentials are.

    Parameters
    ----------
    reason
        Why it could not be read, for files about which no more can be said.
    """
    if path.is_dir():
        return f"{path}: {_folder(path)}."
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except FileNotFoundError:
        return f"{path}: there is no such file; {_WHAT}."
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})."
    if not sample:
        return f"{path}: is an empty file; {_WHAT}."
    if path.suffix in _PICKLES or sample.startswith((_ZIP, _PICKLE)):
        return (
            f"{path}: is not a potential of tlbench but a checkpoint of another program; such "
            f"files are pickles, which can run any code when they are opened, and are not read; "
            f"{_WHAT}."
        )
    if _is_text(sample):
        return f"{path}: is not a potential of tlbench but a text file; {_WHAT}."
    return f"{path}: is not a potential of tlbench ({reason}); {_WHAT}."


def _folder(path: Path) -> str:
    found = sorted(path.glob("*.safetensors"))
    if len(found) == 1:
        return f"is a folder; the potential in it is {found[0]}"
    if found:
        more = ", …" if len(found) > _MOST_NAMED else ""
        return "is a folder; name one of the potentials in it: " + (
            ", ".join(p.name for p in found[:_MOST_NAMED]) + more
        )
    if (path / "store.json").is_file():
        return (
            "is a store; 'tlbench store ls --jobs' lists its jobs, and the folder of one that "
            f"trained a model has the file {POTENTIAL}"
        )
    if (path / "run.json").is_file():
        return f"is the folder of a run; 'tlbench models {path}' lists its models and their files"
    return f"is a folder without a potential; {_WHAT}"


def _is_text(sample: bytes) -> bool:
    """Return whether a file that begins so is one that people read."""
    # The sample may end within a character.
    text = sample.decode("utf-8", errors="ignore")
    return len(text.encode()) > len(sample) - 4 and "\0" not in text and text[:1].isprintable()
