"""A tab of a real browser in which pages of a site are opened as files."""

from pathlib import Path
from typing import Any


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


def pages_of(site: Path) -> list[str]:
    return [str(path.relative_to(site)) for path in sorted(site.rglob("*.html"))]
