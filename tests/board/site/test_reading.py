"""Who can read the site: on a phone, in the light and in the dark, and without a script."""

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import Tab, pages_of

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
AA = 4.5
"""Contrast of text with its background that WCAG 2 asks for."""


def test_a_phone_scrolls_tables_and_figures_in_their_own_frames(site: Path, browser: Any):
    tab = Tab(site, browser, viewport=PHONE)
    for path in pages_of(site):
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
