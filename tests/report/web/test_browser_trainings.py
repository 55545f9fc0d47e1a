"""Pages of trainings, and pages that are served, in a real browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

import pytest

from ganetic.report.web.page import write_report
from ganetic.report.web.watch import Watched, WatchServer
from tests.report.web.pages import REFERENCE
from tests.report.web.test_browser import browser, page, pytestmark
from tests.report.web.trainings import STEPS, add_lines, add_samples, evaluation_in, training_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "page", "pytestmark"]
SERIOUS = ("serious", "critical")
"""What axe calls findings that shut somebody out."""
LONG = 60_000
"""Milliseconds: the machine may be busy."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = training_of(tmp_path_factory.mktemp("shown"))
    evaluation_in(run / "evaluation")
    return write_report([run])


def frames(page: "Page") -> list[str | None]:
    """The steps whose samples are seen."""
    return [one.get_attribute("data-step") for one in page.locator(".frame:visible").all()]


def test_keys_go_from_checkpoint_to_checkpoint(page: "Page", report: Path) -> None:
    page.goto(report.as_uri())
    assert frames(page) == ["30"], "the last is shown first"
    page.get_by_label("Checkpoint").focus()
    page.keyboard.press("ArrowLeft")
    assert frames(page) == ["20"]
    assert page.locator("output").inner_text() == "step 20, fd 35.4"
    assert page.get_by_label("Checkpoint").get_attribute("aria-valuetext") == "step 20, fd 35.4"
    page.keyboard.press("Home")
    assert frames(page) == ["0"]
    page.keyboard.press("End")
    assert frames(page) == ["30"]
    here = page.locator(".here")
    assert here.evaluate("one => getComputedStyle(one).display") == "block"
    assert float(here.get_attribute("x1") or 0) == 702, "the drawing of fd shows where it is"


def test_without_scripts_and_in_print_all_samples_are_there(browser: "Browser", page: "Page", report: Path) -> None:
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert len(frames(page)) == len(STEPS)
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(report.as_uri())
    assert len(frames(opened)) == len(STEPS)
    assert not opened.locator("input").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_shut_out(browser: "Browser", width: int, scheme: Any, report: Path, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: pip install it")
    judged = write_report([evaluation_in(tmp_path / "judged")])
    for path in (report, judged):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        opened = context.new_page()
        opened.goto(path.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(opened).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in SERIOUS] == []
        context.close()


@contextmanager
def served(run: Path) -> Iterator[tuple[WatchServer, Callable[[], None]]]:
    """A server of a run, and what ends it."""
    ticks = iter(range(0, 10**9, 10**4))
    with WatchServer(Watched(run, lambda: float(next(ticks)))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        try:
            yield server, end
        finally:
            end()


@contextmanager
def watching(browser: "Browser", server: WatchServer) -> Iterator["Page"]:
    """A page of the server that fails the test where it asks anybody else, or complains."""
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    opened, asked, complaints = context.new_page(), list[str](), list[str]()
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(server.url)
    yield opened
    context.close()
    assert {url for url in asked if not url.startswith("data:")} == {server.url, f"{server.url}version"}
    assert complaints == []


def test_a_watched_training_is_updated_in_place(browser: "Browser", tmp_path: Path) -> None:
    run = training_of(tmp_path)
    with served(run) as (server, _), watching(browser, server) as opened:
        opened.get_by_text("All settings").click()
        opened.get_by_label("Checkpoint").focus()
        opened.keyboard.press("Home")
        opened.keyboard.press("ArrowRight")
        opened.wait_for_timeout(1000)  # the browser scrolls there smoothly
        before = opened.get_by_label("Checkpoint").bounding_box()
        add_samples(run, 40)
        add_lines(run, {"step": 40, "fd": 21.5, "ill": None, "seconds": 1.0})
        opened.locator(".frame").nth(4).wait_for(state="attached", timeout=LONG)
        assert "The lowest fd is 21.5, at step 40" in opened.locator(".callout").inner_text()
        assert frames(opened) == ["10"], "what was chosen stays"
        assert opened.locator(":focus").get_attribute("id") == "r1-slider"
        after = opened.get_by_label("Checkpoint").bounding_box()
        assert before is not None and after is not None
        assert abs(before["y"] - after["y"]) < 3, "and stays where it was"
        assert opened.locator("details[open]").count() == 1
        opened.keyboard.press("End")
        add_samples(run, 50)
        opened.locator(".frame").nth(5).wait_for(state="attached", timeout=LONG)
        assert frames(opened) == ["50"], "the last one is followed"
        assert opened.locator(".following").inner_text() == "Live: this page follows the run."


def test_a_watched_search_keeps_its_selection(browser: "Browser", tmp_path: Path) -> None:
    run = copytree(REFERENCE / "paper", tmp_path / "run")
    with served(run) as (server, _), watching(browser, server) as opened:
        opened.locator("a.point[data-loss='r1-loss-71']").click()
        version = opened.locator("html").get_attribute("data-version")
        (run / "news").touch()
        opened.locator(f"html:not([data-version='{version}'])").wait_for(timeout=LONG)
        assert opened.locator("article.loss:visible").get_attribute("id") == "r1-loss-71"
        assert opened.locator(":focus").get_attribute("data-loss") == "r1-loss-71"
        opened.keyboard.press("ArrowRight")
        assert opened.locator("article.loss:visible").get_attribute("id") != "r1-loss-71", "and keys go on from there"


def test_the_page_stays_when_its_server_has_ended(browser: "Browser", tmp_path: Path) -> None:
    run = training_of(tmp_path)
    context = browser.new_context()
    opened = context.new_page()
    with served(run) as (server, end):
        opened.goto(server.url)
        end()
        opened.get_by_text("No longer live: the server has ended. The page stays as it was.").wait_for(timeout=LONG)
        assert frames(opened) == ["30"]
    context.close()
