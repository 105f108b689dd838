"""Jobs on a cluster, through Parsl (Babuji et al., HPDC 2019, doi:10.1145/3307681.3325400).

Parsl asks the scheduler for blocks of nodes, starts workers there and sends them jobs. A worker
needs the same tlbench, and the store at the same path.
"""
