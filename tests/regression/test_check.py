"""What a check says, and to whom."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from simulated_runs import numbers, place

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.regression.check import check, tolerances_of
from tlbench.regression.origins import Origin

ARMS = [("scratch", 1), ("finetune", 4)]
HOSTILE = "<b>x</b>|`rm`\n# [y](http://z)\x1b[31m]]>&amp;"


def values(factor=1.0, backbones=("schnet", "dimenetpp"), worse="schnet"):
    """Return two pairs of two arms; those of one backbone are multiplied."""
    return {
        place("force_mae", name, arm): {
            (0, 0): 100.0 * (factor if name == worse else 1),
            (1, 0): 110.0 * (factor if name == worse else 1),
        }
        for name in backbones
        for arm in ARMS
    }


def checked(run, baseline, exact=False, tolerances=None):
    return check(numbers(run), numbers(baseline), tolerances or {}, exact)


def failures(xml):
    """Return the names of the cases that failed."""
    return [case.get("name") for case in ET.fromstring(xml).iter("testcase") if len(case)]


def test_a_run_that_is_the_baseline_is_identical():
    found = checked(values(), values(), exact=True)
    assert not found.faults
    assert "All 8 numbers that both have are identical." in found.sentences()
    assert failures(found.junit()) == []
    assert found.markdown().startswith("**Passed.**")


def test_what_got_worse_is_named_and_nothing_else():
    found = checked(values(1.2), values())
    assert found.faults
    assert "schnet got worse" in found.headline()
    assert "dimenetpp" not in found.headline()
    assert failures(found.junit()) == [
        "schnet, all 2 places: force_mae",
        "schnet, scratch, N 1, Ge: force_mae",
        "schnet, finetune, N 4, Si → Ge: force_mae",
    ]
    suite = next(ET.fromstring(found.junit()).iter("testsuite"))
    assert (suite.get("tests"), suite.get("failures")) == ("6", "3")
    assert "× 1.200 (tolerance 10 %; confidence > 99.99 %)" in found.sentences()[1]
    assert "| schnet, all 2 places | force_mae |  | × 1.200 | 10 % |" in found.markdown()


def test_models_from_scratch_are_one_case_in_a_matrix():
    """They are recorded once for every source."""
    scratch = place("force_mae", "schnet", ("scratch", 4))
    both = {scratch: {(0, 0): 100.0}, scratch._replace(source="Li"): {(0, 0): 100.0}}
    worse = {each: {(0, 0): 130.0} for each in both}
    assert failures(checked(worse, both).junit()).count("schnet, scratch, N 4, Ge: force_mae") == 1


def test_what_is_missing_from_the_run_is_a_fault_and_what_is_new_is_not():
    found = checked(values(backbones=["schnet"]), values())
    assert found.faults
    assert failures(found.junit()) == [
        f"missing: dimenetpp, {arm}: 2 numbers (force_mae)"
        for arm in ("scratch, N 1, Ge", "finetune, N 4, Si → Ge")
    ]
    assert "4 numbers are missing" in found.headline()
    new = checked(values(), values(backbones=["schnet"]))
    assert not new.faults
    assert any("4 numbers of the run are not in the baseline" in line for line in new.sentences())


def test_one_missing_seed_is_missing():
    run = values()
    run[place("force_mae", "schnet", ARMS[0])].pop((1, 0))
    assert "1 number is missing" in checked(run, values()).headline()


def test_the_last_bit_counts_if_asked_for():
    run = values()
    run[place("force_mae", "schnet", ARMS[0])][0, 0] += 1e-12
    assert not checked(run, values()).faults
    found = checked(run, values(), exact=True)
    assert failures(found.junit()) == ["identical to the baseline"]
    assert "1 of 8 numbers changed: schnet, scratch, N 1, Ge: 1 number" in found.markdown()


def test_why_last_digits_may_differ_is_said():
    origin = Origin(
        device="cpu", device_name="A", threads=1, python="3.11.7", packages={"torch": "2"},
        git_commit=None, git_dirty=None,
    )  # fmt: skip
    other = origin.model_copy(update={"device_name": "B"})

    def said(run, baseline):
        runs = (
            replace(numbers(values(1.01)), origins=run),
            replace(numbers(values()), origins=baseline),
        )
        return " ".join(check(*runs, {}, exact=False).sentences())

    assert "should be the same to the last bit unless the code changed" in said(
        (origin,), (origin,)
    )
    assert "may differ from the baseline's: device A here, B there" in said((origin,), (other,))
    assert "several machines" in said((origin, other), (origin, other))
    assert "where they come from is not known" in said((), ())
    assert "device A here, unknown there" in said((origin,), ())


def test_how_little_is_known_of_noise_is_said():
    def said(pairs):
        before = {where: dict.fromkeys(pairs, 100.0) for where in values()}
        after = {where: dict.fromkeys(pairs, 101.0) for where in values()}
        return " ".join(checked(after, before).sentences())

    both, one_seed = "schnet and dimenetpp", "have one init seed"
    assert f"All models of {both} {one_seed}" in said([(0, 0), (1, 0)])
    assert one_seed not in said([(0, 0), (0, 1)])
    noise = "The noise of schnet (force_mae) and dimenetpp (force_mae) cannot be estimated"
    assert noise in said([(0, 0)])


def test_tolerances_are_of_metrics_that_are_compared():
    assert checked(values(1.05), values(), tolerances={"force_mae": 0.01}).faults
    with pytest.raises(InputError, match=r"share no numbers of this metric; .* force_mae"):
        checked(values(), values(), tolerances={"energy_mae": 0.1})
    with pytest.raises(UnknownNameError, match="did you mean 'force_mae'"):
        checked(values(), values(), tolerances={"force_mea": 0.1})


@pytest.mark.parametrize(
    "text", ["force_mae", "force_mae=", "force_mae=-1", "force_mae=nan", "a=inf"]
)
def test_a_tolerance_is_a_number_from_0_on(text):
    with pytest.raises(InputError, match="write it as METRIC=VALUE"):
        tolerances_of([text])
    assert tolerances_of(["force_mae=0.2", "energy_mae=0"]) == {"force_mae": 0.2, "energy_mae": 0}


@pytest.fixture
def hostile():
    """Return a check that fails, in which every name that a record may have is hostile."""
    own = place("force_mae", HOSTILE, (HOSTILE, 1))._replace(
        source=HOSTILE, source_part=HOSTILE, target=HOSTILE
    )
    under = own._replace(condition=((HOSTILE, HOSTILE),))
    before = {each: {(0, 0): 1.0, (1, 0): 1.1} for each in (own, under)}
    after = {each: {pair: 2 * v for pair, v in found.items()} for each, found in before.items()}
    lost = {own._replace(size=7): {(0, 0): 1.0}}
    run = replace(numbers(after), suite=HOSTILE, name=HOSTILE)
    baseline = replace(numbers({**before, **lost}), suite=HOSTILE, digest=HOSTILE)
    return check(run, baseline, {}, exact=True)


def test_hostile_names_do_nothing_in_xml(hostile):
    root = ET.fromstring(hostile.junit())
    assert {e.tag for e in root.iter()} == {
        "testsuites", "testsuite", "testcase", "failure", "system-out",
    }  # fmt: skip
    assert len(failures(hostile.junit())) == len(hostile.faults) == 4
    shown = HOSTILE.replace("\n", "\ufffd").replace("\x1b", "\ufffd")
    assert any(shown in name for name in failures(hostile.junit()))


def test_hostile_names_do_nothing_in_markdown(hostile):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(hostile.markdown())
    inline = [child.type for token in tokens for child in token.children or ()]
    assert set(inline) <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    assert {token.type.rsplit("_", 1)[0] for token in tokens} <= {
        "paragraph", "bullet_list", "list_item", "inline",
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    rows = [line for line in hostile.markdown().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(hostile.worse)


def test_hostile_names_do_nothing_on_the_terminal(hostile):
    assert all(line.isprintable() for line in hostile.sentences())
