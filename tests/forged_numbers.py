"""Forgeries of numbers: records, errors and test structures."""

import numpy as np
from forging import edit_lines, follow, forgery, seal, text_of, told, write


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


@forgery("is given twice")
def good_number_twice(folder):
    edit_lines(folder, "records", lambda rows: [*rows, rows[0]])


@forgery("instead of 'meV/Å'")
def another_unit(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(unit="eV/Å"))


@forgery("is not a model of the suite")
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


@forgery("errors are not on the test set of its target")
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


@forgery("not those that its recipe makes")
def groups_that_are_praise(folder):
    def change(rows):
        for r in rows:
            r["groups"] = ["checked by its authors"] * len(r["groups"])

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


DENORMAL = 5e-322


@forgery("errors.jsonl.gz:1: is not a list of errors .*too small to be measured")
def error_whose_inverse_is_infinite(folder):
    edit_lines(folder, "errors", lambda rows: rows[0]["force_abs"].__setitem__(0, DENORMAL))


@forgery("errors.jsonl.gz:1: is not a list of errors .*too small to be measured")
def square_whose_inverse_is_infinite(folder):
    edit_lines(folder, "errors", lambda rows: rows[0]["force_square"].__setitem__(0, 1e-41))


@forgery("records.jsonl.gz:1: is not a record .*too small to be measured")
def record_whose_inverse_is_infinite(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(value=DENORMAL))


@forgery("records.jsonl.gz:1: is not a record .*too small to be measured")
def condition_of_a_denormal_temperature(folder):
    edit_lines(folder, "records", lambda rows: rows[0].update(condition={"temperature_k": 1e-310}))


@forgery("costs.jsonl.gz:1: is not a cost .*too small to be measured")
def time_whose_inverse_is_infinite(folder):
    edit_lines(folder, "costs", lambda rows: rows[0].update(cpu_seconds=DENORMAL))


@forgery("tests.jsonl.gz:1: is not a test set .*too small to be measured")
def temperature_that_nothing_has(folder):
    edit_lines(folder, "tests", lambda rows: rows[0]["temperature"].__setitem__(0, DENORMAL))


@forgery("force errors of job .* are 0 on average, less than labels and networks have digits for")
def model_without_any_error(folder):
    def change(rows):
        for name in ("force_abs", "force_square"):
            rows[0][name] = [0.0] * len(rows[0][name])

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("force errors of job .* on average, less than labels and networks have digits for")
def model_better_than_its_digits(folder):
    def change(rows):
        rows[0]["force_abs"] = [1e-9 * total for total in rows[0]["force_abs"]]
        rows[0]["force_square"] = [1e-18 * total for total in rows[0]["force_square"]]

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("energy errors of job .* are 0 on average")
def model_without_any_error_of_energy(folder):
    def change(rows):
        with_energy = next(r for r in rows if r["energy"])
        with_energy["energy"] = [0.0] * len(with_energy["energy"])

    edit_lines(folder, "errors", change)
    follow(folder)


@forgery("holds 6,000,000 values; 5,000,000 are allowed")
def numbers_that_fill_the_memory(folder):
    digits = np.random.default_rng(0).integers(ord("0"), ord("9") + 1, (6_000_000, 2), np.uint8)
    digits[:, 1] = ord(",")
    write(folder / "errors.jsonl.gz", digits.tobytes())
    seal(folder)
