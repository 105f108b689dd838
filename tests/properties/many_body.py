"""Stillinger–Weber potentials of matscipy, whose second derivatives are analytic."""

import warnings
from typing import Any

from tlbench.reference.stillinger_weber import PARAMETERS


def analytic(element: str) -> Any:
    """Return matscipy's calculator of the Stillinger–Weber potential of an element."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matscipy.calculators.manybody import Manybody
        from matscipy.calculators.manybody.explicit_forms.stillinger_weber import StillingerWeber
    s = PARAMETERS[element]
    return Manybody(
        **StillingerWeber(
            {
                "el": element,
                "epsilon": s.epsilon,
                "sigma": s.sigma,
                "costheta0": 1 / 3,
                "A": s.A,
                "B": s.B,
                "p": s.p,
                "a": s.a,
                "lambda1": s.lambda_,
                "gamma": s.gamma,
            }
        )
    )
