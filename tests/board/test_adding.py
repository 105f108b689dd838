"""From a run to a submission, to its revision, and to its weights being evaluated again."""

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
from forging import edit, edit_lines, seal, text_of
from safetensors import safe_open
from safetensors.numpy import save_file

from tlbench.base.errors import InputError
from tlbench.board.adding import Who, add_run, copy_weights
from tlbench.board.checks.rerun import rerun
from tlbench.board.collecting import Collector
from tlbench.board.reading import digest_of, read_submission
from tlbench.board.verification import verify, verify_all
from tlbench.jobs.sources import own_sources
from tlbench.results.costs import COSTS_FORMAT
from tlbench.results.results import Results

N_TRAINED, N_MEASURED = 20, 38
"""Models of the smoke suite; those that are trained are measured with two weights."""

ME = Who("mine", ["Ada Lovelace", "Émilie du Châtelet"], "https://example.org/paper")


@pytest.fixture(scope="module")
def added(clean_run, smoke, tmp_path_factory):
    results = tmp_path_factory.mktemp("board") / "results"
    entry, _ = add_run(clean_run, results, smoke.store, ME)
    return entry


def test_holds_the_results_of_the_run(added, clean_run):
    assert added.results == Results.read(clean_run, with_errors=False)
    of_run = Results.read(clean_run)
    assert added.errors() == sorted(of_run.errors, key=lambda each: each.job)
    assert {each.data: each for each in added.tests()} == {t.data: t for t in of_run.tests}
    assert added.suite.name == "smoke"
    about = added.about
    assert about.authors == ["Ada Lovelace", "Émilie du Châtelet"]
    assert about.url == "https://example.org/paper"
    assert about.created == datetime.now(UTC).date()
    assert {d.card: d.n_frames for d in about.data} == {
        "sw-si-8": {"train": 12, "validation": 4, "test": 8},
        "sw-ge-8": {"train": 12, "validation": 4, "test": 8},
    }


def test_errors_are_those_of_the_store_summed_over_structures(added, smoke):
    errors = added.errors()[0]
    with np.load(smoke.store / errors.job / "errors.npz") as file:
        forces = file["forces"].astype(float).reshape(8, -1)
    np.testing.assert_allclose(errors.force_abs, np.abs(forces).sum(axis=1), rtol=1e-8)
    np.testing.assert_allclose(errors.force_square, np.square(forces).sum(axis=1), rtol=1e-8)


def test_is_verified_to_the_last_number(added):
    verdict = verify(added.folder, added.folder.parents[1])
    assert verdict.problems == verdict.notes == []
    assert verdict.recomputed == len(added.results.records)
    # Of two backbones: source models, scratch and fine-tuned at two budgets of two seeds, each with
    # its last and its best weights; and zero-shot.
    assert (verdict.coverage.found, verdict.coverage.expected) == (N_MEASURED, N_MEASURED)


def test_keys_that_it_does_not_use_are_not_written(added):
    text = (added.folder / "submission.json").read_text()
    assert text == added.about.text()
    assert not {"private", "plugins"} & json.loads(text).keys()


def test_states_the_code_that_its_jobs_were_done_with(added):
    assert added.about.format == 2
    assert {"train", "evaluate", "backbone schnet", "strategy finetune"} <= set(added.about.sources)
    assert added.about.sources.items() <= dict(own_sources()).items()


def test_a_run_of_a_version_whose_keys_did_not_know_the_code_is_to_be_run_again(
    clean_run, smoke, tmp_path, monkeypatch
):
    monkeypatch.setattr(Collector, "sources", lambda self, job: None)
    with pytest.raises(InputError, match="do not say which code they were done with"):
        add_run(clean_run, tmp_path / "board" / "results", smoke.store, ME)


def test_the_same_run_is_not_added_twice(added, clean_run, smoke):
    before = sorted(added.folder.parent.iterdir())
    with pytest.raises(InputError, match="already holds these results; nothing is added"):
        add_run(clean_run, added.folder.parents[1], smoke.store, ME)
    assert sorted(added.folder.parent.iterdir()) == before
    assert not list(added.folder.parents[2].glob(".submission-*"))


