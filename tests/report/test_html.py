"""The page: odd input, many arms, and what it says of how a run was made."""

from pathlib import Path

import one_budget
import pytest
from analyses import analysis_of, record_of, table_of
from synthetic import COMMIT, publish

from tlbench.board.reading import read_submission
from tlbench.report.analysis import MOST_BESIDE
from tlbench.report.figures import learning_curves, style_of
from tlbench.report.html import facts_of, write_report
from tlbench.report.markdown import markdown
from tlbench.report.sections.conditions import condition_tables
from tlbench.results.results import Results
from tlbench.study.study import resolve


def test_text_of_a_suite_cannot_become_markup(tmp_path):
    suite = one_budget.smoke(("title", '"<script>alert(1)</script>"'))
    write_report(tmp_path / "report.html", resolve(suite), {}, Results([]), [])
    page = (tmp_path / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_run_without_results_says_so(tmp_path):
    write_report(tmp_path / "report.html", resolve(one_budget.smoke()), {}, Results([]), [])
    assert (
        "No model of the target element has been measured" in (tmp_path / "report.html").read_text()
    )


def broken_down(records):
    """Return the first table by test structures."""
    return condition_tables(analysis_of(records), "force_mae")[0]


def of_arms(n_arms):
    """Return records of so many arms, five pairs each, also by temperature."""
    return [
        record_of(
            strategy, 100.0 + 10 * number + seed, size=size, subset_seed=seed, init_seed=seed,
            condition=condition, job=f"{strategy}{size}{seed}",
        )
        for number, strategy in enumerate(["scratch", *(f"arm{n}" for n in range(1, n_arms))])
        for size in (1, 10)
        for seed in range(5)
        for condition in ({}, {"temperature_k": 300.0})
    ]  # fmt: skip


def test_many_arms_have_a_row_each_on_the_page_and_in_markdown(tmp_path):
    records, suite = of_arms(11), one_budget.smoke()
    rows = [["b", "10", "arm10", "202.0"], ["b", "10", "300", "arm10", "202.0"]]
    write_report(tmp_path / "report.html", resolve(suite), {}, Results(records), [])
    page = (tmp_path / "report.html").read_text().replace('<td class="text">', "<td>")
    text = markdown(Results(records), ["force_mae"], suite)
    for row in rows:
        assert "".join(f"<td>{cell}</td>" for cell in row[1:]) in page
        assert f"| {' | '.join(row)} |" in text
    tables = [table_of(records).lines, broken_down(records).lines]
    assert all(len(line) <= 6 for lines in tables for line in lines)


def test_few_arms_stay_side_by_side():
    found = table_of(of_arms(MOST_BESIDE))
    assert found.lines == found.wide
    assert "arm3 / scratch" in broken_down(of_arms(MOST_BESIDE)).lines[0]


@pytest.mark.parametrize(("n_arms", "n_bands"), [(MOST_BESIDE, MOST_BESIDE), (MOST_BESIDE + 1, 0)])
def test_bands_are_drawn_only_where_they_can_be_distinguished(n_arms, n_bands):
    strategies = ["scratch", *(f"arm{n}" for n in range(1, n_arms))]
    rows = analysis_of(of_arms(n_arms)).of_metric("force_mae")
    figure = learning_curves(rows, strategies)
    assert sum(trace.fill is not None for trace in figure.data) == n_bands
    assert sum(trace.showlegend is True for trace in figure.data) == n_arms


def test_no_two_arms_look_alike():
    styles = style_of([str(n) for n in range(49)])
    assert len(set(styles.values())) == 49


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "results"
    publish(folder, "alpha", seed=1)
    return folder


def test_processors_of_one_name_are_told_apart_by_their_instructions(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"instructions": "AVX512"}), *rest]
    name = first.device_name
    devices = facts_of([job.model_dump() for job in jobs])["devices"]
    assert devices == [name, f"{name} (AVX512)"]


def test_an_accelerator_is_shown_with_its_driver_and_whether_products_were_rounded(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    about = {
        "device_name": "NVIDIA H100",
        "device_memory_mib": 81_559,
        "driver": "550.54.15",
        "cuda": "12.4",
    }
    exact, rounded = (
        entry.provenance[0].model_copy(update={**about, "tf32": tf32}) for tf32 in (False, True)
    )
    assert facts_of([job.model_dump() for job in (exact, rounded)])["devices"] == [
        "NVIDIA H100 (80 GiB, driver 550.54.15, CUDA 12.4)",
        "NVIDIA H100 (80 GiB, driver 550.54.15, CUDA 12.4, TF32)",
    ]


def test_several_commits_are_said(results: Path):
    entry = read_submission(results / "quick" / "alpha")
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"git_commit": "a" * 40}), *rest]
    assert facts_of([job.model_dump() for job in jobs])["commits"] == [COMMIT, "a" * 40]
