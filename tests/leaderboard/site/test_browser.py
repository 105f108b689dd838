"""The site in a real browser, opened as files: tables, figures, addresses, and who can read it."""

import csv
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
AA = 4.5
"""Contrast of text with its background that WCAG 2 asks for."""


class Tab:
    """A page of the site, and what it complained about and asked for."""

    def __init__(self, site: Path, browser: Any, **options: Any) -> None:
        self.site = site
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: str) -> Any:
        self.page.goto("about:blank")
        self.page.goto(f"{self.site.as_uri()}/{path}")
        return self.page

    def drawn(self) -> int:
        """Wait for every figure of the page, and return how many there are."""
        self.page.wait_for_selector(".plot:not([data-drawn])", state="detached", timeout=60_000)
        return int(self.page.locator(".plot").count())

    def column(self, name: str) -> list[str]:
        """Return the cells of a column that are shown, without their intervals."""
        cells: list[str] = self.page.evaluate(
            """name => {
              const heads = [...document.querySelectorAll("#rows thead th")];
              const place = heads.findIndex(head => head.dataset.column === name);
              return [...document.querySelectorAll("#rows tbody tr")]
                .map(row => row.cells[place].textContent.split(" [")[0]);
            }""",
            name,
        )
        return cells


@pytest.fixture
def tab(site: Path, browser: Any) -> Iterator[Tab]:
    made = Tab(site, browser, viewport={"width": 1280, "height": 900})
    yield made
    made.context.close()


@pytest.fixture
def table(tab: Tab) -> Tab:
    """Return a tab in which nothing is drawn, for tests of the table."""
    nothing = "window.Plotly = { react: () => Promise.resolve() };"
    tab.page.route("**/plotly.min.js", lambda route: route.fulfill(body=nothing))
    return tab


def _pages(site: Path) -> list[str]:
    return [str(path.relative_to(site)) for path in sorted(site.rglob("*.html"))]


def _rows(site: Path, **wanted: str) -> list[dict[str, str]]:
    with (site / "board.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["board"] == ""]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


QUICK = {"suite": "quick", "metric": "force_mae", "condition": ""}


def test_every_page_opens_without_complaint_and_asks_only_for_files_of_the_site(tab: Tab):
    for path in _pages(tab.site):
        tab.open(path)
        tab.drawn()
    assert tab.complaints == []
    inside = tab.site.as_uri()
    outside = [u for u in tab.requests if not u.startswith((inside, "data:", "blob:", "about:"))]
    assert outside == []


@pytest.mark.parametrize("suite", ["quick", "temperature-sw", "matrix-cpu"])
def test_every_plot_is_drawn_whichever_is_chosen(tab: Tab, suite):
    page = tab.open(f"suites/{suite}/index.html")
    assert tab.drawn() >= 3
    assert page.locator(".plot .main-svg").count() >= page.locator(".plot").count()
    for chooser in page.locator("select[data-figure]").all():
        name = chooser.get_attribute("data-figure")
        last = str(chooser.locator("option").count() - 1)
        chooser.select_option(last)
        page.wait_for_selector(f'.plot[data-figure="{name}"][data-drawn="{last}"]')
    marks = page.evaluate(
        """() => [...document.querySelectorAll(".plot")].map(plot =>
             plot.querySelectorAll(".trace, .hm, .js-line").length)"""
    )
    assert min(marks) > 0
    assert tab.complaints == []


def test_the_figures_that_a_suite_has_results_for_are_there(tab: Tab):
    wanted = {
        "quick": {"learning-curves", "error-against-training-cost", "survival",
                  "radial-distribution", "angular-distribution"},
        "temperature-sw": {"temperatures", "temperature-gains", "error-against-inference-cost"},
        "matrix-cpu": {"elements", "learning-curves", "error-against-training-cost"},
    }  # fmt: skip
    for suite, names in wanted.items():
        page = tab.open(f"suites/{suite}/index.html")
        figures = page.locator(".plot").all()
        assert names <= {figure.get_attribute("data-figure") for figure in figures}


def test_the_table_shows_every_row_that_there_is(table: Tab):
    for suite in ("quick", "temperature-sw", "matrix-cpu"):
        page = table.open(f"suites/{suite}/index.html")
        total = len(_rows(table.site, suite=suite))
        assert f"{total:,} in all" in page.text_content("#status")
        shown = _rows(table.site, suite=suite, metric="force_mae", condition="")
        assert page.locator("#rows").get_attribute("data-shown") == str(len(shown))
        assert page.locator("#rows tbody tr").count() == min(100, len(shown))


def test_every_metric_and_test_set_has_its_rows(table: Tab):
    page = table.open("suites/quick/index.html")
    for metric in {row["metric"] for row in _rows(table.site, suite="quick")}:
        page.select_option("[name=metric]", metric)
        mine = _rows(table.site, suite="quick", metric=metric)
        conditions = {row["condition"] for row in mine}
        offered = page.locator("[name=tested] option:not([disabled])").all()
        assert len(offered) == len(conditions)
        counts = []
        for option in offered:
            page.select_option("[name=tested]", option.get_attribute("value"))
            counts.append(int(page.locator("#rows").get_attribute("data-shown")))
        assert sum(counts) == len(mine)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("backbone", "my-net", {"backbone": "my-net"}),
        ("strategy", "finetune", {"strategy": "finetune"}),
        ("size", "10", {"size": "10"}),
        ("submission", "gaps", {"submission": "gaps"}),
    ],
)
def test_filters_leave_the_rows_that_they_should(table: Tab, name, value, wanted):
    page = table.open("suites/quick/index.html")
    page.select_option(f"[name={name}]", value)
    expected = _rows(table.site, **QUICK, **wanted)
    assert 0 < page.locator("#rows tbody tr").count() == len(expected)
    assert {cell.removesuffix(" (no data)") for cell in table.column(name)} == {value}
    assert f"#{name}={value}" in page.url


