"""How a target model starts and which of its parameters train."""

from tlbench.registry import Registry
from tlbench.transfer.strategy import Strategy

STRATEGIES: Registry[Strategy] = Registry("strategy", group="tlbench.strategies")
STRATEGIES.register("scratch", "tlbench.transfer.scratch:SCRATCH")
STRATEGIES.register("finetune", "tlbench.transfer.finetune:FINETUNE")
STRATEGIES.register("zero-shot", "tlbench.transfer.zero_shot:ZERO_SHOT")
