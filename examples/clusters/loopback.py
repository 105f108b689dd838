"""Two blocks of one worker each on this machine: to try Parsl before a cluster is asked."""

from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="loopback",
            address="127.0.0.1",
            max_workers_per_node=1,
            # A block that is lost is noticed after so many seconds.
            heartbeat_period=5,
            heartbeat_threshold=20,
            provider=LocalProvider(init_blocks=2, min_blocks=2, max_blocks=2),
        )
    ],
    strategy="none",
)
