"""What is measured: error metrics, and statistics over them."""

from tlbench.metrics.errors import ENERGY_MAE, FORCE_MAE, FORCE_RMSE
from tlbench.metrics.spec import MetricSpec
from tlbench.registry import Registry

METRICS: Registry[MetricSpec] = Registry("metric", group="tlbench.metrics")
for _spec in (FORCE_MAE, FORCE_RMSE, ENERGY_MAE):
    METRICS.register(_spec.name, _spec)
