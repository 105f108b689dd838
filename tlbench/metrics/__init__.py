"""What is measured: errors, simulations, and statistics over them."""

from tlbench.metrics.spec import MetricSpec
from tlbench.registry import Registry

METRICS: Registry[MetricSpec] = Registry("metric", group="tlbench.metrics")
for _name, _entry in {
    "force_mae": "errors:FORCE_MAE",
    "force_rmse": "errors:FORCE_RMSE",
    "energy_mae": "errors:ENERGY_MAE",
    "stability_rate": "dynamics:STABILITY_RATE",
    "survival_time": "dynamics:SURVIVAL_TIME",
    "rdf_error": "dynamics:RDF_ERROR",
    "adf_error": "dynamics:ADF_ERROR",
}.items():
    METRICS.register(_name, f"tlbench.metrics.{_entry}")

OF_SIMULATIONS = ("adf_error", "rdf_error", "stability_rate", "survival_time")
"""Metrics of every suite that has simulations."""
