"""How a submission's page says its run can be repeated."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import COMMIT

from tlbench.board.reading import Entry, read_submission
from tlbench.board.site.boards import Member
from tlbench.board.site.pages import History, Writer, _submission_pages
from tlbench.board.site.reproduction import Reproduction
from tlbench.board.verification import Coverage


@pytest.fixture(scope="module")
def entry(results: Path) -> Entry:
    return read_submission(results / "quick" / "alpha")


def declaring(entry: Entry, **about: object) -> Entry:
    """Return a submission that says something else of itself."""
    return replace(entry, about=entry.about.model_copy(update=about))


def commands_of(entry: Entry) -> list[str]:
    return [
        *Reproduction(entry).installation,
        *Reproduction(entry).third_party,
        Reproduction(entry).run,
    ]


def page_of(entry: Entry, private: bool = False) -> str:
    history = History(Member(entry, Coverage(1, 1)), None, [Member(entry, Coverage(1, 1))])
    return next(_submission_pages(Writer(private), history))[1]


def test_the_commands_check_out_the_commit_and_run_the_suite(entry: Entry):
    assert commands_of(entry) == [
        "cp leaderboard/results/quick/alpha/suite.json ../alpha.json",
        f"git checkout {COMMIT}",
        "python -m pip install --editable . numpy==2.4.6 torch==2.13.0",
        "tlbench run ../alpha.json --device cpu --out runs/alpha",
    ]
    assert "In a clone" in Reproduction(entry).preparation


def test_without_a_commit_tlbench_is_installed_at_its_version(entry: Entry):
    jobs = [job.model_copy(update={"git_commit": None}) for job in entry.provenance]
    installed = replace(entry, provenance=jobs)
    assert commands_of(installed) == [
        "python -m pip install tlbench==0.1.0 numpy==2.4.6 torch==2.13.0",
        "tlbench run suite.json --device cpu --out runs/alpha",
    ]
    assert Reproduction(installed).preparation.startswith("With tlbench 0.1.0")
    assert "clone" not in Reproduction(installed).preparation


def test_of_a_private_submission_the_folder_with_its_cards_is_copied(entry: Entry):
    private = declaring(entry, private=True)
    assert commands_of(private)[0] == 'cp -r "$TLBENCH_BOARD/results/quick/alpha" ../alpha'
    assert Reproduction(private).run.startswith("tlbench run ../alpha/suite.json ")
    assert "TLBENCH_BOARD set to the folder of this board" in Reproduction(private).preparation


def test_a_plugin_is_installed_at_its_version_and_marked_as_code_of_others(entry: Entry):
    mine = declaring(
        entry,
        providers={"schnet": "tlbench-my-network 0.3.1"},
        plugins={"strategy": {"finetune": "other.package 1.0rc1"}},
    )
    assert Reproduction(mine).third_party == [
        "python -m pip install other.package==1.0rc1 tlbench-my-network==0.3.1"
    ]
    assert list(Reproduction(mine).packages.values()) == [
        ["strategy finetune"],
        ["backbone schnet"],
    ]
    assert not any("my-network" in line for line in Reproduction(mine).installation)
    page = page_of(mine)
    before, marked = page.split("Third-party code, not checked by the board.")
    assert "tlbench-my-network==0.3.1" in marked
    assert "pip install other.package" not in before
    assert marked.index("tlbench-my-network==0.3.1") < marked.index("tlbench run ")


def test_without_plugins_there_is_no_word_of_third_parties(entry: Entry):
    assert Reproduction(entry).packages == {}
    assert "hird-party" not in page_of(entry)


@pytest.mark.parametrize("version", ["0.3.1", "1!2.0", "1.0a1", "1.0.post1.dev2", "2.1+cu121.x"])
def test_versions_have_the_normal_form_of_pep_440(entry: Entry, version):
    mine = declaring(entry, providers={"schnet": f"My_Network.x {version}"})
    (line,) = Reproduction(mine).third_party
    assert shlex.split(line)[-1] == f"My_Network.x=={version}"


def test_data_files_without_an_address_are_to_be_brought(entry: Entry):
    origin = _Files({"a.xyz": _File("sub/a.xyz"), "b.xyz": _File(None)})
    mine = replace(entry, study=_Study([origin]))
    assert Reproduction(mine).data_files == ["sub/a.xyz"]
    assert Reproduction(entry).data_files == []


class _File:
    def __init__(self, path):
        self.path = path


class _Files:
    def __init__(self, files):
        self._files = files

    def data_files(self):
        return self._files


class _Study:
    def __init__(self, cards):
        self.cards = cards


def test_several_commits_are_said(entry: Entry):
    first, *rest = entry.provenance
    jobs = [first.model_copy(update={"git_commit": "a" * 40}), *rest]
    changed = replace(entry, provenance=jobs)
    assert f"git checkout {COMMIT}" in commands_of(changed)
    assert any("2 commits" in caution for caution in Reproduction(changed).cautions)
