"""What the optimiser changes, and how one update changes it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from tlbench.base.errors import InputError
from tlbench.models.potential import Potential
from tlbench.transfer.parametrisation import Parametrisation
from tlbench.transfer.strategy import ParameterGroup, Strategy


@dataclass(frozen=True)
class TrainedParameters:
    """What is trained of a potential, as a strategy says.

    Attributes
    ----------
    parameters
        Parameters of networks that may change.
    groups
        What the optimiser changes: those, or the parameters of ``parametrisation``.
    parametrisation
        Gives ``parameters`` their values; None: the optimiser does.
    twin
        The potential that predicts replayed structures; None: that of the target.
    """

    parameters: list[Parameter]
    groups: list[ParameterGroup]
    parametrisation: Parametrisation | None
    twin: Potential | None

    @classmethod
    def of(cls, potential: Potential, strategy: Strategy, seed: int) -> "TrainedParameters":
        """Return what a strategy trains, without parameters that are fixed in the network.

        Raises
        ------
        InputError
            If nothing may be trained.
        """
        twin = None if strategy.source_twin is None else strategy.source_twin(potential)
        groups = strategy.trained(potential)
        if twin is not None:
            shared = {id(p) for p in potential.parameters()}
            groups = [
                *groups,
                ParameterGroup([p for p in twin.parameters() if id(p) not in shared]),
            ]
        groups = [
            ParameterGroup([p for p in group.parameters if p.requires_grad], group.rate)
            for group in groups
        ]
        groups = [group for group in groups if group.parameters]
        if not groups:
            raise InputError(
                f"The strategy {strategy.name!r} has nothing to train: all parameters that it may "
                f"change in the backbone {potential.name!r} are fixed; choose another strategy."
            )
        parameters = [p for group in groups for p in group.parameters]
        if strategy.parametrisation is None:
            return cls(parameters, groups, None, twin)
        parametrisation = strategy.parametrisation(potential, seed)
        own = [ParameterGroup(list(parametrisation.parameters()))]
        return cls(parameters, own, parametrisation, twin)

    def optimiser(self, learning_rate: float) -> torch.optim.Adam:
        """Return a new optimiser of the groups."""
        groups = [{"params": group.parameters} for group in self.groups]
        return torch.optim.Adam(groups, lr=learning_rate, fused=True)

    def modules(self) -> dict[str, nn.Module]:
        """Return what a checkpoint holds beside the potential, by name."""
        named = {"parametrisation": self.parametrisation, "twin": self.twin}
        return {name: module for name, module in named.items() if module is not None}

    def set_values(self) -> list[Tensor]:
        """Give the networks the values of a parametrisation; return these, to be differentiated."""
        if self.parametrisation is None:
            return []
        values: list[Tensor] = self.parametrisation()
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)
        return values

    def backward(self, minimised: Tensor, values: list[Tensor]) -> None:
        """Set the gradients of what the optimiser changes.

        Parameters
        ----------
        values
            What `set_values` returned last.
        """
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None
        # Only the parameters' gradients are asked for: the positions' would cost a quarter more.
        torch.autograd.backward(minimised, inputs=self.parameters)
        if values:
            gradients = [p.grad for p in self.parameters]
            pairs = [(v, g) for v, g in zip(values, gradients, strict=True) if g is not None]
            for parameter in self.parameters:
                parameter.grad = None
            torch.autograd.backward([v for v, _ in pairs], [g for _, g in pairs])
