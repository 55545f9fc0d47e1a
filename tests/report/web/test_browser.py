"""Pages in a real browser: Debian's Chromium, driven by playwright."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.bench_replay import write_run
from ganetic.report.web.page import write_report
from tests.report.web.hostile import ALL_MARKUP, TEXTS, hostile_comparison, hostile_search
from tests.report.web.pages import REFERENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 3.0
"""In which the page of 100,000 trials opens."""

SERIOUS = ("serious", "critical")
"""What axe calls findings that shut somebody out."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([REFERENCE / "paper"], tmp_path_factory.mktemp("paper") / "report.html")


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page that fails the test where it asks for anything, or complains."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == []


def shown(page: "Page") -> list[str]:
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('article.loss')].filter((one) => one.offsetParent).map((one) => one.id)"
    )
    return found


def test_a_point_selects_its_row_its_loss_and_its_ancestors(page: "Page", paper: Path) -> None:
    page.goto(paper.as_uri())
    assert shown(page) == ["r1-loss-193"], "the pick is selected first"
    page.locator("a.point[data-loss='r1-loss-71']").click()
    assert shown(page) == ["r1-loss-71"]
    rows = page.locator("tr.picked")
    assert rows.count() == 2  # of the front, and of the finals
    assert rows.first.inner_text().startswith("#71")
    line = page.locator("article#r1-loss-71").get_attribute("data-line")
    assert page.locator(".ancestry").first.get_attribute("points") == line
    assert page.locator(".selected").inner_text().startswith("Selected: #71")
    assert page.url.endswith("#r1-loss-71")


def test_rows_select_as_points_do_and_go_to_what_is_said(page: "Page", paper: Path) -> None:
    page.goto(paper.as_uri())
    page.locator("#r1-finals a", has_text="lsgan").first.click()
    assert len(shown(page)) == 1
    assert page.locator("article.loss.picked h4").inner_text().startswith("lsgan")
    assert page.locator("article.loss.picked").evaluate("one => one.getBoundingClientRect().top < innerHeight")


def test_keys_go_from_point_to_point(page: "Page", paper: Path) -> None:
    page.goto(paper.as_uri())
    points = page.locator("a.point")
    points.first.focus()
    page.keyboard.press("Enter")
    first = points.first.get_attribute("data-loss")
    assert shown(page) == [first]
    page.keyboard.press("ArrowRight")
    assert shown(page) == [points.nth(1).get_attribute("data-loss")]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == [points.last.get_attribute("data-loss")]


def test_an_address_selects_its_loss(page: "Page", paper: Path) -> None:
    page.goto(f"{paper.as_uri()}#r1-loss-142")
    assert shown(page) == ["r1-loss-142"]


def test_without_scripts_everything_is_there(browser: "Browser", paper: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(paper.as_uri())
    assert opened.locator("article.loss:visible").count() == opened.locator("article.loss").count() == 10
    opened.locator("a.point[data-loss='r1-loss-71']").click()
    assert opened.url.endswith("#r1-loss-71")
    context.close()


def test_in_print_everything_is_there(page: "Page", paper: Path) -> None:
    page.goto(paper.as_uri())
    page.emulate_media(media="print")
    assert len(shown(page)) == 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_shuts_readers_out_and_nothing_is_wider_than_the_screen(
    browser: "Browser", width: int, scheme: Any, paper: Path, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: pip install it")
    several = write_report([REFERENCE / "logit", REFERENCE / "better-loss" / "digits"], tmp_path / "several.html")
    for path in (paper, several):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        opened = context.new_page()
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(opened).response["violations"]
        serious = [
            (one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")
        ]
        assert serious == []
        context.close()


def test_a_hostile_run_runs_nothing_and_breaks_nothing(page: "Page", tmp_path: Path) -> None:
    for place, text in enumerate((ALL_MARKUP, TEXTS[5], TEXTS[7])):
        folder = tmp_path / str(place)
        folder.mkdir()
        runs = [hostile_search(folder, text), hostile_comparison(folder, text)]
        page.goto(write_report(runs, folder / "report.html").as_uri())
        assert page.title() == "2 runs · ganetic report"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.locator("script").count() == 2
        assert page.locator("a.point").count() > 0
        page.locator("a.point").first.press("Enter")
        assert len(shown(page)) == 1


def test_the_page_of_100_000_trials_opens_at_once(page: "Page", tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    write_run(directory, 100_000)
    path = write_report([directory])
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.locator("a.point").first.wait_for()
    assert time.perf_counter() - began < SECONDS
    assert "1,200 of " in page.locator("figcaption").first.inner_text()
