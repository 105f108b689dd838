"""From a suite to its jobs."""

import hashlib
from collections import Counter

import one_budget
import pytest

from tlbench.base.errors import InputError
from tlbench.data.splits import Share
from tlbench.models.backbones import BACKBONES
from tlbench.study.keys import KeyScheme
from tlbench.study.loading import load_suite, suite_names
from tlbench.study.models import plan
from tlbench.study.plan import PRETRAIN
from tlbench.study.study import resolve


def keys(*settings: tuple[str, str], kind: str | None = None) -> set[str]:
    jobs = plan(resolve(load_suite("smoke", settings))).jobs
    return {key for key, job in jobs.items() if kind in (None, job.kind)}


def test_the_study_shares_data_and_pretraining():
    planned = plan(resolve(load_suite("si-ge-sw")))
    kinds = Counter(job.kind for job in planned.jobs.values())
    # Two backbones, each pretrained with 5 init seeds, each of which goes with a subset seed:
    # 5 sizes × 5 pairs × 2 arms and 5 zero-shot.
    models = 2 * (5 + 5 * 5 * 2 + 5)
    # One coverage for each size and pair.
    about_data = {"environments": 2, "distance": 1, "geometry": 1, "coverage": 5 * 5}
    assert kinds == {
        "dataset": 2, "train": models, "evaluate": models, "speed": 2, **about_data
    }  # fmt: skip
    sources = {
        job.parents["source"]
        for job in planned.jobs.values()
        if job.kind == "train" and "source" in job.parents
    }
    assert len(sources) == 2 * 5


def test_the_dft_suites_follow_the_study():
    study, small = load_suite("si-ge-dft"), load_suite("si-ge-dft-cpu")
    assert study.cutoff == 4.3
    assert study.sizes == [1, 10, 40, 100, 195]
    assert study.budgets == [400, 1600, 6400]
    different = {
        "name", "version", "title", "description", "backbones", "sizes", "subset_seeds",
        "init_seeds", "pretraining", "pretraining_budgets", "distances",
    }  # fmt: skip
    assert study.model_dump(exclude=different) == small.model_dump(exclude=different)
    assert study.pairing == "zip"
    assert [len(suite.subset_seeds) for suite in (study, small)] == [10, 5]
    # Two source models, two arms at three budgets, one at the largest, and zero-shot; each trained
    # model is measured with its last and its best weights.
    trained = 5 * (2 + 4 * (2 * 3 + 1))
    assert len(plan(resolve(small)).jobs) == 2 + 3 * trained + 2 * 5 + 1


def test_one_model_is_trained_at_each_temperature():
    temperatures = ("training_temperatures_k", "[600, 1800]")
    planned = plan(resolve(load_suite("smoke", [temperatures])))
    subsets = [j.settings.subset for j in planned.jobs.values() if j.kind == "train"]
    trained = [s for s in subsets if s]
    assert {s.temperature_k for s in trained} == {600.0, 1800.0}
    # Two backbones and arms, two budgets, subsets and temperatures.
    assert len(trained) == 2 * 2 * 2 * 2 * 2
    assert {c.model.train_temperature_k for c in planned.cells} == {None, 600.0, 1800.0}
    # The pretrained models are those of the plain suite.
    assert {j.parents["source"] for j in planned.jobs.values() if "source" in j.parents} <= keys()


def test_a_temperature_that_no_frame_has_is_refused():
    with pytest.raises(InputError, match="'sw-ge-8' has no training structures at 700 K"):
        plan(resolve(load_suite("smoke", [("training_temperatures_k", "[700]")])))
    with pytest.raises(InputError, match=r"training set of 'sw-ge-8' at 600 K \(6 structures\)"):
        plan(resolve(load_suite("smoke", [("training_temperatures_k", "[600]"), ("sizes", "[7]")])))


def test_where_files_lie_changes_no_key(monkeypatch, tmp_path):
    before = plan(resolve(load_suite("si-ge-dft")))
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path))
    after = plan(resolve(load_suite("si-ge-dft")))
    assert list(after.jobs) == list(before.jobs)
    assert str(tmp_path) in next(iter(after.jobs.values())).files["training.json"]


def test_zipped_seeds_share_nothing():
    zipped = [("pairing", "zip"), ("init_seeds", "[5, 6]")]
    planned = plan(resolve(load_suite("smoke", zipped)))
    pairs = {
        (c.model.subset_seed, c.model.init_seed)
        for c in planned.cells
        if c.model.strategy == "finetune"
    }
    assert pairs == {(0, 5), (1, 6)}
    with pytest.raises(InputError, match=r"as many init seeds as subset seeds, but .* 1 and 2"):
        load_suite("smoke", zipped[:1])


