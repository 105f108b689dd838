"""``tlbench run``: which parts of a suite are run."""

from tlbench.results.records import read_records
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve


def test_only_the_strategies_that_are_named_are_run(smoke, printed, tmp_path):
    """With what they start from; and what they would be compared with is said to be missing."""
    said = printed("run", "smoke", "--strategy", "finetune", "--store", smoke.store)
    assert "0 jobs run, 34 already in the store" in said
    assert "Without scratch there is nothing to compare with; add --strategy scratch" in said
    records = read_records(tmp_path / "runs/smoke/records.jsonl")
    assert {r.model.strategy for r in records} == {"pretrain", "finetune"}
    assert (tmp_path / "runs/smoke/report.html").is_file()
    both = ("--strategy", "finetune", "--strategy", "scratch")
    said = printed("run", "smoke", *both, "--store", smoke.store)
    assert "finetune / scratch" in said
    assert "Without scratch" not in said


def test_a_dry_run_and_a_plan_have_only_these_strategies(smoke, printed):
    jobs = plan(resolve(load_suite("smoke", strategies=["zero-shot"]))).jobs
    for verb in (["plan"], ["run", "--dry-run"]):
        said = printed(*verb, "smoke", "--strategy", "zero-shot", "--store", smoke.store)
        assert f"{len(jobs)} jobs, 0 to do" in said
        assert "zero-shot" in said
        assert "finetune" not in said


def test_a_misspelt_strategy_is_one_sentence(refused):
    for verb in ("run", "plan", "tune"):
        assert "did you mean 'zero-shot'?" in refused(verb, "smoke", "--strategy", "zero-sho")
