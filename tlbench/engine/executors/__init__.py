"""Where jobs run: executors as ``concurrent.futures`` defines them."""

from tlbench.engine.executors.local import default_workers, local

__all__ = ["default_workers", "local"]
