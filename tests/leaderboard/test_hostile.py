"""Hostile submissions: each is refused, with its reason, and nothing else happens."""

import gzip
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from forging import PUBLISHED, copied, edit, edit_lines, follow, seal, text_of, told, write

from tlbench.leaderboard.reading import MAX_FILE, read_submission
from tlbench.leaderboard.verification import verify, verify_all

Forgery = Callable[[Path], None]
FORGERIES: dict[str, tuple[str, Forgery]] = {}


def forgery(reason: str) -> Callable[[Forgery], Forgery]:
    """Register what makes a good submission hostile, and what of the reason must be said."""

    def register(function: Forgery) -> Forgery:
        FORGERIES[function.__name__] = (reason, function)
        return function

    return register


# Files that are no files, or too many, or too large.


@forgery("'records.jsonl.gz' is not a plain file")
def file_is_a_link(folder):
    (folder / "records.jsonl.gz").unlink()
    (folder / "records.jsonl.gz").symlink_to("/etc/passwd")


@forgery("'records.jsonl.gz' has another name elsewhere")
def file_is_a_hard_link(folder):
    os.link(folder / "records.jsonl.gz", folder.parent.parent / "elsewhere")


@forgery("'records.jsonl.gz' is not a plain file")
def file_is_a_pipe(folder):
    (folder / "records.jsonl.gz").unlink()
    os.mkfifo(folder / "records.jsonl.gz")


@forgery("is no folder")
def folder_is_a_link(folder):
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")


@forgery("'more' is not a plain file")
def folder_in_the_folder(folder):
    (folder / "more").mkdir()


@forgery("'setup.py' is not listed")
def code_beside_the_results(folder):
    (folder / "setup.py").write_text("import os")


@forgery("lists 'model.pkl', which is no file of a submission")
def pickled_weights(folder):
    (folder / "model.pkl").write_bytes(pickle.dumps({"weights": [1.0]}))
    about = json.loads((folder / "submission.json").read_text())
    seal(folder, files={**about["files"], "model.pkl": "0" * 64})


@forgery("lists '../../../../evil', which is no file of a submission")
def file_outside(folder):
    about = json.loads((folder / "submission.json").read_text())
    seal(folder, files={**about["files"], "../../../../evil": "0" * 64})


@forgery("errors.jsonl.gz is missing from the list")
def no_errors(folder):
    about = json.loads((folder / "submission.json").read_text())
    (folder / "errors.jsonl.gz").unlink()
    del about["files"]["errors.jsonl.gz"]
    (folder / "submission.json").write_text(json.dumps(about))


@forgery("there is no submission.json")
def says_nothing_of_itself(folder):
    (folder / "submission.json").unlink()


@forgery("beyond that")
def large_file(folder):
    with (folder / "records.jsonl.gz").open("ab") as file:
        file.truncate(MAX_FILE + 1)


@forgery("larger than 128 MiB when decompressed")
def decompression_bomb(folder):
    with gzip.open(folder / "records.jsonl.gz", "wb", 9) as file:
        for _ in range(200):
            file.write(bytes(1 << 20))
    assert (folder / "records.jsonl.gz").stat().st_size < 1 << 20
    seal(folder)


