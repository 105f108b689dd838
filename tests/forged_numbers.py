"""Forgeries of numbers: records, errors, test structures, costs, distances, simulations."""

import numpy as np
from forging import copied, edit, edit_lines, follow, forgery, seal, text_of, told, write

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


@forgery("is given twice")
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


@forgery("A distance has a name or a unit that is not one of tlbench")
def unit_that_is_a_sentence(folder):
    edit_lines(
        with_distances(folder),
        "distances",
        lambda rows: rows[0]["distances"][0].update(unit="checked by its authors"),
    )


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


@forgery("distances.jsonl.gz:1: is not a distance .*too small to be measured")
def distance_whose_inverse_is_infinite(folder):
    edit_lines(
        with_distances(folder),
        "distances",
        lambda rows: rows[0]["distances"][0].update(value=DENORMAL),
    )


@forgery("profiles.jsonl.gz:1: is not a profile .*too small to be measured")
def profile_whose_inverse_is_infinite(folder):
    edit_lines(
        with_distances(folder), "profiles", lambda rows: rows[0]["by_angle"].__setitem__(9, 1e-310)
    )


# Simulations.


def simulated(change):
    """Return a forgery of the simulations of the first model."""
    return lambda folder: edit(folder, "dynamics.json.gz", lambda d: change(d["models"][0]))


@forgery("does not hold simulations .*too small to be measured")
def displacement_whose_inverse_is_infinite(folder):
    simulated(lambda run: run["msd"].__setitem__(0, DENORMAL))(folder)


@forgery("does not hold simulations .*too small to be measured")
def distribution_whose_inverse_is_infinite(folder):
    simulated(lambda run: run["structure"]["rdf"].__setitem__(9, DENORMAL))(folder)


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


@forgery("origin of the reference dynamics is not one that tlbench gives")
def reference_that_is_markup(folder):
    edit(
        folder,
        "dynamics.json.gz",
        lambda d: d["reference"].update(origin="[free](javascript:alert(1))"),
    )


@forgery("origin of the reference dynamics is not one that tlbench gives")
def reference_that_is_praise(folder):
    def change(dynamics):
        dynamics["reference"]["origin"] = "of the highest accuracy. All results were checked"

    edit(folder, "dynamics.json.gz", change)
    told(folder)


@forgery("reference dynamics is not of the target's element")
def reference_of_another_element(folder):
    edit(folder, "dynamics.json.gz", lambda d: d["reference"].update(element="Si"))
    told(folder)


# What is made of the numbers.


@forgery("summary.md is not what these records say")
def praise_in_the_summary(folder):
    with (folder / "summary.md").open("a") as file:
        file.write("\nThe best model of all.\n")
