"""Models that are trained again, and what is recorded of that."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from forging import edit_lines, follow

from tlbench.base.errors import InputError
from tlbench.board.adding import Who, add_run
from tlbench.board.checks import retraining
from tlbench.board.checks.files import read_checks, write_check
from tlbench.board.checks.record import EVALUATED, TOLERANCES, TRAINED, draw
from tlbench.board.checks.rerun import rerun
from tlbench.board.checks.retraining import retrain, this_machine
from tlbench.board.reading import read_submission
from tlbench.board.verification import verify
from tlbench.board.verification.models import measured_models
from tlbench.engine.run.runner import Resources
from tlbench.md.stillinger_weber import StillingerWeberOrigin
from tlbench.study.plan import PRETRAIN

TOLERANCE = TOLERANCES[TRAINED]
SEED = 1


@pytest.fixture(scope="module")
def entry(clean_run, smoke, tmp_path_factory):
    """Return a submission of which a model from scratch and one that is fine-tuned are drawn."""
    results = tmp_path_factory.mktemp("checked") / "results"
    added = add_run(clean_run, results, smoke.store, Who("mine"))[0]
    alike = (replace(added, digest=f"{number:064x}") for number in range(1, 1000))
    wanted = {"scratch", "finetune"}
    return next(e for e in alike if {m.where.model.strategy for m in draw(e, 2, SEED)} == wanted)


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    """Let the code be that of a commit, whatever tests are run from."""
    state = {"git_commit": "c0ffee" + "0" * 34, "git_dirty": False}
    monkeypatch.setattr(retraining, "code_state", lambda: state)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return where the models of these tests are trained again, each once."""
    return tmp_path_factory.mktemp("again") / "store"


@pytest.fixture(scope="module")
def found(entry, folder):
    """Return what training two models again finds, of which one is fine-tuned."""
    return retrain(entry, 2, SEED, folder, Resources(workers=1, device="cpu"))


@pytest.fixture
def written(entry, found, tmp_path):
    """Return a copy of the board with a check record, and the record."""
    results = tmp_path / "board" / "results"
    shutil.copytree(entry.folder.parents[1], results)
    check = found.check(entry, TOLERANCE, "Ada", this_machine("cpu"))
    return results, write_check(check, results)


def forged(entry, to: Path, change):
    """Return the submission with other errors, from which all its numbers follow."""
    copy = to / "smoke" / "mine"
    shutil.copytree(entry.folder, copy)
    edit_lines(copy, "errors", change)
    follow(copy)
    assert verify(copy, to).problems == []
    return read_submission(copy)


def test_models_are_drawn_by_seed_and_submission_alone(entry):
    models = measured_models(entry)
    assert len(models) == 38
    first = [model.job for model in draw(entry, 5, SEED)]
    assert len(set(first)) == 5
    assert first == [model.job for model in draw(entry, 5, SEED)]
    assert first[:2] == [model.job for model in draw(entry, 2, SEED)]
    assert first != [model.job for model in draw(entry, 5, SEED + 1)]
    other = replace(entry, digest="0" * 64)
    assert first != [model.job for model in draw(other, 5, SEED)]
    assert {m.job for m in draw(entry, 38, SEED)} == models.keys()
    with pytest.raises(InputError, match="has 38 models, of which 39 cannot be drawn"):
        draw(entry, 39, SEED)


def test_trained_again_a_model_has_the_same_weights_and_numbers(entry, found):
    drawn = draw(entry, 2, SEED)
    jobs = [model.job for model in found.models]
    assert jobs[:2] == [model.job for model in drawn]
    # What a model starts from is trained again, too, and compared.
    sources = {
        (m.where.model.backbone, m.where.model.init_seed)
        for m in drawn
        if m.where.model.strategy != "scratch"
    }
    beside = [measured_models(entry)[job].where for job in jobs[2:]]
    assert {(where.model.backbone, where.model.init_seed) for where in beside} == sources != set()
    assert {where.model.strategy for where in beside} == {PRETRAIN}
    assert all(model.same_weights for model in found.models)
    assert {model.largest for model in found.models} == {0}
    assert found.agrees(0.0)


