"""What the verbs of ``tlbench store`` share: the store that is meant, and a progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlbench.engine.store.store import Store


def open_store(folder: Path | None, read_only: bool = False) -> "Store":
    """Return the store in ``folder``, by default the user's own.

    Raises
    ------
    StoreError
        If there is none; only an import makes one.
    """
    from tlbench.base.errors import StoreError
    from tlbench.engine.store.store import Store

    root = store_folder(folder)
    if not (root / "store.json").exists():
        raise StoreError(f"There is no store in {root}; choose another with --store.")
    return Store(root, read_only)


def store_folder(folder: Path | None) -> Path:
    """Return the folder that the user chose, by default the user's own store."""
    if folder is not None:
        return folder
    from tlbench.run import default_store

    return default_store()


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yield a function that takes how much is done, and of how much."""
    import sys

    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``1.2 MB``."""
    from rich.filesize import decimal

    return decimal(size)


def jobs_text(number: int) -> str:
    """Return a number of jobs for people: ``1 job``, ``2 jobs``."""
    return f"{number} job" if number == 1 else f"{number} jobs"