def test_the_models_of_the_chosen_sizes_are_simulated():
    planned = plan(resolve(load_suite("stability-sw")))
    kinds = Counter(job.kind for job in planned.jobs.values())
    # Two backbones, five pairs: scratch, finetune, and zero-shot.
    assert kinds["simulate"] == kinds["compare"] == len(planned.simulated) == 2 * 5 * 3
    assert kinds["reference"] == 1
    assert planned.jobs[planned.reference].kind == "reference"
    for cell in planned.simulated:
        compared = planned.jobs[cell.job]
        simulated = planned.jobs[compared.parents["simulation"]]
        assert simulated.parents["reference"] == compared.parents["reference"] == planned.reference
        assert planned.jobs[simulated.parents["model"]].kind == "train"
    # All follow one protocol, so replicas of all models start alike.
    protocols = [j.config["protocol"] for j in planned.jobs.values() if "protocol" in j.config]
    assert len(protocols) == 31
    assert all(protocol == protocols[0] for protocol in protocols)


def test_other_dynamics_leave_training_and_errors_alone():
    def others(*settings):
        jobs = plan(resolve(load_suite("stability-sw-cpu", settings))).jobs
        return {k for k, j in jobs.items() if j.kind in ("dataset", "train", "evaluate")}

    assert others(("dynamics.temperature_k", "900")) == others()
    assert others(("dynamics", "null")) == others()


def test_a_timestep_that_cannot_work_is_refused_before_anything_runs():
    suite = load_suite("stability-sw-cpu", [("dynamics.timestep_fs", "30")])
    with pytest.raises(InputError, match="30 fs is too long for Ge"):
        plan(resolve(suite))


def test_dft_simulations_start_from_frames_of_the_data():
    planned = plan(resolve(load_suite("stability-dft")))
    reference = planned.jobs[planned.reference]
    assert reference.config["start"] == {"kind": "frames"}
    assert planned.jobs[reference.parents["data"]].kind == "dataset"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (("dynamics.sizes", "[40]"), "size 40 is not among the suite's sizes"),
        (("dynamics.sizes", "[]"), "at least 1"),
        (("dynamics.budgets", "[]"), "at least 1"),
        (("dynamics.temperature_k", "0"), "temperature_k.*greater than 0"),
        (("dynamics.timestep_fs", "-1"), "timestep_fs.*greater than or equal to 0"),
        (("dynamics.equilibration_ps", "10"), "should be shorter than time_ps"),
        (("dynamics.time_ps", "1.02"), "no sample is taken after equilibration"),
        (("metrics", "[rdf_error]"), "measured by every suite that has 'dynamics'"),
        (("metrics", "[energy_bias, force_mae]"), "energy_bias may be negative; name another"),
    ],
)
def test_dynamics_that_cannot_be_is_refused(setting, message):
    with pytest.raises(InputError, match=message):
        load_suite("stability-sw-cpu", [setting])


@pytest.mark.parametrize(
    ("suite", "version", "digest", "keys"),
    [
        (
            "smoke",
            one_budget.SMOKE,
            "546ab1abe1ff4e23862126d6b7434baf72a166d004603e40feab006148737799",
            "4e0608b567ffb6012cb5afd24957967986464a2c2825c09b865c800a0be992c8",
        ),
        (
            "si-ge-sw",
            {"version": "2", **one_budget.SAMPLED},
            "25c4053af31c0a1a68b1be7eb11dcad9f1e3ec8479bce563a00dc7f9ad261af3",
            "9d9a52806b8d33531929667d864924d690a902591fc050bdce315298e3c34b36",
        ),
        (
            "si-ge-dft",
            one_budget.SI_GE_DFT,
            "d5602d73f83a8864189fcf87833df36da2ee0e31b4e22e59488407e9a88047bc",
            "889c9426d32d2fd236b52a07542b482e1c7dae8a2e4fea0f5b27b9dc36aac27a",
        ),
        (
            "temperature-sw",
            {
                "version": "2",
                **one_budget.SAMPLED,
                "target.changes": "{test: {trajectories: 1, frames: 4}}",
            },
            "e6de16c763947a4808f0d61a3a5139a6a1433185848ae8e56ea17cfab7f124e3",
            "94c8420a4e1164e7d5073b34cb7aa29068fd101834cd81d9500c18400964a4b3",
        ),
    ],
)
def test_what_keys_were_made_of_first_is_still_known(suite, version, digest, keys):
    """So that submissions of that time can be verified."""
    planned = plan(resolve(load_suite(suite, version.items())), KeyScheme(None, {}))
    assert planned.study.digest == digest
    # Timings are no results, and what data have in common says nothing of models.
    other = ("speed", "environments", "distance", "coverage", "geometry")
    lasting = [key for key, job in planned.jobs.items() if job.kind not in other]
    assert hashlib.sha256("\n".join(lasting).encode()).hexdigest() == keys


