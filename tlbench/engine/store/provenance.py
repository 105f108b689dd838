"""What the store knows of where a result comes from: code, packages, machine, cost."""

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from tlbench.base.formats import later
from tlbench.base.schema import Strict

LARGEST = 10**12
Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Word = Annotated[str, Field(max_length=1000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class Provenance(Strict):
    """Where the result of a job comes from.

    Seconds are those of the attempt that finished the job; ``updates_of_attempt`` says how many of
    a training's ``updates`` it made, and ``seconds_before`` what those before it took, wall and
    CPU; None in older versions. ``updates_per_second`` and ``force_call_seconds`` are what
    jobs measure of themselves, see `tlbench.jobs.context.Context`. ``instructions`` are the vector
    instructions that torch uses, as "AVX512", in which processors of one name may differ; None on
    an accelerator. ``device_memory_mib``, ``driver``, ``cuda`` (versions) and ``tf32``, whether
    matrix products may have been rounded to it, are those of an accelerator. ``kernels`` is the
    compiler of the kernels that ran, with ``kernel_flags``, or "torch" where none were compiled.
    ``force_calls_elsewhere`` are the seconds of a force call on other devices that share the store,
    by name.
    """

    model_config = ConfigDict(strict=True)

    started: Word
    wall_seconds: Amount
    cpu_seconds: Amount
    peak_memory_mib: Count | None = None
    peak_device_memory_mib: Count | None = None
    device: Word
    device_name: Word
    device_memory_mib: Count | None = later(None)
    driver: Word | None = later(None)
    cuda: Word | None = later(None)
    tf32: bool | None = later(None)
    threads: Annotated[int, Field(ge=1, le=10**6)]
    kernels: Word | None = None
    kernel_flags: Word | None = later(None)
    instructions: Word | None = None
    python: Word
    packages: Annotated[dict[Word, Word], Field(max_length=200)]
    installed: Digest | None = None
    git_commit: Digest | None
    git_dirty: bool | None
    environment: Word | None = None
    attempts: Annotated[int, Field(ge=1, le=10**6)] = 1
    updates: Amount | None = None
    updates_of_attempt: Amount | None = None
    seconds_before: tuple[Amount, Amount] | None = later(None)
    updates_per_second: Amount | None = None
    force_call_seconds: Amount | None = None
    force_calls_elsewhere: Annotated[dict[Word, Amount], Field(max_length=200)] = later({})

    @model_validator(mode="after")
    def _attempt_is_part_of_the_whole(self) -> "Provenance":
        updates, own = self.updates, self.updates_of_attempt
        if updates and own:
            if not 1 <= own <= updates:
                raise ValueError(f"{own:g} of {updates:g} updates were those of one attempt")
            if max(self.wall_seconds, self.cpu_seconds) * updates / own > LARGEST:
                raise ValueError("all attempts together took longer than anything does")
        return self

    def force_calls(self) -> dict[str, float]:
        """Return the times of a force call on every device that it was measured on, s."""
        here = self.force_call_seconds
        return self.force_calls_elsewhere | ({} if here is None else {self.device_name: here})

    def whole(self) -> "Provenance":
        """Return it with the seconds of all attempts at a training."""
        updates, own = self.updates, self.updates_of_attempt
        wall, cpu = self.wall_seconds, self.cpu_seconds
        if self.seconds_before is not None:
            wall, cpu = wall + self.seconds_before[0], cpu + self.seconds_before[1]
        elif updates and own:
            wall, cpu = wall * updates / own, cpu * updates / own
        return self.model_copy(update={"wall_seconds": wall, "cpu_seconds": cpu})
