"""Notes on the data stand in every rendering, and force errors that mean nothing are not compared.

By the records of ``force_mae`` here, fine-tuning triples the error on Ge.
"""

import one_budget
import pytest
from analyses import record_of

from tlbench.cli.live import Display
from tlbench.engine.run.runner import Report
from tlbench.report.data_notes import DataNotes
from tlbench.report.html import write_report
from tlbench.report.markdown import markdown
from tlbench.results.results import Results
from tlbench.run import Run
from tlbench.study.models import plan
from tlbench.study.study import resolve

METRICS = ["force_mae", "energy_mae"]
SUITE = one_budget.smoke()
SILENT = DataNotes(("Every force <vanishes>.",), frozenset({"Ge"}))


def record(strategy, value, seed=0, **changes):
    fields = {"backbone": "schnet", "size": 4, "subset_seed": seed, **changes}
    return record_of(strategy, value, **fields)


def energy(strategy, value, **changes):
    return record(strategy, value, metric="energy_mae", unit="meV/atom", **changes)


RECORDS = [
    record("scratch", 0.01), record("finetune", 0.03),
    energy("scratch", 20.0), energy("finetune", 10.0),
    record("pretrain", 33.0, target="Si", subset_seed=None),
]  # fmt: skip


def shown(capsys, records, notes, tmp_path) -> str:
    """Return what the terminal shows at the end of a run."""
    suite = one_budget.smoke(("metrics", "[force_mae, energy_mae]"))
    run = Run(plan(resolve(suite)), Report({}), Results(records), tmp_path, notes)
    Display().finish(run)
    return capsys.readouterr().out


def page(tmp_path, records, notes) -> str:
    suite = one_budget.smoke(("metrics", "[force_mae, energy_mae]"))
    path = tmp_path / "report.html"
    write_report(path, resolve(suite), {}, Results(records), [], notes=notes)
    return path.read_text()


def test_notes_stand_in_summary_page_and_terminal(capsys, tmp_path):
    notes = DataNotes(("3 of 24 test structures <of ge> are copies.",))
    text = markdown(Results(RECORDS), METRICS, SUITE, notes=notes)
    assert "\n\n**Data**\n\n- 3 of 24 test structures &lt;of ge> are copies.\n" in text
    assert "3 of 24 test structures &lt;of ge&gt; are copies." in page(tmp_path, RECORDS, notes)
    assert "Data: 3 of 24 test structures <of ge>" in shown(capsys, RECORDS, notes, tmp_path)


def test_without_notes_nothing_is_said(capsys, tmp_path):
    text = markdown(Results(RECORDS), METRICS, SUITE)
    assert "Data" not in text
    assert text == markdown(Results(RECORDS), METRICS, SUITE, notes=DataNotes())
    assert "What to know of the data" not in page(tmp_path, RECORDS, DataNotes())
    assert "Data:" not in shown(capsys, RECORDS, DataNotes(), tmp_path)


def test_force_errors_on_parts_without_forces_are_not_compared(capsys, tmp_path):
    assert "3.00 (1 pair)" in markdown(Results(RECORDS), METRICS, SUITE)
    for text in (
        markdown(Results(RECORDS), METRICS, SUITE, notes=SILENT),
        shown(capsys, RECORDS, SILENT, tmp_path),
    ):
        assert "force_mae" not in text
        assert "3.00 (1 pair)" not in text
        # What is compared is the energy.
        assert "energy_mae" in text
        assert "0.50 (1 pair)" in text
    html = page(tmp_path, RECORDS, SILENT)
    assert "3.00 (1 pair)" not in html
    # The source's own test structures have forces.
    assert "33.0 meV/Å" in html


def test_only_force_errors_of_that_target_are_left_out():
    other = [record("scratch", 5.0, target="Mo"), record("finetune", 4.0, target="Mo")]
    kept = SILENT.comparable([*RECORDS, *other])
    assert kept == [*RECORDS[2:], *other]
    assert DataNotes().comparable(RECORDS) == RECORDS


def test_a_run_of_force_errors_alone_still_has_its_notes(capsys, tmp_path):
    forces = RECORDS[:2]
    assert "Data: Every force" in shown(capsys, forces, SILENT, tmp_path)
    assert (
        markdown(Results(forces), ["force_mae"], SUITE, notes=SILENT).strip().endswith("vanishes>.")
    )
    assert "No model of the target" in page(tmp_path, forces, SILENT)


@pytest.mark.parametrize("zero", ["scratch", "finetune"])
def test_a_force_error_of_exactly_zero_makes_no_ratio(tmp_path, zero):
    # One of two pairs: the other would give a ratio.
    records = [*RECORDS, record(zero, 0.0, seed=1)]
    notes = DataNotes().completed(records)
    assert notes.completed(records) == notes
    assert notes.without_forces == {"Ge"}
    for text in (markdown(Results(records), METRICS, SUITE), page(tmp_path, records, DataNotes())):
        assert "A model of Ge has a force error of exactly 0" in text
        assert "3.00 (1 pair)" not in text
        assert "0.50 (1 pair)" in text


def test_an_error_of_zero_on_one_kind_of_structure_says_nothing_of_the_others():
    strained, hot = ({"group": name} for name in ("strained", "hot"))
    kinds = [record("scratch", 0.5, condition=hot), record("finetune", 0.1, condition=strained)]
    records = [*RECORDS, record("scratch", 0.0, condition=strained), *kinds]
    notes = DataNotes().completed(records)
    assert notes == DataNotes()
    assert notes.comparable(records) == [*RECORDS, kinds[0]]
