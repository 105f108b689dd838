"""Properties of models that never were."""

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
