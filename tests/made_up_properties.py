"""Properties of models that never were."""

from analyses import analysis_of, record_of

from tlbench.results.properties import ModelProperty

KEY = {
    "source": "Si", "target": "Ge", "backbone": "b", "strategy": "scratch", "size": 10,
    "subset_seed": 0, "init_seed": 0,
}  # fmt: skip
A, C11 = {"phase": "diamond", "axis": "a"}, {"component": "C11"}


def property_of(name="lattice", values=(), **changes):
    """Return a property of a model; ``values`` are (quantity, condition, value, reference)."""
    rows = [
        {"quantity": quantity, "condition": condition, "value": value, "reference": reference}
        | ({"failure": "the cell collapsed"} if value is None else {})
        for quantity, condition, value, reference in values
    ]
    fields = {
        "property": name, "prototype": "diamond", "elements": ["Ge"], "origin": "literature",
        "values": rows, "job": "j", "trained": "t",
    }  # fmt: skip
    return ModelProperty(**{**KEY, **fields, **changes})


def elastic(c11, strategy="scratch", seed=0, size=10, reference=140.0, c44=None, **changes):
    """Return the elastic constant C11 of a model of one pair; with ``c44``, all three."""
    others = {} if c44 is None else {"C12": (50.0, 50.0), "C44": (c44, 60.0)}
    return property_of(
        "elastic",
        [
            ("elastic_constant", C11, c11, reference),
            *(("elastic_constant", {"component": name}, *both) for name, both in others.items()),
        ],
        strategy=strategy, size=size, subset_seed=seed if size else None, init_seed=seed,
        job=f"{strategy}{size}/{seed}", **changes,
    )  # fmt: skip


def analysis(found, forces=(), **results):
    """Return the analysis of properties; ``forces`` are the force errors of their models."""
    records = [
        record_of(
            value=value, metric=metric, condition=condition, job=f"{of}{each.job}",
            **each.model.model_dump(exclude={"strategy"}), strategy=each.model.strategy,
        )
        for each, force in zip(found, forces or [None] * len(found), strict=True)
        for of, metric, condition, value in (
            *(("", n.metric, n.condition, n.value) for n in each.numbers()),
            *([("f", "force_mae", {}, force)] if force is not None else []),
        )
    ]  # fmt: skip
    return analysis_of(records, properties=found, **results)