def test_a_check_goes_on_in_its_own_store_and_never_in_another(entry, found, folder, smoke):
    seen = []
    again = retrain(entry, 2, SEED, folder, Resources(workers=1), on_change=seen.append)
    assert again == found
    assert set(seen[0].status.values()) == {"cached"}
    with pytest.raises(InputError, match="models that are there already prove nothing"):
        retrain(entry, 2, SEED, smoke.store)


def test_another_models_errors_with_noise_are_found_out(entry, folder, found, tmp_path):
    chosen = draw(entry, 1, SEED)[0]
    strangers = [m for m in measured_models(entry).values() if m.where.model.target == "Ge"]
    # The best weights of a model may be its last.
    other = next(m.job for m in strangers if m.trained != chosen.trained)

    def take(rows):
        by_job = {row["job"]: row for row in rows}
        source = by_job[other]
        for n, name in enumerate(("energy", "force_abs", "force_square")):
            if source[name] and by_job[chosen.job][name]:
                by_job[chosen.job][name] = [v * (1 + 1e-3 * n) for v in source[name]]

    lie = forged(entry, tmp_path, take)
    jobs = {model.job for model in measured_models(lie).values()}
    assert chosen.job in jobs
    checked = retrain(_drawn_alike(lie, entry), 1, SEED, folder, Resources(workers=1))
    assert not checked.agrees(TOLERANCE)
    assert checked.models[0].largest > TOLERANCE


def test_errors_that_are_a_little_smaller_throughout_are_found_out(entry, folder, found, tmp_path):
    def shrink(rows):
        for row in rows:
            row["force_abs"] = [0.97 * value for value in row["force_abs"]]
            row["force_square"] = [0.97**2 * value for value in row["force_square"]]

    lie = _drawn_alike(forged(entry, tmp_path, shrink), entry)
    checked = retrain(lie, 2, SEED, folder, Resources(workers=1))
    assert [round(model.largest, 6) for model in checked.models] == [0.03] * len(checked.models)
    assert not checked.agrees(TOLERANCE)


def _drawn_alike(lie, entry):
    """Return a submission of which the same models are drawn, which are trained already."""
    return replace(lie, digest=entry.digest)


def test_data_that_differ_here_say_nothing_about_the_submission(entry, folder, found, monkeypatch):
    said = "sw-ge-8 has other structures here than in the submission"
    monkeypatch.setattr(retraining, "same_data", lambda *arguments: ({}, [said]))
    monkeypatch.setattr(StillingerWeberOrigin, "is_fixed", False)
    with pytest.raises(InputError, match=f"cannot be checked here: {said}"):
        retrain(entry, 1, SEED, folder)


def test_a_job_that_fails_here_says_nothing_about_the_submission(entry, tmp_path, monkeypatch):
    def broken(jobs, *arguments, **resources):
        from tlbench.engine.run.runner import Report

        key = list(jobs)[-1]
        return Report(dict.fromkeys(jobs, "failed"), {key: "out of memory"})

    monkeypatch.setattr(retraining, "run_jobs", broken)
    monkeypatch.setattr(retraining, "same_data", lambda *arguments: ({}, []))
    with pytest.raises(InputError, match=r"cannot be checked: .* has failed here \(out of memory"):
        retrain(entry, 1, SEED, tmp_path / "store")


def test_other_code_is_named_before_it_trains_and_nothing_of_it_is_recorded(
    entry, tmp_path, monkeypatch
):
    def trained(*arguments, **resources):
        raise AssertionError("it is trained")

    monkeypatch.setattr(retraining, "run_jobs", trained)
    monkeypatch.setattr(retraining, "same_data", lambda *arguments: ({}, []))
    sources = {**entry.about.sources, "train": "0" * 64, "backbone schnet": "1" * 64}
    sources["metric force_mae"] = "2" * 64  # of no job that trains
    other = replace(entry, about=entry.about.model_copy(update={"sources": sources}))
    seen = []
    with pytest.raises(AssertionError, match="it is trained"):
        retrain(other, 20, SEED, tmp_path / "store", on_code=seen.append)
    assert len(seen) == 1
    assert seen[0].startswith("The code here differs from that of smoke/mine in backbone schnet, ")
    assert seen[0].endswith("train.")
    with pytest.raises(InputError, match=r"differs .* in .*train; check out the commit of its job"):
        retrain(other, 20, SEED, tmp_path / "store", on_code=seen.append, recorded=True)
    assert len(seen) == 1


