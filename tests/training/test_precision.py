"""TF32 is allowed where it is asked for, subnormal numbers are zero in jobs; nowhere else."""

import subprocess
import sys

import pytest
import tiny
import torch

from tlbench.training.config import TrainingConfig
from tlbench.training.precision import tensor_float_32


def state():
    return (
        torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
    )


def tiny_number_is_kept():
    return bool(torch.tensor(1e-30) * 1e-9)


@pytest.fixture(autouse=True)
def _as_it_was():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize("before", ["highest", "high", "medium"])
def test_what_was_allowed_before_is_allowed_afterwards(before):
    torch.set_float32_matmul_precision(before)
    outside = state()
    with tensor_float_32(True):
        assert state() == ("high", True, True)
        with tensor_float_32(False):
            assert state() == ("highest", False, False)
    assert state() == outside
    with pytest.raises(KeyError), tensor_float_32(True):
        raise KeyError
    assert state() == outside


def test_it_is_off_unless_a_suite_says_so_and_only_for_single_precision():
    assert not TrainingConfig(updates=1).tf32
    assert TrainingConfig(updates=1, tf32=True).tf32
    with pytest.raises(ValueError, match="tf32 rounds float32, but dtype is float64"):
        TrainingConfig(updates=1, tf32=True, dtype="float64")


def test_a_worker_forbids_it_before_each_job():
    # Elsewhere than in the process of the tests, as more is settled than this.
    code = (
        "import torch; from tlbench.jobs.context import settle_process\n"
        "torch.set_float32_matmul_precision('medium')\n"
        "assert torch.backends.cudnn.allow_tf32\n"
        "settle_process('speed', {})\n"
        "assert torch.get_float32_matmul_precision() == 'highest'\n"
        "assert not torch.backends.cuda.matmul.allow_tf32\n"
        "assert not torch.backends.cudnn.allow_tf32\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_subnormal_numbers_are_zero_in_a_job_and_in_a_force_call_and_nowhere_else():
    """Updates of CHGNet's published weights took twice as long with them as without."""
    code = (
        "import torch; from tlbench.jobs.context import settle_process\n"
        "tiny = torch.tensor(1e-30)\n"
        "assert tiny * 1e-9 > 0\n"
        "settle_process('speed', {})\n"
        "assert tiny * 1e-9 == 0\n"
        "assert torch.tensor(1e-300, dtype=torch.float64) * 1e-9 == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from tlbench.models.calculator import PotentialCalculator

    assert tiny_number_is_kept()
    potential, seen = tiny.potential("schnet"), []
    potential.backbone.register_forward_hook(lambda *_: seen.append(tiny_number_is_kept()))
    atoms = tiny.crystals("Si", 1).to_ase()[0]
    atoms.calc = PotentialCalculator(potential)
    with pytest.warns(UserWarning, match="does not say which elements"):
        atoms.get_forces()
    assert seen == [False]
    assert tiny_number_is_kept()


def test_a_potential_that_is_loaded_changes_nothing_of_a_users_process(tmp_path):
    from tlbench.models.calculator import PotentialCalculator
    from tlbench.models.potential import load_potential

    tiny.potential("schnet").save(tmp_path / "a.safetensors")
    torch.set_float32_matmul_precision("medium")
    outside = state(), torch.get_default_dtype(), torch.get_num_threads()
    atoms = tiny.crystals("Si", 1).to_ase()[0]
    atoms.calc = PotentialCalculator(load_potential(tmp_path / "a.safetensors"))
    with pytest.warns(UserWarning, match="does not say which elements"):
        atoms.get_forces()
    assert (state(), torch.get_default_dtype(), torch.get_num_threads()) == outside
