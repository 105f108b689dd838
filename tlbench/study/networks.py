"""Whether the networks of a study have the layers that its strategies train."""

from itertools import product

from tlbench.models.backbones import BACKBONES
from tlbench.study.sources import registered_backbone
from tlbench.study.study import Study
from tlbench.transfer.strategy import everything


def check_networks(study: Study) -> None:
    """Refuse a strategy that trains layers which a backbone of the study does not have.

    Networks are built for it only where a strategy trains a part of them. Those that need an
    environment of their own are left to the jobs that are done there.

    Raises
    ------
    TlbenchError
        If a rank is larger than every layer, stages are not named, or a package is missing.
    """
    partial = [
        each
        for each in study.arms
        if each.trains and (each.trained is not everything or each.parametrisation)
    ]
    if not partial:
        return
    from tlbench.models.potential import build_potential

    for name, strategy in product(study.backbones, partial):
        registered = registered_backbone(name)
        if BACKBONES.get(registered).environment is None:
            potential = build_potential(registered, dict(study.backbones[name]))
            strategy.trained(potential)
            if strategy.parametrisation is not None:
                strategy.parametrisation(potential, 0)
