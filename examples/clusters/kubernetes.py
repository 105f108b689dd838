"""Kubernetes: each block is a pod.

Needs ``pip install kubernetes`` where ``tlbench run`` runs, and a kube config there (or a service
account, in a pod): Parsl reads both as soon as this file is loaded, but asks for no pod yet.
"""

from parsl import Config
from parsl.addresses import address_by_hostname
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider

IMAGE = "registry.example.org/tlbench:latest"
"""An image with the same Python, Parsl and tlbench as here."""

NAMESPACE = "default"

CLAIM, MOUNT = "tlbench-store", "/store"
"""A persistent volume claim (ReadWriteMany), and where pods see it.

``tlbench run`` must see the same files at the same path (the easiest way is to run it in a pod as
well), and both its folders must be there: ``--store /store/tlbench --out /store/runs/quick``.
"""

ADDRESS = address_by_hostname()
"""Of this machine or pod, as the pods of workers reach it."""

PODS = 4
"""Most pods at a time."""

CORES, MEMORY = 4, "16Gi"
"""Of a pod; one worker per core. Add ``extra_limits={"nvidia.com/gpu": "1"}`` for a GPU."""

config = Config(
    executors=[
        HighThroughputExecutor(
            label="kubernetes",
            address=ADDRESS,
            max_workers_per_node=CORES,
            # As many workers as that, whatever the pod believes of its cores.
            cores_per_worker=1e-6,
            # A worker that is lost is noticed after the first, a block after the second (seconds).
            heartbeat_period=15,
            heartbeat_threshold=60,
            provider=KubernetesProvider(
                image=IMAGE,
                namespace=NAMESPACE,
                init_blocks=1,
                min_blocks=0,
                max_blocks=PODS,
                init_cpu=CORES,
                max_cpu=CORES,
                init_mem=MEMORY,
                max_mem=MEMORY,
                persistent_volumes=[(CLAIM, MOUNT)],
            ),
        )
    ],
    # Asks for more pods while jobs wait, and for a new one where one is lost.
    strategy="simple",
)
