"""Settings of MyNetwork."""

from pydantic import Field, PositiveInt

from tlbench.models.backbones import BackboneConfig


class MyNetworkConfig(BackboneConfig):
    """MyNetwork: energies of the densities that neighbours make at an atom."""

    channels: PositiveInt = Field(default=128, description="densities at an atom")
    n_radial: PositiveInt = Field(default=8, description="radial basis functions")

    def build(self):
        """Return the network with random weights."""
        from tlbench_my_network.model import MyNetwork

        return MyNetwork(self)
