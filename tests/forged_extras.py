"""Forged submissions: jobs, costs, profiles, distances and simulations that cannot be."""

from forged_numbers import DENORMAL
from forging import copied, edit, edit_lines, follow, forgery, told


@forgery("done by changed code and cannot be repeated")
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


def simulated(change):
    """Return a forgery of the simulations of the first model."""
    return lambda folder: edit(folder, "dynamics.json.gz", lambda d: change(d["models"][0]))


@forgery("does not hold a summary of simulations .*too small to be measured")
def displacement_whose_inverse_is_infinite(folder):
    simulated(lambda run: run["msd"].__setitem__(0, DENORMAL))(folder)


@forgery("does not hold a summary of simulations .*too small to be measured")
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


@forgery("does not start from what the suite asks for")
def start_of_ones_own(folder):
    def change(dynamics):
        dynamics["reference"]["start_structure"] = "nearest"

    edit(folder, "dynamics.json.gz", change)


@forgery("the diffusion of replicas does not follow from their displacement")
def diffusion_of_another_liquid(folder):
    simulated(lambda run: run.update(diffusion=[0.7] * run["criterion"].count("")))(folder)


@forgery("does not hold a summary of simulations .*diffusion of more replicas than are stable")
def diffusion_of_replicas_that_broke(folder):
    simulated(lambda run: run.update(diffusion=[0.0] * (len(run["criterion"]) + 1)))(folder)


@forgery("does not hold a summary of simulations .*the worst so far cannot become better")
def extremes_that_get_better(folder):
    def change(run):
        replicas = len(run["criterion"])
        rising, falling = ([[1.0, 2.0]] * replicas, [[2.0, 1.0]] * replicas)
        quantities = dict.fromkeys(("temperature", "force", "energy", "structure"), rising)
        extremes = {"times_ps": [1.0, 2.0], **quantities, "closest_pair": falling}
        run["extremes"] = {**extremes, "force": falling}

    simulated(change)(folder)


@forgery("'<b>bad luck</b>' is not a criterion of stability")
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


@forgery("does not hold a summary of simulations .*more false alarms than replicas")
def reference_with_more_alarms_than_replicas(folder):
    edit(folder, "dynamics.json.gz", lambda d: d["reference"].update(false_alarms=999))


@forgery("should be structure if and only if a replica is stable")
def bad_structure_left_out(folder):
    simulated(lambda run: run.update(structure=None))(folder)
    follow(folder)


@forgery("origin of the reference dynamics is not the one that its data set gives")
def reference_that_is_markup(folder):
    edit(
        folder,
        "dynamics.json.gz",
        lambda d: d["reference"].update(origin="[free](javascript:alert(1))"),
    )


@forgery("origin of the reference dynamics is not the one that its data set gives")
def reference_that_is_praise(folder):
    def change(dynamics):
        dynamics["reference"]["origin"] = "of the highest accuracy. All results were checked"

    edit(folder, "dynamics.json.gz", change)
    told(folder)


@forgery("reference dynamics is not of the target's element")
def reference_of_another_element(folder):
    edit(folder, "dynamics.json.gz", lambda d: d["reference"].update(element="Si"))
    told(folder)
