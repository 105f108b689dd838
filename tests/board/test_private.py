"""Private boards: data of one's own are taken, and nothing of them gets onto a public board."""

import json
import shutil
import stat

import pytest
import yaml
from forging import copied, seal, text_of

from tlbench.base.errors import InputError
from tlbench.board.adding import Who, add_run, with_own_cards
from tlbench.board.checks import agreement, rerun
from tlbench.board.location import check_place, make_private_board, private_place
from tlbench.board.reading import read_about, read_submission, submission_folders
from tlbench.board.site.build import build_site
from tlbench.board.verification import verify, verify_all
from tlbench.data.cards import card_folder
from tlbench.results.costs import COSTS_FORMAT

ME = Who("mine", ["Ada Lovelace"])


def own_card(folder, element):
    """Write a card of one's own, with the recipe of a card that tlbench has."""
    card = yaml.safe_load((card_folder() / f"sw-{element}.yaml").read_text())
    card |= {"name": f"secret-{element}", "title": "Secret alloy", "licence": "unknown"}
    path = folder / f"{element}.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


@pytest.fixture(scope="module")
def own_run(clean_run, tmp_path_factory):
    """Return a run whose data sets are card files outside of the repository."""
    folder = tmp_path_factory.mktemp("confidential")
    shutil.copytree(clean_run, folder / "run")
    suite = json.loads((folder / "run" / "suite.json").read_text())
    for part, element in (("source", "si"), ("target", "ge")):
        suite[part]["card"] = f"../{own_card(folder, element).name}"
    (folder / "run" / "suite.json").write_text(json.dumps(suite))
    return folder / "run"


@pytest.fixture(scope="module")
def board(own_run, smoke, tmp_path_factory):
    """Return the folder of a private board with one submission."""
    folder = tmp_path_factory.mktemp("group") / "board"
    add_run(own_run, folder / "results", smoke.store, ME, private=True)
    return folder


@pytest.fixture
def public(board, tmp_path):
    """Return a public folder of results into which the submission was moved by hand."""
    shutil.copytree(board / "results", tmp_path / "results")
    return tmp_path / "results"


def test_a_run_of_own_data_is_verified_to_the_last_number(board, smoke):
    (verdict,) = verify_all(board / "results", private=True)
    assert verdict.problems == verdict.notes == []
    assert verdict.recomputed == len(smoke.records.splitlines()[1:])
    about = verdict.entry.about
    assert about.private
    assert [(d.card, d.title, d.licence) for d in about.data] == [
        ("secret-si", "Secret alloy", "unknown"),
        ("secret-ge", "Secret alloy", "unknown"),
    ]


def test_it_holds_what_a_public_submission_holds_and_the_cards(
    board, own_run, clean_run, smoke, tmp_path
):
    public, _ = add_run(clean_run, tmp_path / "results", smoke.store, ME)
    folder = board / "results" / "smoke" / "mine"
    found = {path.name for path in folder.iterdir()}
    cards = {"card-source.yaml", "card-target.yaml"}
    assert found == {path.name for path in public.folder.iterdir()} | cards
    assert json.loads(text_of(folder / "suite.json"))["source"]["card"] == "card-source.yaml"
    # Nor does anything name the folders of whoever ran it.
    assert not any(str(own_run.parent) in text_of(path) for path in folder.iterdir())


def test_it_can_be_read_where_neither_cards_nor_data_are(board, own_run, tmp_path, monkeypatch):
    shutil.copytree(board, tmp_path / "elsewhere")
    hidden = own_run.parent.with_name("moved")
    own_run.parent.rename(hidden)
    try:
        monkeypatch.chdir(tmp_path)
        (verdict,) = verify_all(tmp_path / "elsewhere" / "results", private=True)
    finally:
        hidden.rename(own_run.parent)
    assert verdict.problems == []


def test_a_public_board_does_not_take_the_run(own_run, smoke, tmp_path):
    with pytest.raises(InputError, match=r"source\.card is a path.*board add --private"):
        add_run(own_run, tmp_path / "results", smoke.store, ME)
    assert not list(tmp_path.iterdir())


def test_a_private_submission_in_a_public_folder_is_refused_and_on_no_page(public):
    (verdict,) = verify_all(public)
    assert verdict.recomputed == 0
    assert "is a private submission, which a public board never takes" in verdict.problems[0]
    built = build_site(public, public.parent / "site")
    assert built.n_submissions == 0
    assert [v.folder.name for v in built.left_out] == ["mine"]
    pages = [p.read_text() for p in (public.parent / "site").rglob("*.html")]
    assert not any("secret" in page or "Secret" in page for page in pages)


