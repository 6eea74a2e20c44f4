"""A real Chromium before the real server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serve_app.web.drawings import film
from tests.serve_app.web.open_servers import RunningServer

CAMERA_SHOWS = "4071"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
NewPage = Callable[..., Page]
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("camera") / "camera.mjpeg", CAMERA_SHOWS)


@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Browser]:
    """Each file has its own, since until it is closed no other test of the process can run an event loop."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    opened = RunningServer().open()
    yield opened
    opened.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Opens the page of a server, and fails the test for what the page did wrong meanwhile."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(url: str, **options: object) -> Page:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: "Content Security Policy" in line.text and wrong.append(line.text))
        page.on("request", lambda request: request.url.startswith((url, "blob:")) or wrong.append(request.url))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(new_page: NewPage, server: RunningServer) -> Page:
    return new_page(server.url)
