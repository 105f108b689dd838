"""Building: the site is whole, the same for the same input, and never at another's cost."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape
from synthetic import publish

from tlbench.base.errors import InputError
from tlbench.board.site import assembly
from tlbench.board.site.build import Built, build_site
from tlbench.board.verification.models import expected
from tlbench.study.loading import load_suite
from tlbench.study.plan import PRETRAIN
from tlbench.study.study import resolve


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


class _Links(HTMLParser):
    """The addresses and identifiers of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src", "data-plotly"):
                self.links.append(value or "")
            if name == "id":
                self.names.add(value or "")


def test_what_fails_its_verification_is_left_out_and_the_rest_is_built(built: Built, site: Path):
    assert [verdict.folder.name for verdict in built.left_out] == ["broken"]
    assert not (site / "submissions" / "quick" / "broken").exists()
    assert "broken" not in (site / "board.csv").read_text()


def test_the_command_line_names_what_is_left_out(command, small: Path, tmp_path: Path):
    finished = command("board", "build", "--results", small, "--out", tmp_path / "site")
    assert finished.returncode == 1
    assert "left out: " in finished.stderr
    assert "broken" in finished.stderr
    assert "quick/" in finished.stdout
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.parametrize(
    ("suite", "name", "budget"),
    [
        ("quick", "alpha", "30 and 120 updates; convergence judged arm by arm"),
        ("temperature-sw", "warm", "120 updates: speed of learning, not shown to be converged"),
    ],
)
def test_pages_name_the_budget_and_count_no_cells_that_share_models(
    site: Path, suite: str, name: str, budget: str
):
    for page in ("", f"suites/{suite}/", f"submissions/{suite}/{name}/"):
        text = (site / page / "index.html").read_text()
        assert budget in text
        for said in ("Better than scratch", "transfer helps", "negative transfer", "below 1 in"):
            assert said not in text


@pytest.mark.slow
def test_the_same_submissions_give_the_same_bytes(results: Path, site: Path, tmp_path: Path):
    build_site(results, tmp_path / "site")
    assert _files(tmp_path / "site") == _files(site)


def test_every_submission_has_a_page_older_revisions_too(site: Path):
    old = (site / "submissions" / "quick" / "beta" / "index.html").read_text()
    assert "An older revision" in old
    assert "../beta-r2/index.html" in old
    new = (site / "submissions" / "quick" / "beta-r2" / "index.html").read_text()
    assert "An older revision" not in new


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site: Path):
    outside = _outside(site)
    assert _broken_links(site) == []
    assert outside == {"data:,", "https://example.org/?a=1&b=2"}


def _outside(site: Path) -> set[str]:
    links = [link for page in site.rglob("*.html") for link in _Links(page).links]
    return {link for link in links if re.match(r"[a-z]+:", link)}


def _broken_links(site: Path) -> list[str]:
    pages = {page: _Links(page) for page in site.rglob("*.html")}
    broken = []
    for page, found in pages.items():
        for link in found.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, name = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            named = not name or "=" in name or (target in pages and name in pages[target].names)
            if not (target.is_file() and named):
                broken.append(f"{page}: {link}")
    return broken


def test_what_a_submission_says_is_never_markup(site: Path):
    page = (site / "submissions" / "quick" / "alpha" / "index.html").read_text()
    assert "<script>alert" not in page
    assert "<bdi>&lt;script&gt;alert(1)" in page, "nor does it turn what stands beside it"


def test_all_scripts_are_files_of_the_site(site: Path):
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert "script-src 'self';" in text
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text)
        assert set(inline) <= {'<script type="application/json" id="figures">'}
        assert not re.search(r"\son[a-z]+=", text), "no handlers in attributes"


