"""Time that work has taken, together with the attempts that it goes on from."""

import time
from dataclasses import dataclass, field


@dataclass
class Spent:
    """Seconds of this process since it was made, and those ``before`` it, wall and CPU.

    ``before`` has what earlier attempts had taken at the checkpoint that is gone on from; None if
    the checkpoint does not say.
    """

    before: tuple[float, float] | None = (0.0, 0.0)
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    def until_now(self) -> tuple[float, float] | None:
        """Return the wall and the CPU seconds of all attempts; None if unknown."""
        if self.before is None:
            return None
        wall, cpu = self.before
        return wall + time.perf_counter() - self._wall, cpu + time.process_time() - self._cpu
