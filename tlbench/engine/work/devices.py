"""Which device jobs compute on."""

from tlbench.base.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def resolve(device: str) -> str:
    """Turn "auto" into a device that is there: "cuda" if it can be used, else "cpu"."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    InputError
        If ``device`` is unknown, or is "cuda" and there is none.
    """
    if device not in DEVICES:
        raise InputError(f"Unknown device {device!r}; choose one of {', '.join(DEVICES)}.")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError(
                "--device cuda: no usable CUDA device was found; use --device cpu or auto."
            )