@forgery("is cut short")
def truncated_file(folder):
    content = (folder / "records.jsonl.gz").read_bytes()
    (folder / "records.jsonl.gz").write_bytes(content[: len(content) // 2])
    seal(folder)


@forgery("something follows after the compressed text")
def more_behind_the_end(folder):
    with (folder / "records.jsonl.gz").open("ab") as file:
        file.write(b"#!/bin/sh\n")
    seal(folder)


@forgery("not compressed by gzip")
def pickle_in_the_place_of_records(folder):
    (folder / "records.jsonl.gz").write_bytes(pickle.dumps([1, 2, 3]))
    seal(folder)


@forgery("is not the file whose digest stands in submission.json")
def changed_afterwards(folder):
    records = text_of(folder / "records.jsonl.gz")
    write(folder / "records.jsonl.gz", records + "\n")


# What a submission says of itself.


@forgery(r"name: String should match pattern")
def name_leads_outside(folder):
    seal(folder, name="../../evil")


@forgery("calls itself quick/another, which is another place")
def another_name(folder):
    seal(folder, name="another")


@forgery("calls itself smoke/2026-11-23-two-cores, which is another place")
def another_suite(folder):
    seal(folder, suite="smoke")


@forgery("url: String should match pattern")
def script_for_an_address(folder):
    seal(folder, url="javascript:alert(1)")


@forgery("url: String should match pattern")
def address_that_ends_the_attribute(folder):
    seal(folder, url="https://x.org/' onclick='alert(1)")


@forgery("printable characters only")
def author_who_rules_the_terminal(folder):
    seal(folder, authors=["\x1b[2J\x1b]0;owned\x07"])


@forgery("printable characters only")
def author_who_writes_backwards(folder):
    seal(folder, authors=["\u202egnp.evil"])


@forgery("was created in the future")
def created_in_the_future(folder):
    seal(folder, created="9999-12-31")


@forgery("'schnet' comes from tlbench itself")
def package_of_somebody_for_a_backbone_of_tlbench(folder):
    seal(folder, providers={"schnet": "torch-evil 6.6.6"})


@forgery("shell: Extra inputs are not permitted")
def unknown_key(folder):
    seal(folder, shell="rm -rf /")


@forgery("created: ")
def created_on_no_day(folder):
    seal(folder, created="2026-13-45")


@forgery("digest of the protocol is given as")
def protocol_of_another(folder):
    seal(folder, protocol_digest="0" * 64)


@forgery("version of the suite is given as 99, but is 2")
def another_version(folder):
    seal(folder, suite_version=99)


@forgery("licence is not that of its card")
def data_under_another_licence(folder):
    about = json.loads((folder / "submission.json").read_text())
    about["data"][0]["licence"] = "all rights reserved"
    seal(folder, data=about["data"])


@forgery("data sets are not those of the suite")
def other_data(folder):
    about = json.loads((folder / "submission.json").read_text())
    about["data"][0]["recipe"] = "0" * 64
    seal(folder, data=about["data"])


@forgery("revision 3, but there is no 2026-11-23-two-cores-r2")
def revision_of_nothing(folder):
    folder.rename(folder.with_name(f"{folder.name}-r3"))
    seal(folder.with_name(f"{folder.name}-r3"), revision=3, replaces="0" * 64)


@forgery("digests of weights are not those of the models")
def weights_of_other_models(folder):
    seal(folder, weights={"0" * 64: "0" * 64})


# The suite.


@forgery("is not valid YAML")
def suite_that_runs_code(folder):
    write(folder / "suite.json", "name: !!python/object/apply:os.system [touch /tmp/owned]\n")
    seal(folder)


@forgery("the anchor or alias 'a' is not allowed")
def suite_that_grows(folder):
    lines = ["a: &a [x, x, x, x]", "b: &b [*a, *a, *a, *a]", "c: [*b, *b, *b, *b]"]
    write(folder / "suite.json", "\n".join(lines))
    seal(folder)


@forgery("is too large for a YAML file")
def suite_that_is_large(folder):
    write(folder / "suite.json", "a: " + "x" * (1 << 20))
    seal(folder)


@forgery("nested more than 50 deep")
def suite_that_is_deep(folder):
    write(folder / "suite.json", "a: " + "[" * 1000 + "]" * 1000)
    seal(folder)


@forgery("source.card is a path")
def suite_that_reads_files(folder):
    edit(folder, "suite.json", lambda s: s["source"].update(card="../../../../etc/passwd.yaml"))


@forgery("'tuned' is a path")
def suite_that_reads_settings(folder):
    edit(folder, "suite.json", lambda s: s.update(tuned="/etc/passwd"))


@forgery("files of data set 'mlearn-ge' should be those of its card")
def suite_that_fetches_elsewhere(folder):
    def change(suite):
        files = suite["target"]["changes"]["files"]
        next(iter(files.values()))["url"] = "http://169.254.169.254/latest/meta-data"

    folder.rename(folder.with_name("aside"))
    other = PUBLISHED / "backbones-cpu" / "2026-11-23-two-cores"
    folder.mkdir()
    for path in other.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    seal(folder, suite="quick")
    edit(folder, "suite.json", change)


@forgery("size 100000 is larger than the training set")
def size_beyond_the_data(folder):
    edit(folder, "suite.json", lambda s: s.update(sizes=[1, 10, 100_000]))


@forgery("models; 50,000 may be published")
def suite_without_end(folder):
    edit(
        folder,
        "suite.json",
        lambda s: s.update(subset_seeds=list(range(3000)), init_seeds=list(range(3000))),
    )


@forgery("cannot be judged")
def setting_that_is_too_long_to_write(folder):
    suite, endless = text_of(folder / "suite.json"), "0x" + "f" * 20_000
    suite = suite.replace('"schnet": {', f'"my-network": {{"n": {endless}, ')
    write(folder / "suite.json", suite)
    seal(folder)


@forgery("title and description should be printable")
def title_that_cannot_be_written(folder):
    edit(folder, "suite.json", lambda s: s.update(title="\ud800"))


@forgery("is no name of a backbone")
def backbone_that_is_markup(folder):
    def change(suite):
        suite["backbones"]["<img src=x onerror=alert(1)>"] = suite["backbones"].pop("schnet")

    edit(folder, "suite.json", change)


@forgery("unknown metric 'accuracy'")
def metric_that_nobody_knows(folder):
    edit(folder, "suite.json", lambda s: s.update(metrics=["accuracy"]))


@forgery("digest of the suite is given as")
def settings_other_than_said(folder):
    edit(folder, "suite.json", lambda s: s["training"].update(learning_rate=0.1))


# The numbers.


def target_record(rows, **wanted):
    """Return the first record over all test structures with these values."""
    return next(r for r in rows if not r["condition"] and all(r[k] == v for k, v in wanted.items()))


@forgery("is given as 1.0, but recomputed it is")
def better_than_measured(folder):
    edit_lines(
        folder,
        "records",
        lambda rows: target_record(rows, strategy="finetune", metric="force_mae").update(value=1.0),
    )


@forgery("but recomputed it is")
def negative_error(folder):
    edit_lines(
        folder,
        "records",
        lambda rows: target_record(rows, strategy="finetune", metric="force_mae").update(value=-5),
    )


@forgery("records.jsonl.gz:1: is not a record")
def no_number(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(value=float("nan")))


@forgery("records.jsonl.gz:1: is not a record")
def infinite_number(folder):
    records = text_of(folder / "records.jsonl.gz")
    write(folder / "records.jsonl.gz", records.replace('"value": ', '"value": 1e999, "x": ', 1))
    seal(folder)


@forgery("records.jsonl.gz:2: is not a record")
def bottomless_record(folder):
    lines = text_of(folder / "records.jsonl.gz").splitlines()
    lines[1] = "[" * 100_000
    write(folder / "records.jsonl.gz", "\n".join(lines))
    seal(folder)


@forgery("is not a record")
def no_text(folder):
    write(folder / "records.jsonl.gz", b"\xff\xfe\x00" * 100)
    seal(folder)


@forgery("is missing")
def bad_number_left_out(folder):
    def change(rows):
        worst = max((r for r in rows if r["metric"] == "force_mae"), key=lambda r: r["value"])
        return [r for r in rows if r is not worst]

    edit_lines(folder, "records", change)


@forgery("stands there twice")
def good_number_twice(folder):
    edit_lines(folder, "records", lambda rows: [*rows, rows[0]])


@forgery("instead of 'meV/Å'")
def another_unit(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(unit="eV/Å"))


@forgery("is no model of the suite")
def seed_beyond_the_suite(folder):
    def change(rows):
        job = target_record(rows, strategy="finetune")["job"]
        for r in rows:
            if r["job"] == job:
                r["subset_seed"] = 777

    edit_lines(folder, "records", change)


@forgery("stands for different models")
def best_seed_for_all(folder):
    def change(rows):
        chosen = {"strategy": "finetune", "size": 10, "backbone": "schnet"}
        mine = [r for r in rows if all(r[k] == v for k, v in chosen.items())]
        mine = [r for r in mine if "md_temperature_k" not in r["condition"]]
        best = [r for r in mine if r["subset_seed"] == 0]
        others = [r for r in rows if r not in mine]
        return others + [{**r, "subset_seed": seed} for seed in (0, 1, 2) for r in best]

    edit_lines(folder, "records", change)


@forgery("another suite or version")
def record_of_another_version(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(suite_version=1))


@forgery("there are no errors on test structures of it")
def number_without_errors(folder):
    edit_lines(folder, "errors", lambda rows: rows[1:])


@forgery("one per test structure")
def errors_of_fewer_structures(folder):
    edit_lines(folder, "errors", lambda rows: [r["force_abs"].pop() for r in rows] and None)


@forgery("errors.jsonl.gz:1: is not a list of errors")
def negative_sum_of_errors(folder):
    edit_lines(folder, "errors", lambda rows: rows[0]["force_abs"].__setitem__(0, -1.0))


@forgery("errors are not on the test set of its element")
def errors_on_the_source(folder):
    def change(rows):
        data = sorted({r["data"] for r in rows})
        for r in rows:
            r["data"] = data[data.index(r["data"]) - 1]

    edit_lines(folder, "errors", change)


@forgery("test structures, but 1 are listed")
def fewer_test_structures(folder):
    def change(rows):
        for r in rows:
            for name in ("n_atoms", "temperature", "phases", "groups"):
                r[name] = r[name][:1]

    edit_lines(folder, "tests", change)


@forgery("tests.jsonl.gz:1: is not a test set")
def giant_structures(folder):
    edit_lines(folder, "tests", lambda rows: rows[0]["n_atoms"].__setitem__(0, 10**30))


@forgery("tests.jsonl.gz:1: is not a test set")
def phase_that_is_markup(folder):
    edit_lines(
        folder, "tests", lambda rows: rows[0]["phases"].__setitem__(0, "<script>alert(1)</script>")
    )


@forgery("not those that its recipe makes")
def larger_structures_share_the_error(folder):
    def change(rows):
        for r in rows:
            r["n_atoms"] = [100 * n for n in r["n_atoms"]]

    edit_lines(folder, "tests", change)
    told(folder)
    follow(folder)


@forgery("not those that its recipe makes")
def temperatures_left_out(folder):
    def change(rows):
        for r in rows:
            r["temperature"] = [None] * len(r["temperature"])

    edit_lines(folder, "tests", change)
    told(folder)
    follow(folder)


@forgery("not those whose digest is given")
def other_test_structures(folder):
    edit_lines(folder, "tests", lambda rows: rows[0]["groups"].__setitem__(0, "easy"))
    follow(folder)


@forgery("its energy errors are missing")
def bad_energies_left_out(folder):
    def change(rows):
        next(r for r in rows if r["energy"])["energy"] = None

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("absolute and squared errors of job .* contradict each other")
def absolute_errors_too_small_for_their_squares(folder):
    def change(rows):
        rows[0]["force_abs"] = [0.02 * total for total in rows[0]["force_abs"]]

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("absolute and squared errors of job .* contradict each other")
def squares_too_small_for_absolute_errors(folder):
    def change(rows):
        rows[0]["force_square"] = [1e-4 * total for total in rows[0]["force_square"]]

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("Different models have the same errors on every structure")
def errors_of_the_best_seed_for_all(folder):
    def change(rows):
        for name in ("energy", "force_abs", "force_square"):
            rows[1][name] = rows[0][name]

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("errors.jsonl.gz:1: is not a list of errors")
def errors_beyond_all_numbers(folder):
    edit_lines(folder, "errors", lambda rows: rows[0]["force_abs"].__setitem__(0, 1e300))


@forgery("holds 20,000,001 values; 5,000,000 are allowed")
def numbers_that_fill_the_memory(folder):
    write(folder / "errors.jsonl.gz", '{"force_abs": [' + "0," * 20_000_000 + "0], }")
    seal(folder)


@forgery("which nobody can repeat")
def changed_code(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0].update(git_dirty=True))


@forgery("Nothing says where job")
def job_from_nowhere(folder):
    edit_lines(folder, "provenance", lambda rows: [r for r in rows if r["kind"] != "evaluate"])


@forgery("provenance.jsonl.gz:1: is not a job")
def negative_time(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0].update(wall_seconds=-1))


