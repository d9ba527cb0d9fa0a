"""The page in a real browser: no error, no request beyond loopback, readable on a desk and on a phone, and live."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.builders import tiny_territory
from tests.hypervisor.feeding import DUST, FLOOD, frame, listening

from jnt_pipeline.hypervisor.context import context_of
from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.publication.cog import CogExporter
from jnt_pipeline.territory.model import StoredPublication, Territory

pytestmark = pytest.mark.browser

FLAGS = (
    *("--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)  # --no-sandbox: our own pages, in containers where Chromium has no other way


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that can reach loopback addresses only."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs an installed Chromium (apt-get install chromium)")
    with driver.sync_playwright() as playwright:
        # Every name but loopback fails to resolve: the network is cut, whatever this machine has.
        rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        opened = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, rules])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    folder = tmp_path_factory.mktemp("twin")
    territory = tiny_territory(folder)
    cog = folder / "publications" / "cog"
    cog.mkdir(parents=True)
    files = CogExporter().write(territory, cog).files
    published = {"cog": StoredPublication(kind="cog", folder=cog, files=files)}
    return dataclasses.replace(territory, publications=published)


@pytest.fixture
def feed_path(twin: Territory, tmp_path: Path) -> Path:
    deliver(twin, [FLOOD, DUST], tmp_path / "feed.sqlite")
    return tmp_path / "feed.sqlite"


@contextmanager
def visit(browser: Any, url: str, **context: Any) -> Iterator[Any]:
    """The page, opened; afterwards nothing may have gone wrong nor left this machine."""
    wrong: list[str] = []
    visited: list[str] = []
    opened = browser.new_context(**context)
    page = opened.new_page()
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: visited.append(request.url))
    page.goto(url)
    yield page
    opened.close()
    assert wrong == []
    places = {urlsplit(one).netloc for one in visited if not one.startswith("data:")}
    assert places == {urlsplit(url).netloc}


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window_and_draws_its_picture(
    browser: Any, twin: Territory, feed_path: Path, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    size = {"width": width, "height": height}
    with (
        listening(create_app(twin, feed_path)) as url,
        visit(browser, url, viewport=size, color_scheme=scheme) as page,
    ):
        page.locator("#suivi", has_text="connecté").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        overflowing = page.evaluate(
            "[...document.querySelectorAll('main *')].filter("
            "e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('svg')).map(e => e.outerHTML)"
        )
        assert overflowing == []
        assert page.locator("h1").inner_text() == twin.title
        assert page.locator("svg.map").bounding_box()["width"] > 0.5 * min(width, 700)
        assert (
            page.evaluate("fetch(document.querySelector('svg.map image').getAttribute('href')).then(a => a.status)")
            == 200
        )
        picture = tmp_path / "page.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 20_000  # a blank page of this size takes a few thousand bytes


def test_an_alert_that_comes_while_the_page_is_open_is_seen_without_reloading(
    browser: Any, twin: Territory, feed_path: Path
) -> None:
    with listening(create_app(twin, feed_path)) as url, visit(browser, url) as page:
        page.locator("#suivi", has_text="connecté").wait_for()
        assert page.locator(".alert").count() == 2

        later = frame(("V3000001-H", 0, 0.5))  # in 2026, after all those of the twin
        with Feed.open(feed_path) as feed:
            assert feed.record(later, rules=[FLOOD, DUST], context=context_of(twin)).cleared == 1

        page.locator("#suivi", has_text="fin d’alerte, Crue").wait_for()
        page.locator("#resume", has_text="1 alerte en cours").wait_for()
        assert page.locator(".alert").count() == 1
        assert page.locator("#evenements tbody tr").first.inner_text().count("Fin d’alerte – Crue") == 1
        assert page.locator("#stations-carte .pin-alarm").count() == 0


def test_without_javascript_the_page_says_everything_but_the_live_news(
    browser: Any, twin: Territory, feed_path: Path
) -> None:
    with (
        listening(create_app(twin, feed_path)) as url,
        visit(browser, url, java_script_enabled=False) as page,
    ):
        assert page.locator("h2").all_inner_texts() == [
            *("En bref", "Carte", "Alertes en cours", "Capteurs", "Derniers événements"),
            *("Couches du jumeau", "Téléchargements", "Sources"),
        ]
        assert page.locator("noscript").inner_text().startswith("Cette page montre l’état")
        assert page.locator("#suivi").is_hidden()


def test_the_page_is_walked_through_by_keyboard(browser: Any, twin: Territory, feed_path: Path) -> None:
    with listening(create_app(twin, feed_path)) as url, visit(browser, url) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Aller au contenu"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#alertes"
