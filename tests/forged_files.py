"""Forgeries of files, of what a submission says of itself, and of its suite."""

import gzip
import json
import os
import pickle

from forging import PUBLISHED, edit, edit_lines, forgery, seal, text_of, write

from tlbench.board.reading import MAX_FILE

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


@forgery("is not a folder")
def folder_is_a_link(folder):
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")


@forgery("'more' is not a plain file")
def folder_in_the_folder(folder):
    (folder / "more").mkdir()


@forgery("'setup.py' is not listed")
def code_beside_the_results(folder):
    (folder / "setup.py").write_text("import os")


@forgery("lists 'model.pkl', which is not a file of a submission")
def pickled_weights(folder):
    (folder / "model.pkl").write_bytes(pickle.dumps({"weights": [1.0]}))
    about = json.loads((folder / "submission.json").read_text())
    seal(folder, files={**about["files"], "model.pkl": "0" * 64})


@forgery("lists '../../../../evil', which is not a file of a submission")
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


@forgery("larger than 1. MiB when decompressed; all files .* 50 times their size on the disk")
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


@forgery("is not the file whose digest is in submission.json")
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


@forgery("url: .*it should be an address such as")
def script_for_an_address(folder):
    seal(folder, url="javascript:alert(1)")


@forgery("url: .*it should be an address such as")
def address_that_ends_the_attribute(folder):
    seal(folder, url="https://x.org/' onclick='alert(1)")


@forgery("url: .*it should be an address such as")
def address_of_another_host_than_it_seems(folder):
    seal(folder, url="https://example.org@evil.example/")


@forgery("tlbench: .*it should be a version of tlbench")
def version_that_is_a_sentence(folder):
    seal(folder, tlbench="0.1.0 (all results checked by its authors)")


@forgery("provenance.jsonl.gz:1: is not a job .*version")
def version_of_a_package_that_is_a_sentence(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0]["packages"].update(torch="the best"))


@forgery("provenance.jsonl.gz:1: is not a job")
def start_that_is_a_sentence(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0].update(started="before all others"))


@forgery("provenance.jsonl.gz:1: is not a job .*should be a date and time")
def start_on_no_day(folder):
    edit_lines(
        folder, "provenance", lambda rows: rows[0].update(started="9999-99-99T99:99:99+99:99")
    )


@forgery("provenance.jsonl.gz:1: is not a job .*between 2020 and now")
def start_in_the_future(folder):
    edit_lines(
        folder, "provenance", lambda rows: rows[0].update(started="9999-12-31T23:59:59-23:59")
    )


@forgery("provenance.jsonl.gz:1: is not a job .*between 2020 and now")
def start_before_there_was_any_code(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0].update(started="0001-01-01T00:00:00Z"))


@forgery("provenance.jsonl.gz:1: is not a job")
def environment_that_is_a_sentence(folder):
    edit_lines(folder, "provenance", lambda rows: rows[0].update(environment="none, as usual"))


@forgery("printable characters only")
def author_who_rules_the_terminal(folder):
    seal(folder, authors=["\x1b[2J\x1b]0;owned\x07"])


@forgery("printable characters only")
def author_who_writes_backwards(folder):
    seal(folder, authors=["\u202egnp.evil"])


@forgery("was created in the future")
def created_in_the_future(folder):
    seal(folder, created="9999-12-31")


@forgery("created: .*2025-01-01")
def created_before_all_others(folder):
    seal(folder, created="1970-01-01")


@forgery("'schnet' comes from tlbench itself")
def package_of_somebody_for_a_backbone_of_tlbench(folder):
    seal(folder, providers={"schnet": "torch-evil 6.6.6"})


@forgery("'finetune' comes from tlbench itself")
def package_of_somebody_for_a_strategy_of_tlbench(folder):
    seal(folder, plugins={"strategy": {"finetune": "torch-evil 6.6.6"}})


@forgery("'other' comes from tlbench itself, or is not a metric of the suite")
def package_for_what_the_suite_does_not_use(folder):
    seal(folder, plugins={"metric": {"other": "torch-evil 6.6.6"}})


@forgery("is a private submission, which a public board never takes")
def private(folder):
    seal(folder, private=True)


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


@forgery("is not valid JSON")
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
    # No digest can be given of a suite that cannot be run.
    edit(folder, "suite.json", lambda suite: suite.update(sizes=[1, 10, 100_000]))
    seal(folder)


@forgery("models; 50,000 may be published")
def suite_without_end(folder):
    edit(
        folder,
        "suite.json",
        lambda s: s.update(subset_seeds=list(range(60)), init_seeds=list(range(60))),
    )


@forgery("is not valid JSON")
def setting_that_is_too_long_to_write(folder):
    suite, endless = text_of(folder / "suite.json"), "0x" + "f" * 20_000
    suite = suite.replace('"schnet": {', f'"my-network": {{"n": {endless}, ')
    write(folder / "suite.json", suite)
    seal(folder)


@forgery("title and description should be printable")
def title_that_cannot_be_written(folder):
    edit(folder, "suite.json", lambda s: s.update(title="\ud800"))


@forgery("is not a name of a backbone")
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
