"""The stages of a network, which strategies treat differently."""

from typing import TYPE_CHECKING

from tlbench.base.errors import InputError
from tlbench.models.backbones.base import EMBEDDING, HEAD, Backbone

if TYPE_CHECKING:
    from torch.nn import Parameter


def stages_of(backbone: Backbone) -> "dict[str, list[Parameter]]":
    """Return the parameters of every stage of a network, from the input to the output.

    The first stage is "embedding" and the last "head".

    Raises
    ------
    InputError
        If the backbone does not tell its stages, or a parameter is in none or in several.
    """
    name = type(backbone).__name__
    stages = backbone.stages()
    if not stages:
        raise InputError(
            f"{name} does not tell its stages, so none of them can be frozen; define its "
            "method 'stages', or choose a strategy that trains all of it."
        )
    if [*stages][:1] != [EMBEDDING] or [*stages][-1:] != [HEAD]:
        raise InputError(
            f"The first of the stages of {name} should be called {EMBEDDING!r} and the last "
            f"{HEAD!r}; they are {', '.join(stages)}."
        )
    found: dict[str, list[Parameter]] = {stage: [] for stage in stages}
    for parameter_name, parameter in backbone.named_parameters():
        homes = [s for s, beginnings in stages.items() if parameter_name.startswith(beginnings)]
        if len(homes) != 1:
            where = f"in {' and '.join(homes)}" if homes else "in none"
            raise InputError(
                f"The parameter {parameter_name!r} of {name} is {where} of its stages."
            )
        found[homes[0]].append(parameter)
    return found
