"""MyNetwork keeps the contract of a backbone."""

from tlbench_my_network.config import MyNetworkConfig

from tlbench.testing import BackboneContract


class TestMyNetwork(BackboneContract):
    config = MyNetworkConfig()
