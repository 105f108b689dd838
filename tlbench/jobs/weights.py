"""Job: bring the weights of a potential that was trained elsewhere into the store."""

import hashlib
from typing import ClassVar

from tlbench.base.errors import InputError
from tlbench.base.magnitudes import Count, Digest
from tlbench.base.schema import canonical_json
from tlbench.jobs import kind
from tlbench.jobs.context import MODEL, Context
from tlbench.jobs.kind import Backbone, Kind

FILE = "potential"
"""Name of the outside file of a potential that is not a published one."""


class Config(kind.Config):
    """Which weights, and of which backbone.

    ``potential`` is the name of a published potential; None for the potential in a file. ``sha256``
    is of the file that they come from: that of the package, or the file itself. Where it lies, and
    what it is called, is not part of the key.
    """

    kind: ClassVar = "weights"

    potential: str | None = None
    sha256: Digest
    backbone: Backbone


class Result(kind.Result):
    """Size of the network."""

    n_parameters: Count


def run(config: Config, context: Context) -> Result:
    """Write ``potential.safetensors``, byte for byte that of the source.

    Raises
    ------
    TlbenchError
        If the package of a published potential is missing or has other weights; or if a file has
        other weights than it had when it was planned, or is of another backbone.
    """
    from tlbench.models.backbones import BACKBONES
    from tlbench.models.potential import load_potential
    from tlbench.transfer.potentials import POTENTIALS

    if config.potential is None:
        place = context.files[FILE]
        content = place.read_bytes()
        if hashlib.sha256(content).hexdigest() != config.sha256:
            raise InputError(f"{place}: was changed after the suite was planned; run it again.")
    else:
        content = POTENTIALS.get(config.potential).path().read_bytes()
    written = context.folder / MODEL
    written.write_bytes(content)
    potential = load_potential(written)
    wanted = BACKBONES.get(config.backbone.name).model_validate(config.backbone.config)
    found = potential.backbone.config
    if potential.name != config.backbone.name or canonical_json(
        found.model_dump(mode="json")
    ) != canonical_json(wanted.model_dump(mode="json")):
        raise InputError(
            f"The weights are of a backbone {potential.name!r} with other settings than planned; "
            "plan the suite again."
        )
    return Result.of(n_parameters=potential.backbone.n_parameters())


KIND = Kind(Config, Result, run, outputs=(MODEL,))
