"""What fine-tuning makes of errors on the data of a start, in words."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_up_advice import DESIGN, GAIN, PAIRS, SIZE, row, said
from scipy.stats import binom

from tlbench.advice.answer import Answer
from tlbench.advice.forgetting import forgetting_sentences
from tlbench.advice.section import advice_section
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.forgetting.retention import Retained


def forgotten(factors, before=50.0, row_=None, n_pairs=PAIRS, names=("Si",), has=("Si",)):
    """Return an answer of which starts have, on their own data, errors times each factor."""
    scratch = {SIZE: row(np.linspace(99, 101, PAIRS))}
    starts = {name: {SIZE: row_ or row(np.linspace(79, 81, PAIRS), name)} for name in names}
    retained = {}
    for name in has:
        errors = {(n, n): before * factors[n] for n in range(n_pairs)}
        ratio = ratio_of([math.log(f) for f in factors[:n_pairs]])
        mean = math.exp(np.mean([math.log(e) for e in errors.values()]))
        retained[name] = Retained(starts[name][SIZE], "sw-si-8", mean, ratio)
    design = replace(DESIGN, starts=names, sizes=(SIZE,))
    return Answer(scratch, starts, design, retained=retained)


def test_forgetting_is_stated_with_the_errors_before_and_after():
    answer = forgotten([4.0, 4.1, 3.9, 4.0, 4.05])
    (sentence,) = forgetting_sentences(answer)
    assert re.fullmatch(
        r"Fine-tuning from Si forgets: the force error on its data rises from 50\.0 to 200\.\d "
        r"meV/Å, 4\.01 \[3\.9\d, 4\.1\d\] times what it was\.",
        sentence,
    )
    text = " ".join(advice_section(answer).sentences)
    assert sentence in text
    assert text.endswith("and learning rates other than the one of all starts.")
    (lower,) = forgetting_sentences(forgotten([0.5, 0.51, 0.49, 0.5, 0.5]))
    assert lower.startswith("Fine-tuning from Si also lowers the force error on its data: from 50")


@pytest.mark.parametrize(
    ("factors", "n_pairs"), [([0.7, 1.5, 1.4, 0.8, 1.1], 5), ([4.0, 4.1, 3.9, 4.0, 4.05], 4)]
)
def test_no_forgetting_is_claimed_by_chance_or_from_four_pairs(factors, n_pairs):
    (sentence,) = forgetting_sentences(forgotten(factors, n_pairs=n_pairs))
    assert sentence.startswith("Fine-tuning from Si is not shown to forget: the force error on its")


def test_starts_of_which_forgetting_is_unknown_are_named_as_not_tested():
    answer = forgotten([4.0] * PAIRS, names=("Si", "SevenNet-0"))
    last = advice_section(answer).sentences[-1]
    assert last == (
        "Not tested: stability in molecular dynamics, learning rates other than the one of all "
        "starts and what fine-tuning makes SevenNet-0 forget."
    )
    assert "what fine-tuning makes models forget" in said(GAIN)[1]


def test_simulated_studies_without_forgetting_claim_it_at_half_the_level():
    rng, studies, claims = np.random.default_rng(8), 1000, 0
    for _ in range(studies):
        factors = [*np.exp(rng.normal(0, 0.1, PAIRS))]
        (sentence,) = forgetting_sentences(forgotten(factors))
        claims += "forgets" in sentence
    assert claims <= binom.ppf(0.999, studies, 0.025)
