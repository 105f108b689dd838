"""What is measured: errors, simulations, and statistics over them."""

from tlbench.base.registry import Registry
from tlbench.metrics.spec import MetricSpec

METRICS: Registry[MetricSpec] = Registry(
    "metric",
    group="tlbench.metrics",
    further="tlbench.properties.metrics:property_metrics",
)
for _name, _entry in {
    "force_mae": "errors:FORCE_MAE",
    "force_rmse": "errors:FORCE_RMSE",
    "energy_mae": "errors:ENERGY_MAE",
    "energy_bias": "errors:ENERGY_BIAS",
    "phase_energy_error": "errors:PHASE_ENERGY_ERROR",
    "stress_mae": "errors:STRESS_MAE",
    "stability_rate": "dynamics:STABILITY_RATE",
    "survival_time": "dynamics:SURVIVAL_TIME",
    "rdf_error": "dynamics:RDF_ERROR",
    "rdf_error_beyond_core": "dynamics:RDF_ERROR_BEYOND_CORE",
    "adf_error": "dynamics:ADF_ERROR",
    "diffusion_error": "diffusion:DIFFUSION_ERROR",
    "velocity_spectrum_error": "spectrum:VELOCITY_SPECTRUM_ERROR",
}.items():
    METRICS.register(_name, f"tlbench.metrics.{_entry}")

HEADLINE = "force_mae"
"""Name of the metric that simulations are set beside."""


def of_every_simulation() -> list[str]:
    """Return the names of the metrics that every suite with simulations has, sorted.

    Those of packages that happen to be installed are measured only where a suite names them.
    """
    own = [name for name in METRICS.names() if METRICS.provider(name) is None]
    return [name for name in own if METRICS.get(name).always]


def has_logarithm(metric: str) -> bool:
    """Return whether values of a metric are positive, so that means are geometric."""
    return metric not in METRICS or METRICS.get(metric).mean == "geometric"