def test_parents_stand_before_children():
    seen = set()
    for key, job in plan(resolve(load_suite("smoke"))).jobs.items():
        assert set(job.parents.values()) <= seen
        seen.add(key)


def test_every_arm_gets_the_same_training_and_the_same_structures():
    planned = plan(resolve(load_suite("smoke")))
    settings = [j.settings for j in planned.jobs.values() if j.kind == "train"]
    trained = [each for each in settings if each.subset]
    assert len({str(each.training) for each in trained}) == 2
    by_arm = {
        arm: {
            (c.training.updates, c.subset.size, c.subset.seed) for c in trained if c.strategy == arm
        }
        for arm in ("scratch", "finetune")
    }
    both = {(updates, 4, seed) for updates in (10, 20) for seed in (0, 1)}
    assert by_arm["scratch"] == by_arm["finetune"] == both


def test_planning_is_pure():
    first, second = plan(resolve(load_suite("smoke"))), plan(resolve(load_suite("smoke")))
    assert list(first.jobs) == list(second.jobs)
    assert first.cells == second.cells
    assert first.study.digest == second.study.digest


def test_wording_changes_no_key():
    assert keys(("title", "another"), ("description", "words")) == keys()


def test_more_seeds_keep_the_work_that_is_done():
    assert keys() < keys(("subset_seeds", "[0, 1, 2]"))


def test_a_backbones_setting_changes_the_work_of_that_backbone_alone():
    jobs = plan(resolve(load_suite("smoke"))).jobs
    changed = keys(("backbones.schnet.n_gaussians", "21"))
    assert jobs.keys() - changed == {key for key, job in jobs.items() if "schnet" in job.label}


def test_another_version_of_a_plugin_is_other_work(monkeypatch):
    before = keys(kind="train")
    monkeypatch.setitem(BACKBONES._providers, "schnet", "plugin 2.0")
    after = keys(kind="train")
    jobs = plan(resolve(load_suite("smoke", [("cutoff", "4.0")]))).jobs
    changed = {key for key, job in jobs.items() if "schnet" in job.label and job.kind == "train"}
    assert after - before == changed


@pytest.mark.parametrize(
    ("setting", "untouched"),
    [
        (("budgets", "[10, 21]"), {"dataset"}),
        (("cutoff", "4.1"), {"dataset"}),
        (("metrics", "[force_mae]"), {"dataset", "train"}),
    ],
)
def test_a_setting_changes_what_depends_on_it_and_nothing_else(setting, untouched):
    for kind in ("dataset", "train", "evaluate"):
        before, after = keys(kind=kind), keys(setting, kind=kind)
        assert (before == after) == (kind in untouched)


def test_target_training_does_not_touch_pretraining():
    def pretraining(*settings):
        planned = plan(resolve(load_suite("smoke", settings)))
        return {k for k, j in planned.jobs.items() if j.label.startswith("pretrain")}

    assert pretraining(("budgets", "[10, 21]"), ("sizes", "[2]")) == pretraining()
    assert pretraining(("pretraining.updates", "61")) != pretraining()


def test_without_a_transfer_arm_nothing_is_pretrained():
    planned = plan(resolve(load_suite("smoke", [("strategies", "[scratch]")])))
    assert {cell.model.strategy for cell in planned.cells} == {"scratch"}
    assert not any("pretrain" in job.label for job in planned.jobs.values())


def test_source_models_are_measured_on_their_own_element():
    cells = [c for c in plan(resolve(load_suite("smoke"))).cells if c.model.strategy == PRETRAIN]
    assert {(c.model.source, c.model.target, c.model.size) for c in cells} == {("Si", "Si", 12)}


def test_a_size_beyond_the_data_is_refused():
    with pytest.raises(InputError, match=r"size 13 is larger .* \(12 structures\)"):
        plan(resolve(load_suite("smoke", [("sizes", "[1, 13]")])))


PARTS = ("source_parts", "[{temperatures_k: [600]}, {share: 0.5}, {}]")
DISTANCES = ("distances", "{resamples: 20}")