def test_of_a_submission_that_does_not_state_its_code_it_is_said(entry, tmp_path, monkeypatch):
    said = "sw-ge-8 has other structures here"
    monkeypatch.setattr(retraining, "same_data", lambda *arguments: ({}, [said]))
    monkeypatch.setattr(StillingerWeberOrigin, "is_fixed", False)
    about = entry.about.model_copy(update={"format": 1, "sources": {}})
    seen = []
    with pytest.raises(InputError, match=said):
        retrain(replace(entry, about=about), 1, SEED, tmp_path, on_code=seen.append, recorded=True)
    assert seen == [
        "smoke/mine does not state the code of its jobs, which may differ from this one."
    ]


@pytest.mark.parametrize(
    ("commit", "dirty", "reason"),
    [("c0ffee" + "0" * 34, True, "has uncommitted changes"), (None, None, "is not a git checkout")],
)
def test_nothing_is_recorded_by_code_that_nobody_else_has(commit, dirty, reason, monkeypatch):
    state = {"git_commit": commit, "git_dirty": dirty}
    monkeypatch.setattr(retraining, "code_state", lambda: state)
    with pytest.raises(InputError, match=f"The tlbench in use {reason}, so the check could not be"):
        this_machine("cpu")


def test_jobs_and_checks_state_the_instructions_of_the_processor(entry):
    found = torch.backends.cpu.get_cpu_capability()
    assert {job.instructions for job in entry.provenance} == {found}
    assert this_machine("cpu").instructions == found


def test_identical_weights_with_other_errors_do_not_agree(found):
    def model(largest, same_weights):
        return found.models[0].model_copy(update={"largest": largest, "same_weights": same_weights})

    assert model(5e-3, False).agrees(TOLERANCE)
    assert not model(5e-3, True).agrees(TOLERANCE)
    assert model(5e-4, True).agrees(TOLERANCE)
    assert not model(5e-4, True).agrees(1e-4)


def test_a_record_is_read_as_it_was_written(entry, found, written):
    results, path = written
    assert path.parent == results.parent / "checks" / "smoke" / "mine"
    checks, problems = read_checks(entry, results)
    assert problems == []
    (check,) = checks
    assert (check.kind, check.seed, check.drawn, check.by) == (TRAINED, SEED, 2, "Ada")
    assert check.models == found.models
    assert check.n_models == 38
    assert check.differing == []
    assert check.machine.tlbench
    assert check.machine.packages["torch"]
    assert f"trained again: {len(found.models)} of 38 models" in check.text


def test_a_failed_check_is_recorded_too(entry, found, tmp_path):
    worse = [found.models[0].model_copy(update={"largest": 0.4, "same_weights": False})]
    failed = replace(found, models=[*worse, *found.models[1:]])
    results = tmp_path / "results"
    write_check(failed.check(entry, TOLERANCE, None, this_machine("cpu")), results)
    (check,), _ = read_checks(entry, results)
    assert check.differing == worse
    assert "1 of which DIFFER" in check.text


def test_weights_evaluated_again_are_recorded(entry, smoke, tmp_path):
    found = rerun(entry, smoke.store, smoke.store)
    write_check(found.check(entry, 1e-3, None, this_machine("cpu")), tmp_path / "results")
    (check,), problems = read_checks(entry, tmp_path / "results")
    assert problems == []
    assert (check.kind, check.seed, len(check.models)) == (EVALUATED, None, 38)


def test_what_is_not_installed_here_says_nothing_about_the_submission(entry, smoke, monkeypatch):
    monkeypatch.setattr("tlbench.board.checks.rerun.BACKBONES", {"schnet"})
    found = rerun(entry, smoke.store, smoke.store)
    assert found.problems == ["The backbone 'dimenetpp' is not installed here."]
    assert found.models
    assert all("schnet" in model.model for model in found.models)
    assert all(model.agrees(1e-3) for model in found.models)


