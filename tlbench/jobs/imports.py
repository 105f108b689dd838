"""Which files of tlbench a module is made of, found in the text: nothing is imported for it."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "tlbench"
_COMPILED = (".c", ".h", ".cpp", ".hpp", ".cu", ".pyx", ".pxd", ".so")
"""Endings of files that are code, too."""

_MOST_BYTES = 16 << 20
"""What is read of a file: packages may bring weights."""

_NEVER_RUN = re.compile(rb"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)*", re.MULTILINE)
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"[A-Za-z_]\w*")
_MODULE = re.compile(rb"\btlbench(?:\.\w+)*")

Stat = tuple[int, int, int]


class SourceFiles:
    """Files of source code and what they import, each read once.

    Parameters
    ----------
    root
        Folder that the package tlbench lies in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, tuple[str, Stat]] = {}
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
            files.update(path for path in folder.iterdir() if path.suffix in _COMPILED)
        return sorted(files)

    def imports_of(self, path: Path, package: str = "") -> frozenset[str]:
        """Return the modules of tlbench that a file, which lies in ``package``, may import."""
        text = self._text(path).replace(b"\\\n", b" ")
        found: set[str] = set()
        for origin, names, modules in _IMPORT.findall(_NEVER_RUN.sub(b"", text)):
            found |= {module.decode() for module in _MODULE.findall(modules)}
            if origin:
                base = _absolute(origin.decode(), package)
                found.add(base)
                # A name may be that of a module.
                names = _NAME.findall(_COMMENT.sub(b"", names))
                found |= {f"{base}.{name.decode()}" for name in names}
        return frozenset(filter(self.has, found))

    def digest(self, paths: Iterable[Path], root: Path | None = None) -> str:
        """Return the SHA-256 of the names, as seen from ``root``, and contents of files."""
        found = hashlib.sha256()
        for path in paths:
            if path not in self._read:
                self._text(path)
            name = path.relative_to(root or self.root).as_posix()
            found.update(f"{name}\0{self._read[path][0]}\n".encode())
        return found.hexdigest()

    def changed(self, paths: Iterable[Path]) -> Path | None:
        """Return a file that is not what it was when it was read, None if there is none."""
        for path in paths:
            try:
                if _stat(path) != self._read[path][1]:
                    return path
            except FileNotFoundError:
                return path
        return None

    def _text(self, path: Path) -> bytes:
        # Taken first, so that a change while the file is read shows in it.
        stat = _stat(path)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
        known = hashlib.sha256(b"%d\0%b" % (stat[0], content)).hexdigest(), stat
        self._read.setdefault(path, known)
        return content

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
            beginning = self.root.joinpath(*parts)
            places = (beginning.with_suffix(".py"), beginning / "__init__.py")
            known = parts[0] == PACKAGE
            self._places[module] = next((p for p in places if known and p.is_file()), None)
        return self._places[module]


def code_files(package: Path) -> list[Path]:
    """Return the files of code in a package, whatever its modules import."""
    return sorted(p for p in package.rglob("*") if p.suffix in (".py", *_COMPILED))


def _absolute(module: str, package: str) -> str:
    """Return the name of a module that is imported as ``module`` from inside ``package``."""
    name = module.lstrip(".")
    above = len(module) - len(name)
    if not above:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - above + 1], *([name] if name else [])])


def _stat(path: Path) -> Stat:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino
