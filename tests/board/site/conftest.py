"""A site of submissions that have everything a page can show, built once."""

import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Tab
from forging import edit_lines
from synthetic import publish

from tlbench.board.reading import digest_of
from tlbench.board.site.build import Built, build_site
from tlbench.board.verification.models import expected
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve

EVIL = "<script>alert(1)</script>&\"'"


def publish_all(board: Path) -> None:
    folder = board / "results"
    publish(folder, "alpha", seed=1, authors=[EVIL], url="https://example.org/?a=1&b=2")
    first = publish(folder, "beta", seed=2)
    publish(folder, "beta", seed=3, revision=2, replaces=digest_of(first / "submission.json"))
    lacking = [
        where
        for where in expected(resolve(load_suite("quick")))
        if where.model.backbone == "schnet"
        and where.model.size == 10
        and where.model.subset_seed == 2
    ]
    publish(folder, "gaps", seed=4, without=lacking)
    publish(
        folder,
        "plugin",
        seed=5,
        rename={"schnet": "my-net"},
        providers={"my-net": "tlbench-mine 0.3.1"},
    )
    publish(folder, "old", settings=[("version", "1")], seed=6)
    publish(folder, "warm", "temperature-sw", seed=7)
    publish(folder, "pairs", "matrix-cpu", seed=8)
    broken = publish(folder, "broken", seed=9)
    edit_lines(broken, "records", lambda rows: rows[0].update(value=1.0))
    (board / "built.pickle").write_bytes(pickle.dumps(build_site(folder, board / "site")))


@pytest.fixture(scope="session")
def board(made_once: Callable[..., Path]) -> Path:
    """Return a folder of results and of the site that was built of them."""
    return made_once("board", publish_all)


@pytest.fixture(scope="session")
def results(board: Path) -> Path:
    return board / "results"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two submissions that are soon built, one of which is not good."""
    folder = tmp_path_factory.mktemp("small") / "results"
    settings = [("sizes", "[10]"), ("by", "[]"), ("metrics", "[force_mae]")]
    publish(folder, "one", settings=settings, seed=1)
    broken = publish(folder, "broken", settings=settings, seed=2)
    edit_lines(broken, "records", lambda rows: rows[0].update(value=1.0))
    return folder


@pytest.fixture(scope="session")
def built(board: Path) -> Built:
    found = pickle.loads((board / "built.pickle").read_bytes())
    assert isinstance(found, Built)
    return found


@pytest.fixture(scope="session")
def site(board: Path) -> Path:
    return board / "site"


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


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
