"""Parameters of a network as functions of others."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Parametrisation(nn.Module, ABC):
    """What the optimiser changes in the place of a network's parameters.

    Its own parameters are those that are optimised, and are kept in checkpoints. It holds no
    parameter of the network. After every update the network is given the values that it returns,
    so a network is at any time an ordinary one, whatever reads its weights.
    """

    @abstractmethod
    def forward(self) -> list[Tensor]:
        """Return the values of the trained parameters, in the order of `Strategy.trained`."""
