"""Rows say whether what they compare is tuned."""

import pytest
from synthetic import publish
from tuned_arms import ARM, given

from tlbench.board.reading import read_submission
from tlbench.board.site.boards import Member, boards_of
from tlbench.board.site.build import build_site
from tlbench.board.site.exports import OF_ROWS
from tlbench.board.site.rows import board_rows
from tlbench.board.site.tuning import tuning_of
from tlbench.board.verification import Coverage
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place

PRETRAIN = [ARM | {"updates": 90}]
EARLIER = [ARM | {"updates": 30}]
"""Settings of source models that no target model starts from."""

SETTINGS = [
    ("backbones", "{schnet: {}}"),
    ("strategies", "[scratch, finetune, zero-shot]"),
    ("sizes", "[1, 4]"),
    ("budgets", "[20, 60]"),
    ("pretraining_budgets", "[30, 90]"),
    ("training", "{}"),
    ("pretraining", "{}"),
]


@pytest.mark.parametrize(
    ("tuned", "strategy", "found"),
    [
        ({}, "finetune", "no"),
        ({"pretrain": PRETRAIN}, "scratch", "no"),
        ({"pretrain": PRETRAIN}, "finetune", "partly"),
        ({"pretrain": EARLIER}, "finetune", "no"),
        ({"finetune": [ARM]}, "finetune", "partly"),
        ({"pretrain": PRETRAIN, "finetune": [ARM]}, "finetune", "partly"),
        ({"pretrain": PRETRAIN, "finetune": [ARM], "scratch": [ARM]}, "finetune", "yes"),
        ({"pretrain": PRETRAIN, "scratch": [ARM]}, "zero-shot", "yes"),
        ({"scratch": [ARM]}, "scratch", "yes"),
        ({"scratch": [ARM | {"sizes": [1], "size": 1}]}, "scratch", "no"),
        ({"scratch": [ARM | {"updates": 20}]}, "scratch", "no"),
    ],
)
def test_an_arm_is_tuned_if_its_source_models_and_scratch_are(tuned, strategy, found):
    settings = list(SETTINGS)
    if tuned:
        settings.append(("tuned", given(**tuned).model_dump_json()))
    suite = load_suite("smoke", settings)
    assert tuning_of(suite, Place("schnet", strategy, 4, updates=60), "Si") == found
    other = [{**each, "source": "Li"} for each in tuned.get("finetune", [])]
    if other and strategy == "finetune":
        settings[-1] = ("tuned", given(**{**tuned, "finetune": other}).model_dump_json())
        suite = load_suite("smoke", settings)
        assert tuning_of(suite, Place("schnet", strategy, 4, updates=60), "Si") != "yes"


def test_what_is_tuned_has_a_column(tmp_path):
    tuned = given(finetune=[ARM]).model_dump_json()
    for number, some in enumerate([SETTINGS, [*SETTINGS, ("tuned", tuned)]]):
        results = tmp_path / str(number) / "results"
        folder = publish(results, "mine", "smoke", some)
        (board,) = boards_of([Member(read_submission(folder), Coverage(1, 1))])
        found = {(row.place.strategy, OF_ROWS["tuned"](row)) for row in board_rows(board)}
        state = "partly" if number else "no"
        assert found == {("scratch", "no"), ("finetune", state), ("zero-shot", "no")}
        build_site(results, tmp_path / str(number) / "site")
        page = (tmp_path / str(number) / "site" / board.folder / "index.html").read_text()
        assert ('data-column="tuned"' in page) == bool(number)
