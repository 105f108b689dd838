"""The site in a real browser, opened as files: tables, figures and addresses."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from browsing import Tab, pages_of

pytestmark = pytest.mark.slow


def _rows(site: Path, **wanted: str) -> list[dict[str, str]]:
    with (site / "board.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["board"] == ""]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


QUICK = {"suite": "quick", "metric": "force_mae", "condition": "", "updates": "120"}
"""What the table of quick shows first."""


def test_every_page_opens_without_complaint_and_asks_only_for_files_of_the_site(tab: Tab):
    for path in pages_of(tab.site):
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
        first = QUICK | {"suite": suite, "updates": "120" if suite == "quick" else ""}
        shown = _rows(table.site, **first)
        assert page.locator("#rows").get_attribute("data-shown") == str(len(shown))
        assert page.locator("#rows tbody tr").count() == min(100, len(shown))


def test_every_metric_and_test_set_has_its_rows(table: Tab):
    page = table.open("suites/quick/index.html")
    for metric in {row["metric"] for row in _rows(table.site, suite="quick")}:
        page.select_option("[name=metric]", metric)
        mine = _rows(table.site, suite="quick", metric=metric, updates="120")
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
        ("updates", "30", {"updates": "30"}),
    ],
)
def test_filters_leave_the_rows_that_they_should(table: Tab, name, value, wanted):
    page = table.open("suites/quick/index.html")
    page.select_option(f"[name={name}]", value)
    expected = _rows(table.site, **QUICK | wanted)
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
    page = table.open("suites/quick/index.html#metric=energy_mae&size=1&sort=value&desc=1")
    assert page.input_value("[name=metric]") == "energy_mae"
    assert page.input_value("[name=size]") == "1"
    values = [float(text) for text in table.column("value")]
    assert values == sorted(values, reverse=True)
    expected = _rows(table.site, **QUICK | {"metric": "energy_mae", "size": "1"})
    assert len(values) == len(expected)
    page.evaluate("location.hash = '#strategy=scratch'")
    scratch = len(_rows(table.site, **QUICK, strategy="scratch"))
    page.wait_for_selector(f'#rows[data-shown="{scratch}"]')
    assert page.input_value("[name=metric]") == "force_mae"


def test_the_largest_budget_is_shown_first_and_others_can_be_chosen(table: Tab):
    page = table.open("suites/quick/index.html")
    assert set(table.column("updates")) == {QUICK["updates"]}
    page.select_option("[name=updates]", "30")
    assert set(table.column("updates")) == {"30"}
    page.select_option("[name=updates]", "")
    every = {name: value for name, value in QUICK.items() if name != "updates"}
    expected = _rows(table.site, **every)
    assert page.locator("#rows tbody tr").count() == min(100, len(expected))


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
    for path in pages_of(table.site):
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


def test_rules_are_open_where_there_is_room(table: Tab):
    page = table.open("suites/quick/index.html")
    page.wait_for_selector("#rows tbody tr")
    assert page.evaluate("document.querySelector('.rules').open")


def test_ranks_and_tie_groups_have_columns_only_where_there_are_some(table: Tab):
    for suite, count in (("matrix-cpu", 0), ("quick", 1)):
        page = table.open(f"suites/{suite}/index.html")
        for column in ("rank", "group"):
            assert page.locator(f"th[data-column={column}]").count() == count


def test_structures_stand_beside_rates_and_only_there(table: Tab):
    page = table.open("suites/quick/index.html")
    page.wait_for_selector("#rows tbody tr")
    head = page.locator("th[data-column=structure]")
    assert not head.is_visible()
    lines = page.locator("#rows tbody tr")
    assert lines.locator("td[hidden]").count() == lines.count() > 0
    page.select_option("select[name=metric]", "stability_rate")
    assert head.is_visible()
    assert set(table.column("structure")) == {
        row["structure"] for row in _rows(table.site, suite="quick", metric="stability_rate")
    }  # fmt: skip
    table.open("suites/temperature-sw/index.html")
    assert head.count() == 0


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


def test_nothing_in_a_card_covers_anything_else(tab: Tab):
    page = tab.open("index.html")
    cards = page.evaluate(
        """() => [...document.querySelectorAll(".card")].map(card =>
             [...card.children].map(part => {
               const box = part.getBoundingClientRect();
               return [box.top, box.bottom]; }))"""
    )
    assert max(map(len, cards)) == 7
    for parts in cards:
        assert all(above[1] <= below[0] + 1 for above, below in pairwise(parts))