def test_without_its_mark_it_is_refused_for_its_cards(public):
    seal(public / "smoke" / "mine", private=False)
    (verdict,) = verify_all(public)
    assert "'card-source.yaml', which is not a file of a submission" in verdict.problems[0]


def test_a_suite_names_no_card_outside_of_its_submission(board, tmp_path):
    shutil.copytree(board, tmp_path / "board")
    folder = tmp_path / "board" / "results" / "smoke" / "mine"
    suite = json.loads(text_of(folder / "suite.json"))
    suite["source"]["card"] = "../../../../etc/passwd.yaml"
    (folder / "suite.json").write_text(json.dumps(suite))
    seal(folder)
    (problem,) = verify(folder, folder.parents[1], private=True).problems
    assert "source.card should name a card file in the same folder" in problem


def test_a_repeated_run_under_another_name_is_noted_and_not_refused(
    board, own_run, smoke, tmp_path
):
    shutil.copytree(board, tmp_path / "board")
    results = tmp_path / "board" / "results"
    again, _ = add_run(own_run, results, smoke.store, Who("next-month"), private=True)
    (verdict,) = verify_all(results, [again.folder], private=True)
    assert verdict.problems == []
    assert verdict.notes == ["Its models are those of smoke/mine, judging by their errors."]


def test_a_private_board_takes_no_public_submission(board, tmp_path):
    shutil.copytree(board, tmp_path / "board")
    copied(tmp_path / "board" / "results")
    first, second = verify_all(tmp_path / "board" / "results", private=True)
    assert "a private board holds no other" in first.problems[0]
    assert second.problems == []


def test_neither_board_is_taken_for_the_other(board, clean_run, smoke, tmp_path):
    with pytest.raises(InputError, match=r"belongs to a private board; name it with --board"):
        verify_all(board / "results")
    with pytest.raises(InputError, match=r"belongs to a private board; name it with --board"):
        add_run(clean_run, board / "results", smoke.store, ME)
    with pytest.raises(InputError, match=r"There is no private board in .*makes one"):
        check_place(tmp_path / "results", private=True)


def test_a_later_run_is_a_revision_and_the_same_run_is_not_added(board, own_run, smoke, tmp_path):
    shutil.copytree(board, tmp_path / "board")
    results = tmp_path / "board" / "results"
    with pytest.raises(InputError, match="already holds these results"):
        add_run(own_run, results, smoke.store, ME, private=True)
    shutil.copytree(own_run, tmp_path / "run")
    first, *rest = COSTS_FORMAT.read_lines(tmp_path / "run" / "costs.jsonl")
    again = first.model_copy(update={"peak_memory_mib": (first.peak_memory_mib or 0) + 100})
    COSTS_FORMAT.write_lines(tmp_path / "run" / "costs.jsonl", [again, *rest])
    for element in ("si", "ge"):
        own_card(tmp_path, element)
    entry, _ = add_run(tmp_path / "run", results, smoke.store, ME, private=True)
    assert entry.folder.name == "mine-r2"
    assert entry.about.comparable == read_about(results / "smoke" / "mine", True)[0].comparable
    assert [v.problems for v in verify_all(results, private=True)] == [[], []]


def test_a_new_board_is_its_owners_alone_and_git_ignores_it(tmp_path):
    make_private_board(tmp_path / "deep" / "board")
    mode = (tmp_path / "deep" / "board").stat().st_mode
    assert stat.S_IMODE(mode) == 0o700
    assert (tmp_path / "deep" / "board" / ".gitignore").read_text() == "*\n"
    # Shared with a group afterwards, it stays so.
    (tmp_path / "deep" / "board").chmod(0o770)
    make_private_board(tmp_path / "deep" / "board")
    assert stat.S_IMODE((tmp_path / "deep" / "board").stat().st_mode) == 0o770