def test_element_pairs_are_filtered_page_by_page(table: Tab):
    page = table.open("suites/matrix-cpu/index.html")
    everything = int(page.locator("#rows").get_attribute("data-shown"))
    assert everything > 100
    page.click('[data-step="1"]')
    assert "page=2" in page.url
    assert page.locator("#rows tbody tr").count() == everything - 100
    page.select_option("[name=pair]", "Mo → Li")
    wanted = {"suite": "matrix-cpu", "metric": "force_mae", "condition": ""}
    expected = _rows(table.site, **wanted, source="Mo", target="Li")
    assert page.locator("#rows tbody tr").count() == len(expected)
    assert page.locator("#pager").is_hidden()
    page.click("button[type=reset]")
    page.wait_for_selector(f'#rows[data-shown="{everything}"]')
    assert page.url.endswith("#table")


def test_sorting_up_down_and_back(table: Tab):
    page = table.open("suites/quick/index.html")
    before = table.column("value")
    head = page.locator('th[data-column="value"]')
    head.locator("button").click()
    ascending = [float(text) for text in table.column("value")]
    assert ascending == sorted(ascending)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert [float(text) for text in table.column("value")] == sorted(ascending, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert "sort=value" in page.url
    head.locator("button").click()
    assert table.column("value") == before
    assert head.get_attribute("aria-sort") == "none"


def test_what_has_no_number_comes_last_both_ways(table: Tab):
    page = table.open("suites/quick/index.html")
    for _ in range(2):
        page.locator('th[data-column="ratio"] button').click()
        cells = table.column("ratio")
        first = cells.index("–")
        assert first > 0
        assert set(cells[first:]) == {"–"}


def test_a_link_brings_back_filters_sorting_and_page(table: Tab):
    page = table.open("suites/quick/index.html#metric=energy_mae&size=40&sort=value&desc=1")
    assert page.input_value("[name=metric]") == "energy_mae"
    assert page.input_value("[name=size]") == "40"
    values = [float(text) for text in table.column("value")]
    assert values == sorted(values, reverse=True)
    expected = _rows(table.site, suite="quick", metric="energy_mae", condition="", size="40")
    assert len(values) == len(expected)
    page.evaluate("location.hash = '#strategy=scratch'")
    scratch = len(_rows(table.site, **QUICK, strategy="scratch"))
    page.wait_for_selector(f'#rows[data-shown="{scratch}"]')
    assert page.input_value("[name=metric]") == "force_mae"


def test_nonsense_in_the_address_is_ignored(table: Tab):
    page = table.open("suites/quick/index.html#metric=<b>&sort=drawing&page=-3&size=NaN&x=y")
    assert page.locator("#rows tbody tr").count() == len(_rows(table.site, **QUICK))
    assert table.complaints == []


def test_anchors_lead_to_their_section_and_stay_there(tab: Tab):
    page = tab.open("suites/quick/index.html#survival")
    tab.drawn()
    top = page.evaluate("document.getElementById('survival').getBoundingClientRect().top")
    assert -5 <= top <= 200


def test_a_submission_leads_to_its_rows_and_back(table: Tab):
    page = table.open("submissions/quick/gaps/index.html")
    page.click("text=its rows in the table of quick")
    page.wait_for_selector("#rows tbody tr")
    assert set(table.column("submission")) == {"gaps"}
    page.click("#rows tbody a >> nth=0")
    assert page.url.endswith("submissions/quick/gaps/index.html")


def test_incomplete_entries_are_marked(table: Tab):
    table.open("suites/quick/index.html#submission=gaps&backbone=schnet&size=10&strategy=finetune")
    assert table.column("pairs") == ["2 of 3"]


def test_sorting_and_filtering_by_keyboard_alone(table: Tab):
    page = table.open("suites/quick/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.parentElement.dataset.column") == "value":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    values = [float(text) for text in table.column("value")]
    assert values == sorted(values)
    page.keyboard.press("Space")
    assert [float(text) for text in table.column("value")] == sorted(values, reverse=True)


def test_a_screen_reader_finds_names_headers_and_captions(table: Tab):
    for path in _pages(table.site):
        page = table.open(path)
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("h1").count() == 1
        lacking = page.evaluate(
            """() => [
              ...[...document.querySelectorAll("table")].filter(t => !t.caption || !t.tHead),
              ...[...document.querySelectorAll("th")].filter(
                 h => !h.scope || !h.textContent.trim()),
              ...[...document.querySelectorAll("select, input")].filter(f => !f.labels.length),
              ...[...document.querySelectorAll("[role=img], [role=region], nav")].filter(
                 r => !r.ariaLabel && !r.getAttribute("aria-labelledby")),
              ...[...document.querySelectorAll("a, button")].filter(
                 b => !b.textContent.trim() && !b.ariaLabel),
              ...[...document.querySelectorAll(".frame")].filter(f => f.tabIndex !== 0),
            ].map(e => e.outerHTML.slice(0, 120))"""
        )
        assert lacking == [], path
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        steps = [after - before for before, after in pairwise(levels)]
        assert max(steps, default=0) <= 1, "no level of headings is left out"
    page = table.open("suites/quick/index.html")
    assert page.locator("#status").get_attribute("role") == "status"


def test_a_phone_scrolls_tables_and_figures_in_their_own_frames(site: Path, browser: Any):
    tab = Tab(site, browser, viewport=PHONE)
    for path in _pages(site):
        page = tab.open(path)
        tab.drawn()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        wide = page.evaluate(
            """width => [...document.querySelectorAll("main *")].filter(
                 e => e.getBoundingClientRect().right > width + 1 && !e.closest(".frame")
                   && getComputedStyle(e).position !== "absolute")
               .map(e => e.outerHTML.slice(0, 100))""",
            PHONE["width"],
        )
        assert wide == [], path
    tab.context.close()


@pytest.mark.parametrize("suite", ["quick", "temperature-sw"])
def test_a_phone_shows_value_and_ratio_at_once_and_the_rules_when_asked(
    site: Path, browser: Any, suite
):
    tab = Tab(site, browser, viewport=PHONE)
    page = tab.open(f"suites/{suite}/index.html")
    page.wait_for_selector("#rows tbody tr")
    right = page.evaluate(
        """() => document.querySelector("[data-column=ratio]").getBoundingClientRect().right"""
    )
    edge = page.evaluate("document.querySelector('.frame.tall').getBoundingClientRect().right")
    assert right <= edge
    assert not page.evaluate("document.querySelector('.rules').open")
    tab.context.close()


def test_rules_are_open_where_there_is_room(table: Tab):
    page = table.open("suites/quick/index.html")
    page.wait_for_selector("#rows tbody tr")
    assert page.evaluate("document.querySelector('.rules').open")


def test_ranks_and_tie_groups_have_columns_only_where_there_are_some(table: Tab):
    for suite, count in (("quick", 0), ("temperature-sw", 1)):
        page = table.open(f"suites/{suite}/index.html")
        for column in ("rank", "group"):
            assert page.locator(f"th[data-column={column}]").count() == count


def test_ratios_beyond_the_drawing_are_marked_at_its_edge(table: Tab):
    page = table.open("suites/quick/index.html")
    page.wait_for_selector("#rows tbody tr")
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("#rows tbody tr")]
             .map(row => [row.querySelector(".whisker b"), row])
             .filter(([mark]) => mark)
             .map(([mark, row]) => [mark.className, mark.style.left,
               parseFloat(row.cells[[...row.cells].findIndex(
                 cell => cell.className === "drawing") - 1].textContent)])"""
    )
    assert {kind for kind, _, _ in drawn} == {"", "above"}
    for kind, left, ratio in drawn:
        assert (kind == "above") == (ratio > 2.5)
        assert kind == "" or left == "100%"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_background(site: Path, browser: Any, scheme):
    tab = Tab(site, browser, color_scheme=scheme)
    for path in ("index.html", "method.html", "suites/quick/index.html",
                 "submissions/quick/beta/index.html"):  # fmt: skip
        page = tab.open(path)
        tab.drawn()
        found = page.evaluate(CONTRASTS)
        assert len(found) > 20
        low = [(text, ratio) for text, ratio in found if ratio < AA]
        assert low == [], path
    tab.context.close()


CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(e);
    if (!own.length || !e.getClientRects().length || style.opacity === "0") continue;
    if (e.closest(":disabled, script, .heatmaplayer, .hm, [class*=heatmap]")) continue;
    const colour = parse(e.closest("svg") ? style.fill : style.color);
    if (e.closest(".main-svg") && e.closest(".textpoint, .plot .cartesianlayer .plot")) continue;
    const [a, b] = [light(colour), light(behind(e))].sort((x, y) => y - x);
    found.push([own[0].data.trim().slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


def test_plots_change_their_colours_with_the_system(site: Path, browser: Any):
    tab = Tab(site, browser, color_scheme="light")
    page = tab.open("suites/quick/index.html")
    tab.drawn()
    paper = "getComputedStyle(document.querySelector('.plot .main-svg')).backgroundColor"
    body = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == page.evaluate(body)
    page.emulate_media(color_scheme="dark")
    for _ in range(50):
        page.wait_for_timeout(100)
        if page.evaluate(paper) != "rgb(255, 255, 255)":
            break
    assert page.evaluate(paper) == page.evaluate(body) != "rgb(255, 255, 255)"
    tab.context.close()


def test_without_a_script_the_data_are_still_found(site: Path, browser: Any):
    tab = Tab(site, browser, java_script_enabled=False)
    page = tab.open("suites/quick/index.html")
    assert page.locator("noscript a[href$='board.csv']").count() == 1
    assert re.search("Without a script", page.inner_text("main"))
    tab.context.close()
