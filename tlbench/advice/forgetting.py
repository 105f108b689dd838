"""What fine-tuning makes of the errors of starts on the data that they were pretrained on."""

from collections.abc import Iterator, Mapping

from tlbench.advice.answer import Answer
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import holm
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.claims import CLAIM_PAIRS, difference
from tlbench.report.forgetting.retention import Retained
from tlbench.report.wording import interval_text, n_pairs_text


def forgetting_sentences(answer: Answer) -> Iterator[str]:
    """Yield for each data set that is started from how the force error on it has changed.

    That it rises or falls is claimed by the rules of starts, after Holm's correction for all data
    sets. Errors are those of the last weights.
    """
    p = _p_values(answer.retained)
    best = {each.name for each in answer.starts if each.row.tested == BEST}
    for name, each in answer.retained.items():
        ratio = each.ratio
        said = {
            "higher": f"Fine-tuning from {name} forgets: the force error on its data rises",
            "lower": f"Fine-tuning from {name} also lowers the force error on its data:",
            "same": f"Fine-tuning from {name} is not shown to forget: the force error on its data "
            "changes",
        }[difference(ratio, p.get(name))]
        text = METRICS.get(each.target.metric).text
        times = interval_text(ratio.interval) or f"({n_pairs_text(ratio.n_pairs)})"
        yield (
            f"{said} from {text(each.error / ratio.value)} to {text(each.error)} meV/Å, "
            f"{ratio.value:.2f} {times} times what it was"
            f"{', with the last weights' if name in best else ''}."
        )


def unmeasured_forgetting(answer: Answer) -> list[str]:
    """Return of which starts it is not known what fine-tuning makes them forget."""
    return [name for name in answer.design.starts if name not in answer.retained]


def _p_values(retained: Mapping[str, Retained]) -> dict[str, float]:
    known = {name: each.ratio for name, each in retained.items()}
    return holm(
        {
            name: ratio.p
            for name, ratio in known.items()
            if ratio.p is not None and ratio.n_pairs >= CLAIM_PAIRS
        }
    )