def test_a_matrix_pretrains_and_trains_from_scratch_once_for_each_element():
    planned = plan(resolve(load_suite("matrix")))
    elements, backbones, pairs, sizes = 4, 2, 5, 4
    trained = Counter(
        (j.settings.strategy, "source" in j.parents, j.settings.subset is None)
        for j in planned.jobs.values()
        if j.kind == "train"
    )
    assert trained == {
        ("scratch", False, True): elements * backbones * pairs,
        ("scratch", False, False): elements * backbones * pairs * sizes,
        ("finetune", True, False): 12 * backbones * pairs * sizes,
        ("zero-shot", True, True): 12 * backbones * pairs,
    }
    # Every transfer has all its cells, also those it shares.
    cells = Counter(
        (c.model.source, c.model.target) for c in planned.cells if c.model.strategy == "scratch"
    )
    assert set(cells.values()) == {backbones * pairs * sizes}
    assert len(cells) == 12
    # A distance is the same both ways.
    assert len([j for j in planned.jobs.values() if j.kind == "distance"]) == 6
    assert len(planned.compared) == 6


def test_source_models_of_a_matrix_are_measured_once():
    planned = plan(resolve(load_suite("matrix")))
    pretrained = [c for c in planned.cells if c.model.strategy == PRETRAIN]
    assert len(pretrained) == len({c.job for c in pretrained}) == 4 * 2 * 5


def test_parts_of_the_source_are_pretrained_on_apart():
    planned = plan(resolve(load_suite("smoke", [PARTS])))
    subsets = {
        j.label: j.settings.subset
        for j in planned.jobs.values()
        if j.label.startswith("pretrain schnet")
    }
    assert subsets == {
        "pretrain schnet on Si (600 K), seed 0, 60 updates": Share(
            share=1, seed=0, temperatures_k=[600]
        ),
        "pretrain schnet on Si (50 % of all), seed 0, 60 updates": Share(share=0.5, seed=0),
        "pretrain schnet on Si, seed 0, 60 updates": None,
    }
    # The whole is what it is without parts, and scratch is trained once.
    assert keys(kind="train") < keys(PARTS, kind="train")
    sizes = {
        c.model.source_part: c.model.size for c in planned.cells if c.model.strategy == PRETRAIN
    }
    assert sizes == {"600 K": 6, "50 % of all": 6, "all": 12}
    with pytest.raises(InputError, match="no training structures at 700 K; change 'source_parts'"):
        plan(resolve(load_suite("smoke", [("source_parts", "[{temperatures_k: [700]}]")])))


def test_what_is_replayed_is_what_was_pretrained_on():
    planned = plan(resolve(load_suite("smoke", [PARTS, ("strategies", "[scratch, mixed]")])))
    mixed = [job for job in planned.jobs.values() if job.label.startswith("mixed schnet")]
    parts = [
        (planned.jobs[job.parents["source"]].settings.subset, job.settings.replayed)
        for job in mixed
    ]
    assert all(pretrained == replayed for pretrained, replayed in parts)
    assert {replayed and replayed.share for _, replayed in parts} == {None, 0.5, 1}


def test_distances_add_jobs_and_change_none():
    assert keys() < keys(DISTANCES)
    planned = plan(resolve(load_suite("smoke", [DISTANCES])))
    kinds = Counter(j.kind for key, j in planned.jobs.items() if key not in keys())
    # Of one size, two subsets.
    assert kinds == {"environments": 2, "distance": 1, "geometry": 1, "coverage": 2}


def test_temperatures_are_compared_with_each_other_and_with_every_part():
    at = ("training_temperatures_k", "[600, 1800]")
    planned = plan(resolve(load_suite("smoke", [DISTANCES, PARTS, at])))
    named = {(p.a.label(), p.b.label()) for p in planned.compared}
    # Three parts with the target, with two test temperatures, and 2 x 2 of the target.
    assert len(named) == len(planned.compared) == 3 + 3 * 2 + 4


def test_a_part_of_the_source_is_not_confused_with_a_target_subset():
    planned = plan(resolve(load_suite("smoke", [PARTS, DISTANCES])))
    covered = [j.settings for j in planned.jobs.values() if j.kind == "coverage"]
    shares = {each.source and each.source.share for each in covered}
    assert shares == {None, 1.0, 0.5}


@pytest.mark.parametrize("name", suite_names())
def test_the_grid_of_a_study_has_the_models_that_are_planned(name):
    study = resolve(load_suite(name))
    planned = plan(study)
    simulated = [cell.model for cell in planned.simulated]
    # Those on further data sets are of the same models.
    cells = [c for c in planned.cells if c not in planned.simulated and c.data is None]
    assert list(study.grid) == [cell.model for cell in cells if cell.weights == "last"]
    assert [model for model in study.grid if study.is_simulated(model)] == simulated