@forgery("costs.jsonl.gz:1: is not a cost")
def negative_cost(folder):
    edit_lines(folder, "costs", lambda rows: rows[0].update(cpu_seconds=-3600.0))


@forgery("costs.jsonl.gz:1: is not a cost")
def cost_beyond_all_numbers(folder):
    edit_lines(folder, "costs", lambda rows: rows[0].update(n_parameters=10**400))


@forgery("is of no model that is there")
def cost_of_another_model(folder):
    edit_lines(folder, "costs", lambda rows: rows[0].update(model="0" * 64))


@forgery("device of a cost holds more than words")
def device_that_is_markup(folder):
    edit_lines(folder, "costs", lambda rows: rows[0].update(device="[x](javascript:alert(1))"))


# Distances and profiles, which the suite of the others does not have.


def with_distances(folder):
    """Put a submission with distances in the place of the good one."""
    folder.rename(folder.parents[2] / "aside")
    folder.parent.rmdir()
    return copied(folder.parents[1], "temperature-sw/2026-11-23-two-cores")


@forgery("A profile is of scratch dimenetpp, which has no records")
def profile_of_no_model(folder):
    edit_lines(with_distances(folder), "profiles", lambda rows: rows[0].update(size=3))


@forgery("profiles.jsonl.gz:1: is not a profile")
def profile_with_fewer_bins(folder):
    edit_lines(with_distances(folder), "profiles", lambda rows: rows[0]["by_angle"].pop() and None)


