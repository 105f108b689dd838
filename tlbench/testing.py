"""Conformance tests that any backbone can be put through, for authors of plugins too."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlbench.models.contract.contract import BackboneContract

__all__ = ["BackboneContract"]


def __getattr__(name: str) -> Any:
    # Imported on demand: the properties can be measured where pytest is not installed.
    if name == "BackboneContract":
        from tlbench.models.contract.contract import BackboneContract

        return BackboneContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
