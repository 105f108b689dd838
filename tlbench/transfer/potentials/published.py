"""What a published potential is, and how its weights come out of the package that has them."""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import platformdirs

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.schema import digest
from tlbench.models.backbones.config import BackboneConfig
from tlbench.transfer.potentials.checkpoints import run_conversion

if TYPE_CHECKING:
    from tlbench.models.potential import Potential


@dataclass(frozen=True)
class PublishedPotential:
    """A potential that others have trained, whose weights lie in a package that is installed.

    Its weights are read once from a file of the package, in a process of its own, and from then
    on from a safetensors file in the user's cache directory.

    Attributes
    ----------
    name
        Registered name.
    label
        What its authors call it; also the name of the source in records.
    summary
        One sentence for listings.
    backbone
        Registered name of the backbone that carries the weights.
    config
        Configuration of that backbone: the architecture.
    package
        Package that has the weights, and extra of tlbench that installs it.
    versions
        Versions of the package that are known to have these weights.
    file
        Path of the file with the weights below the package's folder.
    sha256
        SHA-256 of that file.
    licence, citation
        Of the weights.
    trained_on
        Data that the weights were trained on, for the statement on their overlap with test data.
    elements
        Symbols of the elements that they were trained on.
    fill
        Gives a new potential of the backbone the weights and reference energies of a checkpoint:
        what ``torch.load`` returns of the file, tensors and plain numbers alone.
    """

    name: str
    label: str
    summary: str
    backbone: str
    config: BackboneConfig
    package: str
    versions: tuple[str, ...]
    file: str
    sha256: str
    licence: str
    citation: str
    trained_on: str
    elements: tuple[str, ...]
    fill: "Callable[[Potential, Any], None]"

    @property
    def cutoff(self) -> float:
        """Interaction range, Å."""
        return self.config.cutoff

    def description(self) -> dict[str, Any]:
        """Return what is known of it, as plain data.

        Among it are the clauses of the contract of backbones that it breaks.
        """
        return {
            "name": self.name,
            "label": self.label,
            "summary": self.summary,
            "trained_on": self.trained_on,
            "elements": " ".join(self.elements),
            "cutoff": self.cutoff,
            "package": self.package,
            "versions": list(self.versions),
            "file": self.file,
            "sha256": self.sha256,
            "licence": self.licence,
            "citation": self.citation,
            "violations": dict(self.config.violations()),
            "backbone": self.backbone,
            "config": self.config.model_dump(mode="json"),
        }

    def load(self, device: str = "cpu") -> "Potential":
        """Return the potential, in single precision.

        Raises
        ------
        TlbenchError
            If its package is missing, or has other weights.
        """
        from tlbench.models.potential import load_potential

        return load_potential(self.path(), device)

    def path(self) -> Path:
        """Return the ``potential.safetensors`` of these weights, written if it is not there yet.

        Raises
        ------
        TlbenchError
            If its package is missing, or has other weights, or the cache cannot be written.
        """
        self.checkpoint()
        folder = platformdirs.user_cache_path("tlbench") / "potentials" / self._key()
        # A file is called after its own digest, so that a damaged one is converted again.
        for path in folder.glob("*.safetensors"):
            if hashlib.sha256(path.read_bytes()).hexdigest() == path.stem:
                return path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Another process may be converting the same weights.
            with TemporaryDirectory(dir=folder) as own:
                written = Path(own) / "potential.safetensors"
                run_conversion("published", self.name, str(written))
                path = folder / f"{hashlib.sha256(written.read_bytes()).hexdigest()}.safetensors"
                written.replace(path)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror}).") from error
        return path

    def checkpoint(self) -> bytes:
        """Return the content of the package's file, of the right digest.

        Raises
        ------
        TlbenchError
            If the package is missing, or has other weights.
        """
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise TlbenchError(
                f"The potential {self.name!r} needs the package {self.package!r}, which is not "
                f"installed; pip install 'tlbench[{self.package}]'."
            )
        try:
            content = (Path(spec.origin).parent / self.file).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != self.sha256:
            has = "other weights" if content else "no file"
            raise TlbenchError(
                f"The potential {self.name!r} is {self.package} {' or '.join(self.versions)}'s "
                f"{self.file} of SHA-256 {self.sha256[:16]}…, but {self.package} "
                f"{version(self.package)}, which is installed, has {has} there; "
                f"pip install '{self.package}=={self.versions[-1]}'."
            )
        return content

    def _key(self) -> str:
        """Return what the converted file depends on, as a digest."""
        modules = [inspect.getmodule(each) for each in (self.fill, type(self.config), type(self))]
        files = [Path(module.__file__ or "") for module in modules if module is not None]
        # The networks lie beside the configuration, whose names the weights get.
        code = {path for file in files for path in file.parent.glob("*.py")}
        digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in code)
        config = self.config.model_dump(mode="json")
        return digest([self.name, self.sha256, self.backbone, config, digests])[:16]