@forgery("structures that are not of the suite's data sets")
def distance_of_other_data(folder):
    edit_lines(
        with_distances(folder), "distances", lambda rows: rows[0]["a"].update(data="<b>mine</b>")
    )


@forgery("distances.jsonl.gz:1: is not a distance")
def negative_distance(folder):
    edit_lines(
        with_distances(folder),
        "distances",
        lambda rows: rows[0]["distances"][0].update(value=-1),
    )


# Simulations.


def simulated(change):
    """Return a forgery of the simulations of the first model."""
    return lambda folder: edit(folder, "dynamics.json.gz", lambda d: change(d["models"][0]))


@forgery("9 replicas, but the suite has 8")
def more_survivors_than_runs(folder):
    def change(run):
        run["survival_ps"].append(run["survival_ps"][0])
        run["criterion"].append("")

    simulated(change)(folder)


@forgery("a replica lasted 20 ps of 2")
def outlives_the_simulation(folder):
    simulated(lambda run: run["survival_ps"].__setitem__(0, 20.0))(folder)


@forgery("a replica lasted 0.5 ps of 2, and is stable")
def stable_though_it_ended(folder):
    simulated(lambda run: run["survival_ps"].__setitem__(0, 0.5))(folder)


@forgery("stability_rate at md_temperature_k = 1200.0 is given as")
def rate_of_others(folder):
    simulated(lambda run: run["criterion"].__setitem__(0, "force"))(folder)


