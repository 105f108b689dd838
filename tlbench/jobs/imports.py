"""Which files of tlbench a module is made of, found in the text: nothing is imported for it."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "tlbench"
_COMPILED = (".c", ".h", ".cpp", ".hpp", ".cu", ".pyx", ".pxd", ".so")
"""Endings of files that are code, too."""

_LEFTOVERS = ("~", ".orig", ".rej", ".pyc")
"""Endings of files that nothing imports or reads."""

_ENTRY = re.compile(rb'^ *(?:\w+\.register\()?"[^"\n]+"(?::|,) "[\w.]+:\w+"[,)]\n', re.MULTILINE)
"""An entry of the table of a registry in tlbench, a name and "module:attribute".

Entries are not part of a digest, so that registering something changes no work with anything else.
What a job is done with is named in its key, and the code of that is what counts.
"""

_NEVER_RUN = re.compile(rb"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)*", re.MULTILINE)
_IMPORT = re.compile(
    rb"(?:^|[;:])[ \t\f]*(?:"
    rb"from\b[ \t]*([.\w][.\w \t]*?)\bimport\b[ \t]*"
    rb"(\((?:[^)#]++|#[^\n]*+)*+\)|[^\n;]*)|import[ \t]+([^\n;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"[^\W\d]\w*")
_MODULE = re.compile(rb"(?:^|,)[ \t]*([.\w]+)")
_PUBLIC = re.compile(rb'^ +"(\w+)": "([.\w]+)",\n', re.MULTILINE)
"""An entry of the table in tlbench/__init__.py of where its public names are defined.

It is not part of a digest either: a file depends on the modules of the names that it uses.
"""


class SourceFiles:
    """Files of source code and what they import, each read once.

    Parameters
    ----------
    root
        Folder that the package tlbench lies in.
    """

    def __init__(self, root: Path) -> None:
        self.root, self._package = root, root / PACKAGE
        self._read: dict[Path, str] = {}
        self._names: dict[Path, frozenset[str]] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._places: dict[str, Path | None] = {}

    def has(self, module: str) -> bool:
        """Return whether tlbench has a module of this name."""
        return self._place(module) is not None

    def closure(self, modules: Iterable[str]) -> list[Path]:
        """Return the files of modules of tlbench and of all that they import.

        Imports inside functions count, those for type checkers alone do not. A module brings along
        the packages that it lies in, and files of other languages that lie beside it.
        """
        seen: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                waiting += self._imported_by(module)
        files = {path for module in seen if (path := self._place(module)) is not None}
        for folder in {path.parent for path in files}:
            beside = (path for path in folder.iterdir() if path.suffix in _COMPILED)
            files.update(path for path in beside if not is_leftover(path.name))
        return sorted(files)

    def imports_of(self, path: Path, package: str = "") -> frozenset[str]:
        """Return the modules of tlbench that a file, which lies in ``package``, may import."""
        return self.modules(self.names_of(path, package))

    def modules(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of some dotted names are those of modules of tlbench."""
        return frozenset(name for name in names if self._place(name) is not None)

    def names_of(self, path: Path, package: str = "") -> frozenset[str]:
        """Return the dotted names of all that a file, which lies in ``package``, may import.

        They are those of modules, and of what is imported from a module. A public name of tlbench
        that is mentioned after tlbench itself was imported counts as imported from its module.
        """
        if path not in self._names:
            self._names[path] = frozenset(self._named_in(self._text(path), package))
        return self._names[path]

    def digest(self, paths: Iterable[Path], root: Path | None = None) -> str:
        """Return the SHA-256 of the names, as seen from ``root``, and contents of files."""
        found = hashlib.sha256()
        for path in paths:
            if path not in self._read:
                self._read[path] = self._digest(path)
            name = path.relative_to(root or self.root).as_posix()
            found.update(f"{name}\0{self._read[path]}\n".encode())
        return found.hexdigest()

    def changed(self, path: Path) -> bool:
        """Return whether the content of a file is not what it was when it was read."""
        try:
            return self._digest(path) != self._read[path]
        except FileNotFoundError:
            return True

    def _text(self, path: Path) -> bytes:
        """Return the text of a module, of which the first that is read counts in digests."""
        text = path.read_bytes()
        self._read.setdefault(path, self._digest_of(path, text))
        return text

    def _digest(self, path: Path) -> str:
        if path.suffix == ".py":
            return self._digest_of(path, path.read_bytes())
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _digest_of(self, path: Path, text: bytes) -> str:
        if path.is_relative_to(self._package):
            text = _ENTRY.sub(b"", text)
        if path == self._package / "__init__.py":
            text = _PUBLIC.sub(b"", text)
        return hashlib.sha256(text).hexdigest()

    def _named_in(self, text: bytes, package: str) -> set[str]:
        text = text.replace(b"\r\n", b"\n").replace(b"\\\n", b" ")
        text = _NEVER_RUN.sub(b"", text)
        found: set[str] = set()
        for origin, names, modules in _IMPORT.findall(text):
            for module in _MODULE.findall(modules):
                parts = module.decode().split(".")
                # `import a.b` binds `a`.
                found |= {parts[0], ".".join(parts)}
            if origin:
                base = _absolute(b"".join(origin.split()).decode(), package)
                found.add(base)
                names = _COMMENT.sub(b"", names)
                mentioned = _NAME.findall(text if b"*" in names else names)
                found |= {f"{base}.{name.decode()}" for name in mentioned}
        if PACKAGE in found:
            public = self._public()
            used = public.keys() & {name.decode() for name in _NAME.findall(text)}
            found |= {public[name] for name in used}
            found |= {f"{public[name]}.{name}" for name in used}
        return found

    def _public(self) -> dict[str, str]:
        """Return the public names of tlbench, which it imports when asked, and their modules."""
        path = self._place(PACKAGE)
        table = _PUBLIC.findall(self._text(path)) if path is not None else []
        return {name.decode(): f"{PACKAGE}.{module.decode()}" for name, module in table}

    def _imported_by(self, module: str) -> frozenset[str]:
        if module not in self._imports:
            path = self._place(module)
            above = module.rpartition(".")[0]
            found: frozenset[str] = frozenset()
            if path is not None:
                found = self.imports_of(path, module if path.name == "__init__.py" else above)
            self._imports[module] = found | ({above} if above else set())
        return self._imports[module]

    def _place(self, module: str) -> Path | None:
        """Return the file of a module, None if tlbench has no such module."""
        if module not in self._places:
            parts = module.split(".")
            places = []
            if parts[0] == PACKAGE:
                beginning = self.root.joinpath(*parts)
                places = [beginning.with_suffix(".py"), beginning / "__init__.py"]
            self._places[module] = next((place for place in places if place.is_file()), None)
        return self._places[module]


def code_files(package: Path) -> list[Path]:
    """Return the files of code in a package, whatever its modules import."""
    code = (path for path in package.rglob("*") if path.suffix in (".py", *_COMPILED))
    return sorted(p for p in code if not any(map(is_leftover, p.relative_to(package).parts)))


def is_leftover(name: str) -> bool:
    """Return whether a file or folder is what an editor, a merge, or Python leaves behind.

    Hidden ones are, as caches, swap files and locks of editors have such names.
    """
    unsaved = name[0] == name[-1] == "#"
    return name[0] == "." or unsaved or name == "__pycache__" or name.endswith(_LEFTOVERS)


def _absolute(module: str, package: str) -> str:
    """Return the name of a module that is imported as ``module`` from inside ``package``."""
    name = module.lstrip(".")
    above = len(module) - len(name)
    if not above:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - above + 1], *([name] if name else [])])
