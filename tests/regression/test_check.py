"""What a check says, and to whom."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from simulated_runs import place, side

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.regression.check import check, tolerances_of
from tlbench.regression.origins import Origin
from tlbench.regression.output import junit, markdown, sentences

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
    return check(side(run), side(baseline), tolerances or {}, exact)


def failures(xml):
    """Return the names of the cases that failed."""
    return [case.get("name") for case in ET.fromstring(xml).iter("testcase") if len(case)]


def test_a_run_that_is_the_baseline_is_identical():
    found = checked(values(), values(), exact=True)
    assert found.passed
    assert "All 8 numbers that both have are identical." in sentences(found)
    assert failures(junit(found)) == []
    assert markdown(found).startswith("**Passed.**")


def test_what_got_worse_is_named_and_nothing_else():
    found = checked(values(1.2), values())
    assert not found.passed
    assert "schnet got worse" in found.headline()
    assert "dimenetpp" not in found.headline()
    assert failures(junit(found)) == [
        "schnet, all 2 places: force_mae",
        "schnet, scratch, N 1, Ge: force_mae",
        "schnet, finetune, N 4, Si → Ge: force_mae",
    ]
    suite = next(ET.fromstring(junit(found)).iter("testsuite"))
    assert (suite.get("tests"), suite.get("failures")) == ("6", "3")
    assert "× 1.200 (tolerance 10 %; confidence > 99.99 %)" in sentences(found)[1]
    assert "| schnet, all 2 places | force_mae |  | × 1.200 | 10 % |" in markdown(found)


def test_models_from_scratch_are_one_case_in_a_matrix():
    """They are recorded once for every source."""
    scratch = place("force_mae", "schnet", ("scratch", 4))
    both = {scratch: {(0, 0): 100.0}, scratch._replace(source="Li"): {(0, 0): 100.0}}
    worse = {each: {(0, 0): 130.0} for each in both}
    assert failures(junit(checked(worse, both))).count("schnet, scratch, N 4, Ge: force_mae") == 1


def test_what_is_missing_from_the_run_is_a_fault_and_what_is_new_is_not():
    found = checked(values(backbones=["schnet"]), values())
    assert not found.passed
    assert failures(junit(found)) == [
        f"missing: dimenetpp, {arm}: 2 numbers (force_mae)"
        for arm in ("scratch, N 1, Ge", "finetune, N 4, Si → Ge")
    ]
    assert "4 numbers are missing" in found.headline()
    new = checked(values(), values(backbones=["schnet"]))
    assert new.passed
    assert any("4 numbers of the run are not in the baseline" in line for line in sentences(new))


def test_one_missing_seed_is_missing():
    run = values()
    run[place("force_mae", "schnet", ARMS[0])].pop((1, 0))
    assert "1 number is missing" in checked(run, values()).headline()


def test_the_last_bit_counts_if_asked_for():
    run = values()
    run[place("force_mae", "schnet", ARMS[0])][0, 0] += 1e-12
    assert checked(run, values()).passed
    found = checked(run, values(), exact=True)
    assert failures(junit(found)) == ["identical to the baseline"]
    assert "1 of 8 numbers changed: schnet, scratch, N 1, Ge: 1 number" in markdown(found)


def test_why_last_digits_may_differ_is_said():
    origin = Origin(
        device="cpu", device_name="A", threads=1, python="3.11.7", packages={"torch": "2"},
        git_commit=None, git_dirty=None,
    )  # fmt: skip
    other = origin.model_copy(update={"device_name": "B"})

    def said(run, baseline):
        sides = replace(side(values(1.01)), origins=run), replace(side(values()), origins=baseline)
        return " ".join(sentences(check(*sides, {}, exact=False)))

    assert "should be the same to the last bit unless the code changed" in said(
        (origin,), (origin,)
    )
    assert "may differ from the baseline's: device A here, B there" in said((origin,), (other,))
    assert "several machines" in said((origin, other), (origin, other))
    assert "where they come from is not known" in said((), ())
    assert "device A here, unknown there" in said((origin,), ())


def test_tolerances_are_of_metrics_that_are_compared():
    assert not checked(values(1.05), values(), tolerances={"force_mae": 0.01}).passed
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
    run = replace(side(after), suite=HOSTILE, name=HOSTILE)
    baseline = replace(side({**before, **lost}), suite=HOSTILE, suite_digest=HOSTILE)
    return check(run, baseline, {}, exact=True)


def test_hostile_names_do_nothing_in_xml(hostile):
    root = ET.fromstring(junit(hostile))
    assert {e.tag for e in root.iter()} == {
        "testsuites", "testsuite", "testcase", "failure", "system-out",
    }  # fmt: skip
    assert len(failures(junit(hostile))) == len(hostile.faults) == 4
    shown = HOSTILE.replace("\n", "\ufffd").replace("\x1b", "\ufffd")
    assert any(shown in name for name in failures(junit(hostile)))


def test_hostile_names_do_nothing_in_markdown(hostile):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown(hostile))
    inline = [child.type for token in tokens for child in token.children or ()]
    assert set(inline) <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    assert {token.type.rsplit("_", 1)[0] for token in tokens} <= {
        "paragraph", "bullet_list", "list_item", "inline",
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    rows = [line for line in markdown(hostile).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(hostile.verdicts.worse)


def test_hostile_names_do_nothing_on_the_terminal(hostile):
    assert all(line.isprintable() for line in sentences(hostile))