@forgery("rdf_error at md_temperature_k = 1200.0 is given as")
def structure_of_others(folder):
    def change(run):
        run["structure"]["rdf"] = [0.9 * g for g in run["structure"]["rdf"]]

    simulated(change)(folder)


@forgery("not on the bins of the reference")
def structure_on_other_bins(folder):
    simulated(lambda run: run["structure"]["rdf"].pop())(folder)


@forgery("'<b>bad luck</b>' is no criterion of stability")
def criterion_of_ones_own(folder):
    def change(run):
        run["criterion"][0] = "<b>bad luck</b>"

    simulated(change)(folder)


@forgery("Simulations of finetune visnet, N 10: no records of it")
def simulations_of_another_model(folder):
    simulated(lambda run: run.update(backbone="visnet", strategy="finetune"))(folder)


@forgery("nothing follows from its simulations")
def reference_of_no_order(folder):
    edit(folder, "dynamics.json.gz", lambda d: d["reference"]["distances"].reverse())
    told(folder)


@forgery("reference dynamics is not that whose digest is given")
def reference_of_ones_own(folder):
    def change(dynamics):
        mine = dynamics["models"][0]["structure"]
        dynamics["reference"]["structure"].update(rdf=mine["rdf"], adf=mine["adf"])

    edit(folder, "dynamics.json.gz", change)
    follow(folder)