def test_a_page_says_what_its_submission_lacks(site: Path):
    page = (site / "submissions" / "quick" / "gaps" / "index.html").read_text()
    assert re.search(r"\d+ of \d+ models are there; missing: ", page)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_folder_that_is_no_site_is_never_replaced(small: Path, tmp_path: Path, kind):
    out = tmp_path / "precious"
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    else:
        out.symlink_to(tmp_path)
    with pytest.raises(InputError, match="name a new"):
        build_site(small, out)
    assert out.exists()
    assert kind != "folder" or (out / "thesis.tex").read_text() == "mine"


def test_a_build_that_fails_leaves_the_old_site(small: Path, tmp_path: Path, monkeypatch):
    out = tmp_path / "site"
    build_site(small, out)
    before = _files(out)

    def fail(*arguments):
        raise RuntimeError

    monkeypatch.setattr(assembly, "board_csv", fail)
    with pytest.raises(RuntimeError):
        build_site(small, out)
    assert _files(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_second_build_replaces_the_first(small: Path, tmp_path: Path):
    out = tmp_path / "site"
    build_site(small, out)
    (out / "suites" / "gone.html").write_text("of a suite that is no more")
    build_site(small, out)
    assert not (out / "suites" / "gone.html").exists()


def test_changed_suites_are_listed_apart_from_those_that_are_shipped(
    small: Path, site: Path, tmp_path: Path
):
    front = (site / "index.html").read_text()
    assert "suites/quick/index.html" in front
    assert "Other versions" not in front, "the page of the suite links its other versions"
    page = (site / "suites" / "quick" / "index.html").read_text()
    (other,) = re.findall(r'href="[./]*(suites/quick/[0-9a-f]{8}/index.html)"', page)
    assert "This is not the suite quick that tlbench ships" in (site / other).read_text()
    build_site(small, tmp_path / "site")
    front = (tmp_path / "site" / "index.html").read_text()
    _, heading, listed = front.partition("Other versions and changed suites")
    assert heading
    assert re.search(r"suites/quick/[0-9a-f]{8}/index.html", listed)
    assert 'class="card"' not in front


def test_pages_of_a_changed_suite_list_what_is_changed(small: Path, tmp_path: Path):
    build_site(small, tmp_path / "site")
    (suite,) = (tmp_path / "site" / "suites" / "quick").glob("*/index.html")
    for page in (suite, tmp_path / "site" / "submissions" / "quick" / "one" / "index.html"):
        text = page.read_text()
        assert re.search(r"sizes</code></th>.*\b1, 10\b.*\b10\b", text)
        assert re.search(r"metrics</code></th>.*energy_mae.*force_mae", text)
        assert "3 settings are changed" in text
        assert str(escape(load_suite("quick").description)) not in text
    assert "settings changed" in (tmp_path / "site" / "index.html").read_text()


def test_pages_of_a_suite_as_it_is_shipped_list_no_change(site: Path):
    suite = (site / "suites" / "quick" / "index.html").read_text()
    assert str(escape(load_suite("quick").description)) in suite
    assert "Changed settings" not in suite
    assert (
        "Changed settings"
        not in (site / "submissions" / "quick" / "alpha" / "index.html").read_text()
    )


def test_without_submissions_there_is_a_page_that_says_so(tmp_path: Path):
    (tmp_path / "results").mkdir()
    built = build_site(tmp_path / "results", tmp_path / "site")
    assert built.boards == []
    assert "There are no submissions yet" in (tmp_path / "site" / "index.html").read_text()


def test_source_models_alone_make_a_page_without_a_table(tmp_path: Path):
    suite = load_suite("quick")
    targets = [where for where in expected(resolve(suite)) if where.model.strategy != PRETRAIN]
    publish(tmp_path / "results", "sources", without=targets)
    build_site(tmp_path / "results", tmp_path / "site")
    page = (tmp_path / "site" / "suites" / "quick" / "index.html").read_text()
    assert "No model of the target element has been measured" in page
    assert "table.js" not in page


def test_building_needs_no_torch(small: Path, tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; "
        "from tlbench.board.site.build import build_site; "
        f"build_site(Path({str(small)!r}), Path({str(tmp_path / 'site')!r})); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