def test_a_changed_result_is_a_revision_and_the_old_one_stays(added, clean_run, smoke, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(added.folder.parents[1], results)
    run = tmp_path / "run"
    shutil.copytree(clean_run, run)
    first, *rest = COSTS_FORMAT.read_lines(run / "costs.jsonl")
    again = first.model_copy(update={"peak_memory_mib": (first.peak_memory_mib or 0) + 100})
    COSTS_FORMAT.write_lines(run / "costs.jsonl", [again, *rest])
    old = {p.name: p.read_bytes() for p in (results / "smoke" / "mine").iterdir()}
    entry, _ = add_run(run, results, smoke.store, ME)
    assert entry.folder == results / "smoke" / "mine-r2"
    assert entry.about.revision == 2
    assert entry.about.replaces == read_submission(results / "smoke" / "mine").digest
    assert {p.name: p.read_bytes() for p in (results / "smoke" / "mine").iterdir()} == old
    assert [v.problems for v in verify_all(results)] == [[], []]
    # The one before it may no longer change without notice.
    seal(results / "smoke" / "mine", authors=["somebody else"])
    assert "It replaces another" in verify(entry.folder, results).problems[0]


def test_an_incomplete_run_says_what_is_missing(added, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(added.folder.parents[1], results)
    folder = results / "smoke" / "mine"

    def drop(rows):
        wanted = {"strategy": "finetune", "backbone": "schnet", "updates": 10, "subset_seed": 1}
        return [r for r in rows if any(r.get(k) != v for k, v in wanted.items())]

    edit_lines(folder, "records", drop)
    lines = text_of(folder / "records.jsonl.gz").splitlines()[1:]
    kept = {json.loads(line)["model"] for line in lines}
    edit_lines(folder, "costs", lambda rows: [r for r in rows if r["model"] in kept])
    weights, best = (
        {k: v for k, v in digests.items() if k in kept}
        for digests in (added.about.weights, added.about.best_weights)
    )
    seal(folder, weights=weights, best_weights=best)
    verdict = verify(folder, results)
    assert verdict.problems == []
    missing = "finetune schnet, Si → Ge, N 4, 10 updates, seeds 1/0"
    assert verdict.coverage.missing == [missing, f"best weights of {missing}"]
    assert "36 of 38 models are there" in verdict.notes[0]


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (Who("Mine"), "'name': string should match"),
        (Who("mine-r2"), "should not end like a revision"),
        (Who("mine", url="http://example.org"), "'url': it should be an address"),
        (Who("mine", url="https://bücher.example"), r"in ASCII \(xn--"),
        (Who("mine", ["a\nb"]), "'authors.0': it should hold printable"),
    ],
)
def test_what_a_submitter_says_is_checked_before_anything_is_written(
    who, message, clean_run, smoke, tmp_path
):
    with pytest.raises(InputError, match=message):
        add_run(clean_run, tmp_path / "results", smoke.store, who)
    assert not list(tmp_path.iterdir())


def test_a_store_of_another_run_is_refused(clean_run, tmp_path, smoke):
    store = tmp_path / "store"
    store.mkdir()
    shutil.copyfile(smoke.store / "store.json", store / "store.json")
    with pytest.raises(InputError, match=r"does not have the job \w+ of this run.*\(--store\)"):
        add_run(clean_run, tmp_path / "results", store, ME)


def test_a_folder_that_is_no_run_is_refused(tmp_path, smoke):
    with pytest.raises(InputError, match="cannot be read"):
        add_run(tmp_path, tmp_path / "results", smoke.store, ME)


def test_supplied_weights_give_the_same_numbers_again(added, smoke, tmp_path):
    assert copy_weights(added, smoke.store, tmp_path) == N_TRAINED
    found = rerun(added, tmp_path, smoke.store)
    assert sum(model.numbers for model in found.models) == len(added.results.records)
    assert found.problems == []
    assert [model.largest for model in found.models] == [0] * N_MEASURED
    assert found.agrees(0.0)


def test_weights_of_some_models_are_too_few_unless_they_are_said_to_suffice(added, smoke, tmp_path):
    copy_weights(added, smoke.store, tmp_path)
    for path in sorted(tmp_path.iterdir())[3:]:
        path.unlink()
    with pytest.raises(InputError, match="3 of the 38 models of smoke/mine; supply all of them"):
        rerun(added, tmp_path, smoke.store)
    found = rerun(added, tmp_path, smoke.store, partial=True)
    assert len(found.models) == 3
    assert "3 of 38 models" in found.text(N_MEASURED, 0.0)


