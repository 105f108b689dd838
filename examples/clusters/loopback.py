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
            # A worker that is lost is noticed after the first, a block after the second (seconds).
            heartbeat_period=2,
            heartbeat_threshold=10,
            provider=LocalProvider(init_blocks=2, min_blocks=2, max_blocks=2),
        )
    ],
    # Brings a new block for one that is lost; "none" would not.
    strategy="simple",
)
