"""Slurm: each block is a job of one node, asked for as long as there is work.

Run ``tlbench run`` where ``sbatch`` works, and where nodes can reach it (usually a login node).
"""

from parsl import Config
from parsl.addresses import address_by_hostname
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider

PARTITION = "gpu"
ACCOUNT = None
"""Which account pays; None: the user's default."""

NODES = 4
"""Most nodes at a time."""

GPUS, SLOTS = 4, 2
"""GPUs of a node, and workers that share one. Without GPUs: GPUS = 0."""

CORES = 8
"""Cores of a node that are asked for; without GPUs, as many workers."""

HOURS, LONGEST_JOB = 12, 4
"""Wall time of a block, and of the longest job in it; ``--time-limit`` should say the latter."""

WORKER_INIT = "source ~/tlbench/.venv/bin/activate"
"""What makes this tlbench available on a node."""

ADDRESS = address_by_hostname()
"""Of this machine, as nodes reach it; of one interface: ``address_by_interface("ib0")``."""

WORKERS = GPUS * SLOTS or CORES

config = Config(
    executors=[
        HighThroughputExecutor(
            label="slurm",
            address=ADDRESS,
            available_accelerators=GPUS * SLOTS,
            max_workers_per_node=WORKERS,
            # As many workers as that, however the cores divide.
            cores_per_worker=1e-6,
            # A block begins no job that its wall time would cut off, and ends by itself.
            drain_period=(HOURS - LONGEST_JOB) * 3600 - 300,
            # A worker that is lost is noticed after the first, a block after the second (seconds).
            heartbeat_period=30,
            heartbeat_threshold=120,
            provider=SlurmProvider(
                partition=PARTITION,
                account=ACCOUNT,
                nodes_per_block=1,
                cores_per_node=CORES,
                gpus_per_node=GPUS or None,
                init_blocks=1,
                min_blocks=0,
                max_blocks=NODES,
                walltime=f"{HOURS:02d}:00:00",
                worker_init=WORKER_INIT,
                cmd_timeout=60,
                exclusive=False,
            ),
        )
    ],
    # Asks for more nodes while jobs wait, and for a new one where one is lost.
    strategy="simple",
)
