"""The page: what it must not do with odd input."""

from tlbench.report.page import write_report
from tlbench.results import Results
from tlbench.suite import load_suite


def test_text_of_a_suite_cannot_become_markup(tmp_path):
    suite = load_suite("smoke", [("title", '"<script>alert(1)</script>"')])
    write_report(tmp_path / "report.html", suite, {}, "0" * 64, Results([]), [])
    page = (tmp_path / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_run_without_results_says_so(tmp_path):
    write_report(tmp_path / "report.html", load_suite("smoke"), {}, "0" * 64, Results([]), [])
    assert (
        "No model of the target element has been measured" in (tmp_path / "report.html").read_text()
    )
