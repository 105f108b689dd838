"""How much work jobs are, counted from their settings and the sizes of their data."""

from dataclasses import replace

import pytest

from tlbench.jobs import dataset, reference, train
from tlbench.jobs.amount import CALL, UPDATE, Amount, Facts, Sizes
from tlbench.jobs.base import KINDS, amount_of
from tlbench.md.protocol import Protocol
from tlbench.study.loading import load_suite
from tlbench.study.models import plan
from tlbench.study.study import resolve

SIZES = Sizes(
    frames={"train": 12, "validation": 4, "test": 8},
    atoms=dict.fromkeys(("train", "validation", "test"), 8.0),
    at={("train", 600.0): 6, ("train", 1800.0): 6},
)


@pytest.fixture(scope="module")
def trained():
    settings = [("distances", "{resamples: 20}"), ("source_parts", "[{temperatures_k: [600]}, {}]")]
    return plan(resolve(load_suite("smoke", settings))).jobs


@pytest.fixture(scope="module")
def planned(trained):
    return trained | plan(resolve(load_suite("stability-sw-cpu"))).jobs


def amounts(planned, kind, sizes=SIZES):
    jobs = [job for job in planned.values() if job.kind == kind]
    return {j.label: amount_of(j, planned.get, lambda key: sizes) for j in jobs}


def test_every_kind_counts_its_work(planned):
    for kind in KINDS:
        assert all(found.number > 0 for found in amounts(planned, kind).values()), kind


def test_without_the_sizes_of_data_nothing_is_counted_that_depends_on_them(planned):
    unknown = {k for k in KINDS if None in amounts(planned, k, sizes=None).values()}
    assert unknown == {"train", "evaluate", "environments", "distance", "coverage", "geometry"}


def test_training_is_counted_in_force_calls(trained):
    found = amounts(trained, "train")
    schnet = found["finetune schnet, N 4, 20 updates, seed 0/0 on Ge from Si"]
    config = next(j.settings for j in trained.values() if "finetune schnet, N 4, 20" in j.label)
    batch = min(config.training.batch_size, 4)
    calls = UPDATE * config.training.updates
    times = 2 if config.best else 1
    evaluated = times * 4 * 8 + config.training.validation_points * 4 * 8
    assert schnet == Amount(calls * (batch * 8 + CALL) + evaluated, config.rate)
    other = found["finetune dimenetpp, N 4, 20 updates, seed 0/0 on Ge from Si"]
    assert other == replace(schnet, rate=other.rate)
    assert other.rate != schnet.rate
    # Six of twelve structures are of 600 K.
    pretrained = next(j.settings for j in trained.values() if "pretrain schnet on Si," in j.label)
    part, whole = (
        found[f"pretrain schnet on Si{p}, seed 0, 60 updates"].number for p in (" (600 K)", "")
    )
    times = 2 if pretrained.best else 1
    assert part == whole - times * 6 * 8


def test_untrained_models_are_alike_whatever_their_data(planned):
    for label, found in amounts(planned, "train").items():
        assert (found.number == 1) == label.startswith("zero-shot")


def test_simulations_are_counted_in_atoms_and_steps(planned):
    job = next(job for job in planned.values() if job.kind == "simulate")
    start = planned[job.parents["reference"]].settings.start
    protocol = job.settings.protocol
    atoms = 8 * start["repeats"][0] * start["repeats"][1] * start["repeats"][2]
    found = amount_of(job, planned.get, lambda key: None)
    assert found.number == protocol.n_steps * (protocol.replicas * atoms + CALL)


def test_data_and_references_from_files_are_counted_in_structures():
    recipe = plan(resolve(load_suite("si-ge-dft"))).jobs
    job = next(job for job in recipe.values() if job.kind == "dataset")
    found = dataset.amount(job.settings, None)
    parts = job.settings.origin["split"]
    assert found == Amount(sum(part["frames"] for part in map(parts.get, SIZES.frames)), "mlearn")
    protocol = Protocol(temperature_k=300, time_ps=2)
    frames = reference.Config(protocol=protocol, element="Ge", start={"kind": "frames"})
    facts = Facts({}, {"data": SIZES})
    assert reference.amount(frames, facts) == Amount(24 * 8.0, "frames")


@pytest.mark.parametrize(("size", "watched"), [(None, 4), (1, 1), (3, 3), (9, 4)])
def test_validation_is_counted_on_the_structures_that_are_watched(trained, size, watched):
    job = next(j for j in trained.values() if "finetune schnet, N 4, 20" in j.label)
    points = job.settings.training.validation_points

    def amount(validation_size):
        config = job.settings.model_copy(update={"validation_size": validation_size})
        return train.amount(config, Facts({}, {"data": SIZES})).number

    assert amount(size) - amount(1) == pytest.approx(points * (watched - 1) * 8)
