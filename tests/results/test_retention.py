"""What models have kept of their source, as a table beside the records."""

import pytest
from analyses import record_of

from tlbench.results.frame_errors import ModelErrors
from tlbench.results.results import Results
from tlbench.results.tables import load_results

ON_SI = {"data": "si"}


def records():
    """Return errors of a source model of Si, a potential as it is, and models of Ge from both."""
    of_source = {"target": "Si", "size": 50, "subset_seed": None, "job": "a" * 64}
    potential = {"source": "SevenNet-0", "backbone": "sevennet-0"}
    untrained = {"size": 0, "subset_seed": None, "init_seed": None, "condition": ON_SI}
    return [
        *(record_of("pretrain", 10.0 * (s + 1), init_seed=s, **of_source) for s in range(2)),
        *(
            record_of("finetune", 40.0, subset_seed=s, init_seed=s, condition=ON_SI, job="b" * 64)
            for s in range(2)
        ),
        record_of("finetune", 80.0, job="c" * 64),
        record_of("scratch", 90.0, condition=ON_SI, job="b" * 64),
        record_of("zero-shot", 30.0, job="d" * 64, **potential, **untrained),
        record_of("finetune", 45.0, condition=ON_SI, job="e" * 64, **potential),
        # Of a part of the structures, nothing is kept.
        record_of("finetune", 1.0, condition={**ON_SI, "phase": "crystal"}, job="b" * 64),
    ]


def test_a_line_for_each_model_and_further_set_with_its_ratio(tmp_path):
    sums = {"force_abs": [3.0], "force_square": [3.0]}
    errors = [ModelErrors(job=j * 64, data="d" * 64, energy=None, **sums) for j in "ab"]
    tmp_path.joinpath("run").mkdir()
    Results(records(), errors=errors).write(tmp_path / "run")
    table = load_results(tmp_path / "run").retained.to_frame()
    assert set(table["metric"]) == {"retained_force_mae"}
    assert set(table["data"]) == {"si"}
    found = table.set_index(["source", "init_seed"])[["value", "source_value", "ratio"]]
    assert found.loc[("Si", 0)].tolist() == [40.0, 10.0, 4.0]
    assert found.loc[("Si", 1)].tolist() == [40.0, 20.0, 2.0]
    assert found.loc[("SevenNet-0", 0)].tolist() == [45.0, 30.0, pytest.approx(1.5)]
    assert len(found) == 3


def test_nothing_is_kept_where_nothing_else_was_tested(tmp_path):
    tmp_path.joinpath("run").mkdir()
    Results([record_of(), record_of("finetune")]).write(tmp_path / "run")
    assert load_results(tmp_path / "run").retained == []
