"""A program that sees whether building a backbone of another package leaves traces."""

STATE = """
import logging, os, random, sys, torch, numpy, warnings, e3nn.o3, pandas, ase.data, scipy.stats
import sklearn  # which has filters of its own
def state():
    flags = (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark,
        torch.multiprocessing.get_sharing_strategy(), len(warnings.filters),
        len(logging.root.handlers), logging.root.level, e3nn.get_optimization_defaults(),
        sorted(os.environ.items()))
    return flags, random.getstate(), numpy.random.get_state()[1].tolist()
name, settings = sys.argv[1], eval(sys.argv[2])
before = state()
torch.manual_seed(7)
drawn = torch.get_rng_state()
from tlbench.models.backbones import BACKBONES
config = BACKBONES.get(name)
__import__(config.__module__ + '.model')
assert torch.equal(torch.get_rng_state(), drawn)
from tlbench.models.potential import build_potential
build_potential(name, settings)
after = state()
for one, other in zip(before, after):
    assert one == other, (one, other)
print('unchanged')
"""
"""Source of a program whose arguments are the name and the settings of a backbone."""
