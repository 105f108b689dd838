"""An interrupted run goes on from its checkpoint and ends in the same bits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import save_file

from tlbench.models.potential import Potential
from tlbench.training import loop
from tlbench.training.checkpoint import CURVE_FORMAT, Curve, load_checkpoint, save_checkpoint
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import CHECKPOINT, train
from tlbench.transfer.scratch import SCRATCH

UPDATES = 9
CONFIG = TrainingConfig(
    updates=UPDATES,
    batch_size=2,
    learning_rate=1e-2,
    loss={"forces": 1.0, "energy": 0.1},
    validation_points=3,
)

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)


class Interrupted(Exception):  # noqa: N818  # as KeyboardInterrupt
    pass


class Watch:
    """Notes the updates that are done, and stops the run after one of them."""

    def __init__(self, stop_at: int | None = None, then: Callable[[int], None] | None = None):
        self.seen: list[int] = []
        self.stop_at = stop_at
        self.then = then

    def __call__(self, done: int, total: int, loss: float) -> None:
        assert total == UPDATES
        self.seen.append(done)
        if self.then is not None:
            self.then(done)
        if done == self.stop_at:
            raise Interrupted


def run(
    backbone: str, folder: Path, watch: Watch | None = None, seed: int = 0
) -> tuple[Potential, Curve]:
    folder.mkdir(exist_ok=True)
    potential = tiny.potential(backbone, seed)
    data = tiny.labelled(tiny.crystals("Si", 5), potential)
    validation = tiny.labelled(tiny.crystals("Si", 2, seed=1), potential)
    curve = train(potential, SCRATCH, data, validation, CONFIG, 3, folder, watch or Watch())
    return potential, curve


def interrupt(backbone: str, folder: Path, after: int, seed: int = 0) -> None:
    with pytest.raises(Interrupted):
        run(backbone, folder, Watch(stop_at=after), seed)


def assert_same_end(found: tuple[Potential, Curve], expected: tuple[Potential, Curve]) -> None:
    (potential, curve), (undisturbed, undisturbed_curve) = found, expected
    weights = potential.backbone.state_dict()
    for name, tensor in undisturbed.backbone.state_dict().items():
        assert torch.equal(weights[name], tensor), name
    ours, theirs = potential.reference_energy, undisturbed.reference_energy
    assert torch.equal(ours.isfinite(), theirs.isfinite())
    assert torch.equal(ours[14], theirs[14])
    assert curve == undisturbed_curve


@pytest.fixture(autouse=True)
def _at_every_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Potential, Curve]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return {backbone: run(backbone, folder / backbone) for backbone in tiny.BACKBONES}


@every_backbone
@pytest.mark.parametrize("after", [1, 3, 4, 8, UPDATES])
def test_a_resumed_run_ends_in_the_same_bits(backbone, after, tmp_path, undisturbed):
    interrupt(backbone, tmp_path, after)
    watch = Watch()

    # Other random weights: everything should come from the checkpoint.
    found = run(backbone, tmp_path, watch, seed=1)

    assert watch.seen == list(range(after + 1, UPDATES + 1))
    assert_same_end(found, undisturbed[backbone])


@every_backbone
def test_a_run_may_be_interrupted_again_and_again(backbone, tmp_path, undisturbed):
    interrupt(backbone, tmp_path, after=2)
    for after in (5, 6):
        interrupt(backbone, tmp_path, after, seed=after)
    assert_same_end(run(backbone, tmp_path, seed=1), undisturbed[backbone])


def test_updates_after_the_last_checkpoint_are_done_again(tmp_path, undisturbed, monkeypatch):
    def no_more_checkpoints(done: int) -> None:
        if done == 3:
            monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 1e9)

    with pytest.raises(Interrupted):
        run("schnet", tmp_path, Watch(stop_at=6, then=no_more_checkpoints))
    watch = Watch()
    found = run("schnet", tmp_path, watch, seed=1)

    assert watch.seen == list(range(4, UPDATES + 1))
    assert_same_end(found, undisturbed["schnet"])


def test_checkpoints_are_written_only_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 1e9)
    interrupt("schnet", tmp_path, after=8)
    assert not list(tmp_path.iterdir())


def test_a_finished_run_leaves_no_checkpoint(tmp_path):
    run("schnet", tmp_path)
    assert not list(tmp_path.iterdir())


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def with_a_flipped_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)


def without_its_digest(path: Path) -> None:
    """As earlier versions left it."""
    path.write_bytes(path.read_bytes()[:-32])


def of_another_kind(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def without_weights(path: Path) -> None:
    potential = tiny.potential()
    optimiser = torch.optim.Adam(potential.backbone.parameters())
    potential.backbone = torch.nn.Linear(1, 1)
    save_checkpoint(path, potential, optimiser, 4, Curve())


def of_another_backbone(path: Path) -> None:
    path.unlink()
    interrupt("schnet" if path.parent.name == "dimenetpp" else "dimenetpp", path.parent, after=4)


@every_backbone
@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        cut_in_the_header,
        emptied,
        zeroed,
        with_a_flipped_bit,
        without_its_digest,
        of_another_kind,
        without_weights,
        of_another_backbone,
    ],
)
def test_an_unusable_checkpoint_is_ignored(backbone, damage, tmp_path, undisturbed):
    folder = tmp_path / backbone
    folder.mkdir()
    interrupt(backbone, folder, after=5)
    damage(folder / CHECKPOINT)
    watch = Watch()

    found = run(backbone, folder, watch)

    assert watch.seen == list(range(1, UPDATES + 1))
    assert_same_end(found, undisturbed[backbone])


def test_a_write_that_fails_leaves_the_older_checkpoint(tmp_path, undisturbed):
    interrupt("schnet", tmp_path, after=4)
    # What a crash during the next write leaves behind.
    part = tmp_path / f"{CHECKPOINT}".replace(".checkpoint", ".part")
    part.write_bytes((tmp_path / CHECKPOINT).read_bytes()[:1000])
    watch = Watch()

    assert_same_end(run("schnet", tmp_path, watch), undisturbed["schnet"])
    assert watch.seen[0] == 5


def test_a_checkpoint_holds_the_state_of_the_optimiser(tmp_path):
    potential = tiny.potential()
    optimiser = torch.optim.Adam(potential.backbone.parameters(), lr=0.1)
    data = tiny.labelled(tiny.crystals("Si", 2), potential)
    for _ in range(3):
        optimiser.zero_grad()
        potential.backbone(data.graphs.batch([0, 1])).square().sum().backward()
        optimiser.step()
    curve = Curve(loss=[0.1, 0.2, 0.30000000000000004], validation=[(2, 1e-17)])
    save_checkpoint(tmp_path / "c", potential, optimiser, 3, curve)

    other = tiny.potential(seed=1)
    fresh = torch.optim.Adam(other.backbone.parameters(), lr=0.1)
    assert load_checkpoint(tmp_path / "c", other, fresh) == (3, curve)

    saved, loaded = optimiser.state_dict()["state"], fresh.state_dict()["state"]
    assert saved.keys() == loaded.keys()
    for index, state in saved.items():
        for name, value in state.items():
            assert torch.equal(loaded[index][name], value)


def test_a_curve_is_written_as_json(tmp_path):
    CURVE_FORMAT.write(tmp_path / "curve.json", Curve(loss=[2.0, 1.5], validation=[(2, 31.25)]))
    written = json.loads((tmp_path / "curve.json").read_text())
    assert written == {"format": 1, "loss": [2.0, 1.5], "validation": [[2, 31.25]]}
