"""One generic registry for everything that can be plugged in."""

import difflib
import importlib
import reprlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Generic, TypeVar

from tlbench.base.errors import TlbenchError, UnknownNameError

T = TypeVar("T")


def near_names(name: str, known: Iterable[str]) -> str:
    """Return a hint that lists the names closest to ``name``, or all of them if none is close."""
    names = sorted(known)
    likeness = {n: difflib.SequenceMatcher(None, n, name).ratio() for n in names}
    best = max(likeness.values(), default=0.0)
    ordered = sorted(names, key=lambda n: -likeness[n])
    close = [n for n in ordered if likeness[n] >= max(0.55, best - 0.15)][:3]
    if close:
        return f"did you mean {' or '.join(repr(c) for c in close)}?"
    return f"known: {', '.join(names)}" if names else "none are known"


class Registry(Generic[T]):
    """Names mapped to objects, or to a lazy ``"module:attribute"`` imported on first use.

    Parameters
    ----------
    kind
        What is registered, as a word for messages ("backbone").
    group
        Entry-point group through which other packages add names: ``tlbench.`` and a plural.
    extras
        Optional package → the extra of tlbench that installs it.
    wanted
        What an object must be, in words, and a function that says whether one is.
    further
        ``"module:function"`` that returns more names and their objects, which follow from what
        another registry has.
    """

    def __init__(
        self,
        kind: str,
        group: str | None = None,
        extras: Mapping[str, str] | None = None,
        wanted: tuple[str, Callable[[object], bool]] | None = None,
        further: str | None = None,
    ) -> None:
        self.kind = kind
        self.group = group
        self._wanted = wanted
        self._further = further
        self._derived: frozenset[str] = frozenset()
        self._extras = dict(extras or {})
        self._entries: dict[str, T | str] = {}
        self._paths: dict[str, str] = {}
        self._providers: dict[str, str] = {}
        self._plugins_loaded = group is None

    def register(self, name: str, entry: T | str) -> None:
        """Add ``entry`` under ``name``.

        Raises
        ------
        TlbenchError
            If the name is taken.
        """
        if name in self._entries:
            raise TlbenchError(
                f"The {self.kind} name {name!r} is already taken; "
                f"register {entry!r} under another name."
            )
        self._add(name, entry)

    def _add(self, name: str, entry: T | str) -> None:
        self._entries[name] = entry
        own = getattr(entry, "__module__", "")
        self._paths[name] = entry if isinstance(entry, str) else f"{own}:"

    def names(self) -> list[str]:
        """Return all names, those of plugins included, sorted."""
        self._load_plugins()
        return sorted(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries or name in self.names()

    def get(self, name: str) -> T:
        """Return the object called ``name``, importing it if need be.

        Raises
        ------
        UnknownNameError
            If there is none; the message has the nearest names.
        TlbenchError
            If its module or an optional package it needs cannot be imported, or it is something
            else than it should be.
        """
        if name not in self:
            raise self._unknown(name)
        entry = self._entries[name]
        if isinstance(entry, str):
            path, entry = entry, self._import(name, entry)
            if self._wanted is not None and not self._wanted[1](entry):
                raise TlbenchError(
                    f"The {self.kind} {name!r} should be {self._wanted[0]}, but {path!r} is "
                    f"{reprlib.repr(entry)}; have its package mended."
                )
            self._entries[name] = entry
        return entry

    def provider(self, name: str) -> str | None:
        """Return the package and version that added ``name``; None for tlbench itself."""
        self._load_plugins()
        return self._providers.get(name)

    def path(self, name: str) -> str:
        """Return the ``"module:attribute"`` that ``name`` was registered with.

        The attribute is missing if an object was registered.

        Raises
        ------
        UnknownNameError
            As ``get``.
        """
        if name not in self:
            raise self._unknown(name)
        return self._paths[name]

    def _unknown(self, name: str) -> UnknownNameError:
        return UnknownNameError(f"Unknown {self.kind} {name!r}; {near_names(name, self._entries)}")

    def _import(self, name: str, path: str) -> T:
        module, _, attribute = path.partition(":")
        try:
            found: T = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if "." in missing or not missing:
                raise self._broken(name, path, error) from error
            extra = self._extras.get(missing)
            remedy = f"pip install 'tlbench[{extra}]'" if extra else f"install {missing!r}"
            raise TlbenchError(
                f"The {self.kind} {name!r} needs the package {missing!r}, "
                f"which is not installed; {remedy}."
            ) from error
        except Exception as error:
            raise self._broken(name, path, error) from error
        return found

    def _broken(self, name: str, path: str, error: Exception) -> TlbenchError:
        return TlbenchError(
            f"The {self.kind} {name!r} cannot be loaded from {path!r}: "
            f"{type(error).__name__}: {error}"
        )

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        for point in entry_points(group=self.group or ""):
            taken = self._entries.get(point.name, point.value)
            if taken != point.value:
                # Said at every use, not only the first: the plugin must be mended or removed.
                raise TlbenchError(
                    f"A plugin registers the {self.kind} {point.name!r} as {point.value!r}, but "
                    "the name is taken; uninstall the plugin or have its name changed."
                )
            self._add(point.name, point.value)
            if point.dist is not None:
                self._providers[point.name] = f"{point.dist.name} {point.dist.version}"
        if self._further is not None:
            for name in self._derived:
                self._entries.pop(name, None)
            derived = resolve_name(self._further)()
            for name, entry in derived.items():
                self.register(name, entry)
            self._derived = frozenset(derived)
        self._plugins_loaded = True