def test_other_weights_are_found_out(added, smoke, tmp_path):
    copy_weights(added, smoke.store, tmp_path)
    first, second, third = [tmp_path / f"{key}.safetensors" for key in added.about.weights][:3]
    shutil.copyfile(second, first)
    third.write_bytes(b"\x80\x04\x95not safetensors")
    problems = rerun(added, tmp_path, smoke.store).problems
    assert len(problems) == 2
    assert all("is not the file whose digest is in the submission" in p for p in problems)


def test_numbers_that_weights_do_not_give_are_found_out(added, smoke, tmp_path):
    folder = tmp_path / "smoke" / "mine"
    shutil.copytree(added.folder, folder)

    def halve(rows):
        mine = [r for r in rows if r["strategy"] == "finetune" and r["metric"] == "force_mae"]
        for r in mine:
            r["value"] /= 2

    edit_lines(folder, "records", halve)
    found = rerun(read_submission(folder), smoke.store, smoke.store)
    differing = [model for model in found.models if not model.agrees(1e-3)]
    # Two backbones, two budgets, two seeds, last and best weights.
    assert len(differing) == 16
    assert [model.largest for model in differing] == pytest.approx([0.5] * 16)
    assert not found.agrees(1e-3)


def test_errors_on_structures_are_compared_where_no_mean_differs(added, smoke, tmp_path):
    folder = tmp_path / "smoke" / "mine"
    shutil.copytree(added.folder, folder)

    def exchange(rows):
        # Structures 0 and 1 have one temperature, so every record stays what it is.
        for row in rows:
            for name in ("energy", "force_abs", "force_square"):
                if row[name]:
                    row[name][:2] = row[name][1::-1]

    edit_lines(folder, "errors", exchange)
    assert verify(folder, tmp_path).problems == []
    found = rerun(read_submission(folder), smoke.store, smoke.store)
    assert all(model.largest > 1e-3 for model in found.models)


def test_weights_that_give_nothing_are_no_agreement(added, smoke, tmp_path):
    folder, weights = tmp_path / "smoke" / "mine", tmp_path / "weights"
    shutil.copytree(added.folder, folder)
    copy_weights(added, smoke.store, weights)
    digests = {"last": dict(added.about.weights), "best": dict(added.about.best_weights)}
    for path in weights.iterdir():
        with safe_open(path, framework="np") as file:
            metadata = file.metadata()
            tensors = {name: np.full_like(file.get_tensor(name), np.nan) for name in file.keys()}  # noqa: SIM118
        save_file(tensors, path, metadata)
        key, _, best = path.stem.partition(".")
        digests[best or "last"][key] = digest_of(path)
    seal(folder, weights=digests["last"], best_weights=digests["best"])
    found = rerun(read_submission(folder), weights, smoke.store)
    assert len(found.models) == N_MEASURED
    assert {model.largest for model in found.models} == {None}
    assert not found.agrees(np.inf)


def test_weights_of_other_settings_are_refused(added, smoke, tmp_path):
    folder = tmp_path / "smoke" / "mine"
    shutil.copytree(added.folder, folder)
    edit(folder, "suite.json", lambda s: s["backbones"]["schnet"].update(n_filters=99))
    found = rerun(read_submission(folder), smoke.store, smoke.store)
    problems = [model.problem for model in found.models if model.problem]
    assert len(problems) == N_MEASURED / 2
    assert all("with other settings than the suite's" in problem for problem in problems)
    assert not any(str(smoke.store) in problem for problem in problems), "they are published"


def test_other_data_are_no_agreement(added, smoke, tmp_path):
    folder = tmp_path / "smoke" / "mine"
    shutil.copytree(added.folder, folder)
    data = [{**d.model_dump(), "content": "1" * 64} for d in added.about.data]
    seal(folder, data=data)
    found = rerun(read_submission(folder), smoke.store, smoke.store)
    assert found.models == []
    assert not found.agrees(1.0)
    assert len(found.problems) == 2
    assert "the files are the same, so the submission's digest is wrong" in found.problems[0]


def test_without_weights_there_is_nothing_to_run(added, smoke, tmp_path):
    with pytest.raises(InputError, match="has no weights of smoke/mine"):
        rerun(added, tmp_path, smoke.store)


def test_something_else_among_the_results_is_named(added, tmp_path):
    shutil.copytree(added.folder.parents[1], tmp_path / "results")
    (tmp_path / "results" / "smoke" / "notes.txt").write_text("to do")
    verdicts = verify_all(tmp_path / "results")
    assert [bool(verdict.problems) for verdict in verdicts] == [False, True]
    assert "notes.txt is not a folder" in verdicts[1].problems[0]
