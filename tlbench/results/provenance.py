"""Where the results of a run come from, job by job."""

from pydantic import BaseModel, ConfigDict, Field

from tlbench.base.foreign_text import Moment, PackageName, PartName, PythonVersion, Version, Word
from tlbench.base.formats import Format, later
from tlbench.base.magnitudes import Count, Digest, Magnitude

FILE = "provenance.jsonl"


class JobProvenance(BaseModel):
    """Where the result of one job comes from, as far as it is shown."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    job: Digest
    kind: PartName
    label: Word
    started: Moment
    wall_seconds: Magnitude
    cpu_seconds: Magnitude
    seconds_before: tuple[Magnitude, Magnitude] | None = later(None)
    device_name: Word
    device_memory_mib: Count | None = later(None)
    driver: Word | None = later(None)
    cuda: Word | None = later(None)
    tf32: bool | None = later(None)
    threads: int = Field(ge=1, le=1_000_000)
    kernels: Word | None = None
    kernel_flags: Word | None = later(None)
    instructions: Word | None = None
    python: PythonVersion
    packages: dict[PackageName, Version] = Field(max_length=200)
    environment: PartName | None = None
    git_commit: str | None = Field(pattern=r"^[0-9a-f]{40,64}$")
    git_dirty: bool | None


PROVENANCE_FORMAT = Format("job", JobProvenance)
