"""What is measured: errors, simulations, and statistics over them."""

from tlbench.metrics.dynamics import ADF_ERROR, RDF_ERROR, STABILITY_RATE, SURVIVAL_TIME
from tlbench.metrics.errors import ENERGY_MAE, FORCE_MAE, FORCE_RMSE
from tlbench.metrics.spec import MetricSpec
from tlbench.registry import Registry

METRICS: Registry[MetricSpec] = Registry("metric", group="tlbench.metrics")
for _spec in (
    FORCE_MAE,
    FORCE_RMSE,
    ENERGY_MAE,
    STABILITY_RATE,
    SURVIVAL_TIME,
    RDF_ERROR,
    ADF_ERROR,
):
    METRICS.register(_spec.name, _spec)
