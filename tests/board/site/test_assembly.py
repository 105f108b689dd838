"""A submission that cannot be shown is left out alone, whatever goes wrong, and it is said."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from synthetic import publish
from typer.testing import CliRunner

from tlbench.board.checks.trust import Trust
from tlbench.board.reading import Entry
from tlbench.board.site import assembly, headline, pages
from tlbench.board.site.assembly import Assembly
from tlbench.board.site.boards import Board, Member
from tlbench.board.site.build import build_site
from tlbench.board.site.headline import Published
from tlbench.board.site.pages import History
from tlbench.board.site.reproduction import Reproduction
from tlbench.board.site.rows import BoardRow
from tlbench.board.verification import verify_all
from tlbench.cli import app

SMALL = [
    ("sizes", "[10]"), ("by", "[]"), ("metrics", "[force_mae]"), ("dynamics", "null"),
    ("backbones", "{schnet: {}}"), ("subset_seeds", "[0]"), ("init_seeds", "[0]"),
    ("strategies", "[scratch, finetune]"), ("training_temperatures_k", "null"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures, which takes longer than all that is looked at here."""
    monkeypatch.setattr(pages, "figures_json", lambda sections: "{}")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd") / "results"
    for seed, name in enumerate(("alpha", "beta", "gamma")):
        created = f"2026-01-0{seed + 1}"
        publish(folder, name, settings=SMALL, seed=seed, created=created)
    publish(folder, "delta", "backbones-cpu", SMALL, seed=9)
    return folder


@pytest.fixture(scope="module")
def members(results: Path) -> list[Member]:
    found = [(v.entry, v.coverage) for v in verify_all(results)]
    return [Member(entry, coverage) for entry, coverage in found if entry and coverage]


def names_in(value: object) -> set[str]:
    """Return the submissions that something is made of."""
    if isinstance(value, Member):
        return {value.name}
    if isinstance(value, Entry):
        return {value.folder.name}
    if isinstance(value, Board):
        return {member.name for member in value.members}
    if isinstance(value, Published):
        return names_in(value.board)
    if isinstance(value, History):
        return names_in(value.member)
    if isinstance(value, BoardRow):
        return {value.submission}
    if isinstance(value, list | tuple):
        return {name for part in value for name in names_in(part)}
    return set()


def trusted(member: Member, trained: int, differing: int = 0) -> Member:
    """Return a member of which models were trained again."""
    member = replace(member)
    vars(member)["trust"] = Trust(trained, 0, differing, 6)
    return member


def break_for(monkeypatch, module, stage: str, wanted) -> None:
    """Let a stage fail if ``wanted`` says so of the names of the submissions that it is given."""
    original = getattr(module, stage)

    def broken(*arguments, **options):
        if wanted(names_in(arguments)):
            raise OverflowError("math range error")
        return original(*arguments, **options)

    monkeypatch.setattr(module, stage, broken)


STAGES = [
    (assembly, "board_rows"), (assembly, "front_pages"), (assembly, "board_pages"),
    (assembly, "board_json"), (assembly, "board_csv"), (assembly, "overview_table"),
    (headline, "headline_of"), (pages, "best_models"), (pages, "board_sections"),
    (pages, "files_of"), (pages, "_submission_pages"), (pages, "Reproduction"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "stage"), STAGES, ids=[stage.strip("_") for _, stage in STAGES])
def test_whatever_stage_fails_only_its_submission_is_left_out(members, monkeypatch, module, stage):
    break_for(monkeypatch, module, stage, lambda names: "beta" in names)
    made = Assembly().site(members)
    assert [failure.label for failure in made.failures] == ["quick/beta"]
    assert sorted(member.name for member in made.members) == ["alpha", "delta", "gamma"]
    assert "submissions/quick/alpha/index.html" in made.files
    assert "submissions/quick/beta/index.html" not in made.files
    front = made.files["index.html"].decode()
    assert "<bdi>quick/beta</bdi> cannot be shown because of an internal error" in front
    assert "OverflowError" in front
    assert b"beta" not in made.files["board.csv"]


@dataclass(frozen=True)
class Unspeakable(Reproduction):
    """Commands of which one cannot be encoded."""

    @property
    def run(self):
        return "\ud800" if self.entry.label == "quick/beta" else super().run


