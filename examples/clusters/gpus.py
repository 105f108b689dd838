"""One machine with several GPUs: a worker for each slot of each GPU."""

from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

GPUS = 4
"""All of the machine's, as ``nvidia-smi -L`` lists them."""

SLOTS = 2
"""Workers that share a GPU. Small networks leave most of it idle."""

config = Config(
    executors=[
        HighThroughputExecutor(
            label="gpus",
            address="127.0.0.1",
            # Where nvidia-smi is found, Parsl gives worker i of GPUS * SLOTS the GPU i // SLOTS.
            available_accelerators=GPUS * SLOTS,
            max_workers_per_node=GPUS * SLOTS,
            # As many workers as slots, even if there are fewer cores.
            cores_per_worker=1e-6,
            # A worker that is lost is noticed after the first, a block after the second (seconds).
            heartbeat_period=10,
            heartbeat_threshold=60,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        )
    ],
    # Brings a new block for one that is lost; "none" would not.
    strategy="simple",
)