@forgery("does not hold simulations of this version")
def reference_with_more_alarms_than_replicas(folder):
    edit(folder, "dynamics.json.gz", lambda d: d["reference"].update(false_alarms=999))


@forgery("should be structure if and only if a replica is stable")
def bad_structure_left_out(folder):
    simulated(lambda run: run.update(structure=None))(folder)
    follow(folder)


@forgery("holds more than words")
def reference_that_is_markup(folder):
    edit(
        folder,
        "dynamics.json.gz",
        lambda d: d["reference"].update(origin="[free](javascript:alert(1))"),
    )


# What is made of the numbers.


@forgery("summary.md is not what these records say")
def praise_in_the_summary(folder):
    with (folder / "summary.md").open("a") as file:
        file.write("\nThe best model of all.\n")


def test_there_are_many_forgeries():
    assert len(FORGERIES) >= 30


@pytest.mark.parametrize("name", FORGERIES)
def test_is_refused_with_its_reason(name, tmp_path):
    results = tmp_path / "results"
    folder = copied(results)
    reason, forge = FORGERIES[name]
    forge(folder)
    if not os.path.lexists(folder):
        folder = next(results.glob("*/*"))
    verdict = verify(folder, results)
    assert verdict.problems
    assert verdict.recomputed == 0
    assert re.search(reason, "\n".join(verdict.problems)), verdict.problems
    assert all(problem.isprintable() for problem in verdict.problems)


def test_the_submission_that_they_are_made_from_is_good(tmp_path):
    assert verify(copied(tmp_path), tmp_path).problems == []


def test_a_suite_runs_nothing(tmp_path):
    folder, mark = copied(tmp_path / "results"), tmp_path / "owned"
    suite = f"name: !!python/object/apply:os.system [touch {mark}]\n"
    write(folder / "suite.json", suite)
    seal(folder)
    assert verify(folder, tmp_path / "results").problems
    assert not mark.exists()


def repeated(results, **changes):
    """Return a copy of a good submission under another name, which stands beside it."""
    copy = copied(results).with_name("mine")
    (results / "quick" / "2026-11-23-two-cores").rename(copy)
    copied(results)
    seal(copy, name="mine", **changes)
    return copy


def test_a_new_submission_of_the_models_of_another_is_refused(tmp_path):
    copy = repeated(tmp_path, created="2000-01-01", authors=["Thief"])
    # Also if its numbers are not quite the same.
    edit_lines(copy, "errors", lambda rows: scaled(rows, 1 + 1e-8))
    (verdict,) = verify_all(tmp_path, [copy])
    assert verdict.problems == [
        f"{copy}: Its models stand in quick/2026-11-23-two-cores, by their errors."
    ]


def scaled(rows, factor):
    for r in rows:
        r["force_abs"] = [float(f"{factor * total:.9g}") for total in r["force_abs"]]


def test_nobody_is_left_out_because_somebody_copied_it(tmp_path):
    repeated(tmp_path, created="2000-01-01", authors=["Thief"])
    verdicts = verify_all(tmp_path)
    assert [v.problems for v in verdicts] == [[], []]
    assert all("Its models stand in" in v.notes[0] for v in verdicts)


def test_a_lie_about_test_structures_shares_no_table_with_the_truth(tmp_path):
    honest = copied(tmp_path, "backbones-cpu/2026-11-23-two-cores")
    before = read_submission(honest).about.comparable
    about = json.loads((honest / "submission.json").read_text())
    about["data"][1]["tests"] = "0" * 64
    seal(honest, data=about["data"])
    assert read_submission(honest).about.comparable != before
    seal(honest, reference="0" * 64)
    assert len({before, read_submission(honest).about.comparable}) == 2