def test_a_page_that_cannot_be_written_leaves_out_its_submission(members, monkeypatch):
    monkeypatch.setattr(pages, "Reproduction", Unspeakable)
    (failure,) = Assembly().site(members).failures
    assert failure.label == "quick/beta"
    assert isinstance(failure.error, UnicodeEncodeError)


def test_of_two_that_only_fail_together_the_newer_is_left_out(members, monkeypatch):
    break_for(monkeypatch, assembly, "board_rows", lambda names: {"alpha", "gamma"} <= names)
    made = Assembly().site(members)
    assert [failure.label for failure in made.failures] == ["quick/gamma"]
    assert {"alpha", "beta", "delta"} == {member.name for member in made.members}


def test_of_two_that_only_fail_together_the_one_that_was_checked_stays(members, monkeypatch):
    break_for(monkeypatch, assembly, "board_rows", lambda names: {"alpha", "gamma"} <= names)
    checked = [trusted(m, 2) if m.name == "gamma" else m for m in members]
    assert [failure.label for failure in Assembly().site(checked).failures] == ["quick/alpha"]
    failed = [trusted(m, 1, differing=1) if m.name == "alpha" else m for m in members]
    assert [failure.label for failure in Assembly().site(failed).failures] == ["quick/alpha"]


def test_one_that_fails_beside_any_other_is_left_out_though_it_is_the_oldest(members, monkeypatch):
    break_for(
        monkeypatch, assembly, "board_rows", lambda names: "alpha" in names and len(names) > 1
    )
    made = Assembly().site(members)
    assert [failure.label for failure in made.failures] == ["quick/alpha"]


def test_where_each_fails_beside_each_other_the_oldest_stays(members, monkeypatch):
    break_for(
        monkeypatch,
        assembly,
        "board_rows",
        lambda names: len(names & {"alpha", "beta", "gamma"}) > 1,
    )
    made = Assembly().site(members)
    assert [failure.label for failure in made.failures] == ["quick/beta", "quick/gamma"]


def test_submissions_of_different_suites_that_fail_together_are_told_apart(members, monkeypatch):
    break_for(monkeypatch, assembly, "board_json", lambda names: {"beta", "delta"} <= names)
    made = Assembly().site(members)
    assert [failure.label for failure in made.failures] == ["quick/beta"]


def test_what_goes_wrong_without_any_submission_is_not_blamed_on_them(members, monkeypatch):
    break_for(monkeypatch, assembly, "board_csv", lambda names: True)
    with pytest.raises(OverflowError):
        Assembly().site(members)


def test_the_command_line_names_it_and_the_exit_code_is_1(results, tmp_path, monkeypatch):
    break_for(monkeypatch, assembly, "board_rows", lambda names: "beta" in names)
    arguments = ["board", "build", "--results", str(results), "--out", str(tmp_path / "site")]
    finished = CliRunner().invoke(app, arguments)
    assert finished.exit_code == 1
    assert (
        "left out: quick/beta cannot be shown because of an internal error of tlbench "
        "(OverflowError: math range error); please report it." in finished.stderr
    )
    assert (tmp_path / "site" / "submissions" / "quick" / "alpha" / "index.html").is_file()


def test_what_an_error_quotes_is_short_and_printable(members, monkeypatch):
    def fail(board):
        raise ValueError("\x1b[2J" + "x" * 100_000)

    monkeypatch.setattr(assembly, "board_rows", fail)
    failures = Assembly().site(members).failures
    assert len(failures) == 4
    assert all(len(str(each)) < 400 and str(each).isprintable() for each in failures)


def test_the_front_page_names_what_failed_its_verification(results, tmp_path):
    (results / "quick" / "notes.txt").write_text("read me")
    try:
        built = build_site(results, tmp_path / "site")
    finally:
        (results / "quick" / "notes.txt").unlink()
    assert [verdict.folder.name for verdict in built.left_out] == ["notes.txt"]
    assert built.n_submissions == 4
    front = (tmp_path / "site" / "index.html").read_text()
    assert "<bdi>quick/notes.txt</bdi> failed its verification." in front