def test_nothing_is_recorded_of_what_could_not_be_checked(entry, found):
    machine = this_machine("cpu")
    with pytest.raises(InputError, match="Nothing is recorded of smoke/mine: no data"):
        replace(found, problems=["no data"]).check(entry, TOLERANCE, None, machine)
    with pytest.raises(InputError, match=r"the tolerance should be at most 0\.01"):
        found.check(entry, 0.5, None, machine)


def _without_first_model(check):
    check["models"] = check["models"][1:]


def _without_source_model(check):
    assert "pretrain" in check["models"].pop()["model"]


LIES = {
    "another submission": (lambda c: c.update(submission="other"), "the submission is given as"),
    "an older revision": (lambda c: c.update(digest="0" * 64), "digest of submission.json"),
    "a choice": (_without_first_model, "not the 2 that are drawn with seed 1"),
    "no source model": (
        _without_source_model,
        "not the 2 that are drawn with seed 1, and their so",
    ),
    "a day before tlbench": (lambda c: c.update(date="2024-12-31"), "before tlbench or later"),
    "a later day": (lambda c: c.update(date="2999-01-01"), "before tlbench or later"),
    "no tolerance": (lambda c: c.update(tolerance=0), "tolerance"),
    "changed code": (lambda c: c["machine"].update(git_dirty=True), "git_dirty"),
    "unknown code": (lambda c: c["machine"].update(git_commit=None), "git_commit"),
    "another seed": (lambda c: c.update(seed=7), "not the 2 that are drawn with seed 7"),
    "a model twice": (lambda c: c["models"].append(c["models"][0]), "a model is given twice"),
    "a model of no submission": (
        lambda c: c["models"][0].update(job="0" * 64),
        "is not a model of smoke/mine",
    ),
    "another name": (lambda c: c["models"][0].update(model="best"), "best is not a model"),
    "fewer numbers": (lambda c: c["models"][0].update(numbers=1), "not all numbers of"),
    "few models": (lambda c: c.update(n_models=3), "number of models"),
    "a wide tolerance": (lambda c: c.update(tolerance=0.9), "tolerance should be at most"),
    "no difference": (lambda c: c["models"][0].update(largest=None), "largest difference or a pr"),
    "an unknown key": (lambda c: c.update(trust=1), "trust"),
    "a direction mark": (lambda c: c.update(by="\u202egood"), "printable"),
    "a later format": (lambda c: c.update(format=2), "format"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_record_that_does_not_fit_is_named_and_left_out(entry, written, lie):
    change, reason = LIES[lie]
    results, path = written
    value = json.loads(path.read_text())
    change(value)
    path.unlink()
    _write_as_named(path, json.dumps(value))
    checks, problems = read_checks(entry, results)
    assert checks == []
    (problem,) = problems
    assert reason in problem


def _write_as_named(path: Path, text: str) -> None:
    """Write a record under the name of its content, as somebody would who wants to be believed."""
    from hashlib import sha256

    digest = sha256(text.encode()).hexdigest()[:8]
    (path.parent / f"{json.loads(text)['date']}-trained-again-{digest}.json").write_text(text)


@pytest.mark.parametrize("what", ["edited", "link", "folder", "deep", "large"])
def test_what_is_not_a_record_harms_no_other(entry, written, what, monkeypatch):
    results, path = written
    strange = path.with_name("2026-01-01-trained-again-00000000.json")
    if what == "edited":
        strange.write_text(path.read_text().replace("Ada", "Eve"))
    elif what == "link":
        strange.symlink_to("/dev/zero")
    elif what == "folder":
        strange.mkdir()
    elif what == "deep":
        strange.write_text("[" * 100_000)
    else:
        with strange.open("wb") as file:
            file.truncate(1 << 40)
    checks, problems = read_checks(entry, results)
    assert len(checks) == len(problems) == 1
    assert strange.name in problems[0]
