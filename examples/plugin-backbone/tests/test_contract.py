"""MyNetwork keeps the contract of a backbone."""

from my_network.config import MyNetworkConfig

from tlbench.testing import BackboneContract


class TestMyNetwork(BackboneContract):
    config = MyNetworkConfig()
