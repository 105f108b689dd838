"""No words of strangers in the site's voice: what they say freely is quoted, wherever it stands."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from forging import edit_lines
from synthetic import publish

from tlbench.board.site.build import build_site
from tlbench.study.loading import load_suite

TITLE, DESCRIPTION = "Officialtitle, checked by all", "Officialdescription, checked by all"
AUTHOR, DEVICE, KERNELS = "Officialauthor", "Officialdevice, checked", "Officialkernels"
FREE = (TITLE, DESCRIPTION, AUTHOR, DEVICE, KERNELS)
SMALL = [
    ("sizes", "[10]"), ("by", "[]"), ("metrics", "[force_mae]"), ("dynamics", "null"),
    ("backbones", "{schnet: {}}"), ("subset_seeds", "[0]"), ("init_seeds", "[0]"),
    ("strategies", "[scratch, finetune]"),
]  # fmt: skip


class Texts(HTMLParser):
    """The texts of a page with the tags that they stand in, and the values of attributes."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self._open: list[str] = []
        self.texts: list[tuple[str, set[str]]] = []
        self.attributes: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.attributes += [value for _, value in attrs if value]
        if tag not in ("meta", "link", "br", "line", "circle"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append((data, set(self._open)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voice")
    words = [("title", TITLE), ("description", DESCRIPTION)]
    for number, settings in enumerate(([*words, ("name", "mine")], [*words, ("version", "1")])):
        published = publish(
            folder / "results", f"s{number}", settings=[*SMALL, *settings], seed=number,
            authors=[AUTHOR],
        )  # fmt: skip
        edit_lines(published, "costs", lambda rows: [r | {"device": DEVICE} for r in rows])
        named = {"device_name": DEVICE, "kernels": KERNELS}
        edit_lines(published, "provenance", lambda rows: [r | named for r in rows])  # noqa: B023
    built = build_site(folder / "results", folder / "site")
    assert (len(built.boards), built.left_out, built.failures) == (2, [], [])
    return folder / "site"


@pytest.mark.parametrize("words", FREE)
def test_free_text_is_quoted_wherever_it_stands(site: Path, words: str):
    seen = 0
    for page in site.rglob("*.html"):
        found = Texts(page)
        for text, tags in found.texts:
            if words in text and "script" not in tags:
                seen += 1
                assert "q" in tags or ("bdi" in tags and text == words) or f"“{words}" in text
                assert not tags & {"title", "h1", "h2", "h3", "li"} or "q" in tags
        for value in found.attributes:
            assert words not in value or f"“{words}" in value
    assert seen


def test_who_submits_is_quoted_as_their_own_statement(site: Path):
    for page in [*site.glob("submissions/*/*/*.html"), *site.glob("suites/**/*.html")]:
        said = [tags for text, tags in Texts(page).texts if text == AUTHOR]
        assert said
        assert all("q" in tags for tags in said)
        assert "as the submitter states" in page.read_text() or "as stated" in page.read_text()


def test_a_suite_of_a_stranger_is_called_by_its_name(site: Path):
    page = (site / "suites" / "mine" / "index.html").read_text()
    assert "<title>Suite mine · tlbench</title>" in page
    assert "<h1><bdi>Suite mine</bdi></h1>" in page
    assert f"its submission calls <q><bdi>{TITLE}</bdi></q>" in page
    assert f"Its submission describes it as <q><bdi>{DESCRIPTION}</bdi></q>" in page
    front = (site / "index.html").read_text()
    assert re.search(rf"Suite mine</bdi></a>.*calls <q><bdi>{TITLE}</bdi></q>", front)


def test_a_suite_that_tlbench_ships_keeps_its_title(built, site: Path, results: Path):
    page = (results.parent / "site" / "suites" / "quick" / "index.html").read_text()
    assert f"<title>{load_suite('quick').title} · tlbench</title>" in page
    assert "its submission calls" not in page