def test_a_group_that_shares_a_board_can_add_to_every_suite(board, own_run, smoke, tmp_path):
    (tmp_path / "board").mkdir()
    (tmp_path / "board").chmod(0o2770)
    entry, _ = add_run(own_run, tmp_path / "board" / "results", smoke.store, ME, private=True)
    for folder in (entry.folder.parent, entry.folder.parents[1]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o2770


def test_no_other_folder_becomes_a_private_board(tmp_path):
    copied(tmp_path / "leaderboard" / "results")
    with pytest.raises(InputError, match="holds something other than a private board"):
        make_private_board(tmp_path / "leaderboard")
    assert submission_folders(tmp_path / "leaderboard" / "results")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a private board"):
        make_private_board(tmp_path / "file")


def test_the_board_is_that_of_the_option_then_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("TLBENCH_BOARD", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert private_place().results == tmp_path / "tlbench" / "board" / "results"
    monkeypatch.setenv("TLBENCH_BOARD", str(tmp_path / "group"))
    assert private_place().site == tmp_path / "group" / "site"
    assert private_place(tmp_path / "mine").results == tmp_path / "mine" / "results"


def test_every_card_of_a_matrix_is_copied(tmp_path):
    own, target = tmp_path / "own", tmp_path / "submission"
    own.mkdir()
    target.mkdir()
    for element in ("si", "ge"):
        own_card(own, element)
    suite = {"matrix": {"cards": "own/{element}.yaml", "elements": ["Si", "Ge"]}}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    copy = json.loads(with_own_cards(tmp_path / "suite.json", target).read_text())
    assert copy["matrix"]["cards"] == "card-{element}.yaml"
    assert (target / "card-ge.yaml").read_bytes() == (own / "ge.yaml").read_bytes()
    assert (target / "card-si.yaml").read_bytes() == (own / "si.yaml").read_bytes()


@pytest.fixture(scope="module")
def site(board):
    build_site(board / "results", board / "site", private=True)
    return board / "site"


def test_every_page_of_its_site_says_that_it_is_private(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        text = page.read_text()
        assert "<b>Private board.</b>" in text
        assert "private board</title>" in text
        assert 'name="robots" content="noindex, nofollow"' in text
    assert json.loads((site / "board.json").read_text())["private"] is True


def test_its_front_page_shows_suites_of_own_data_with_their_results(site):
    text = (site / "index.html").read_text()
    assert "secret-si" in text
    assert 'class="strip"' in text
    assert "Other versions and changed suites" not in text


def test_a_submission_page_has_the_cards_and_names_the_folder_of_the_board(site):
    folder = site / "submissions" / "smoke" / "mine"
    assert "secret-ge" in (folder / "card-target.yaml").read_text()
    page = (folder / "index.html").read_text()
    assert "$TLBENCH_BOARD/results/smoke/mine" in page
    assert "leaderboard/results" not in page
    assert str(site.parents[1]) not in page


def test_the_site_of_one_kind_never_replaces_that_of_the_other(board, site, tmp_path):
    copied(tmp_path / "results")
    build_site(tmp_path / "results", tmp_path / "site")
    assert "Private board" not in (tmp_path / "site" / "index.html").read_text()
    with pytest.raises(InputError, match="holds the site of a public board"):
        build_site(board / "results", tmp_path / "site", private=True)
    with pytest.raises(InputError, match="holds the site of a private board"):
        build_site(tmp_path / "results", site)


def test_no_readme_gets_the_table_of_a_private_board(board, tmp_path):
    with pytest.raises(InputError, match="--readme is for the table of the public board"):
        build_site(board / "results", tmp_path / "site", tmp_path / "README.md", private=True)


def test_from_the_command_line(own_run, smoke, tmp_path, command, monkeypatch):
    monkeypatch.setenv("TLBENCH_BOARD", str(tmp_path / "board"))
    added = command("board", "add", own_run, "--private", "--name", "a", "--store", smoke.store)
    assert added.returncode == 0, added.stderr
    assert f"{tmp_path / 'board' / 'results' / 'smoke' / 'a'} (private): " in added.stdout
    verified = command("board", "verify", "--private")
    assert verified.returncode == 0
    assert verified.stdout.startswith("good ")
    built = command("board", "build", "--board", tmp_path / "board")
    assert built.returncode == 0
    assert (tmp_path / "board" / "site" / "index.html").is_file()
    both = command("board", "build", "--private", "--results", tmp_path)
    assert both.returncode == 2
    assert "name the private one with --board DIR" in both.stderr


def test_weights_are_evaluated_again_where_only_the_store_has_the_data(board, smoke, monkeypatch):
    def fetched(card, *arguments):
        raise InputError(f"The files of {card.name} are not beside the card.")

    monkeypatch.setattr(agreement, "load_dataset", fetched)
    entry = read_submission(board / "results" / "smoke" / "mine", private=True)
    found = rerun.rerun(entry, smoke.store, smoke.store)
    assert found.agrees(0.0)
    assert len(found.models) == 38
