"""A server with keys: the page asks for one, keeps it for the tab, and says when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from serve_app.settings import digest
from tests.serve_app.web.conftest import NewPage
from tests.serve_app.web.drawings import draw_seven
from tests.serve_app.web.open_servers import RunningServer

KEY = "a-key-for-tests"


@pytest.fixture(scope="module")
def locked() -> Iterator[RunningServer]:
    server = RunningServer(key_digests=(digest(KEY),)).open()
    yield server
    server.close()


@pytest.fixture
def page(new_page: NewPage, locked: RunningServer) -> Page:
    return new_page(locked.url)


def enter(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")


def test_the_key_is_asked_for_refused_and_taken(page: Page) -> None:
    dialog = page.get_by_role("dialog", name="This server needs an API key")
    expect(dialog).to_be_visible()
    enter(page, "a-wrong-key")
    expect(dialog).to_contain_text("does not accept this key")
    enter(page, KEY)
    expect(dialog).to_be_hidden()
    expect(page.locator("#model")).to_contain_text("builtin")
    draw_seven(page)
    expect(page.locator("#answer")).to_have_text("7")


def test_the_key_lasts_as_long_as_the_tab(page: Page) -> None:
    enter(page, KEY)
    expect(page.locator("#model")).to_contain_text("builtin")
    page.reload()
    expect(page.locator("#model")).to_contain_text("builtin")
    assert page.evaluate("localStorage.length") == 0


def test_who_has_no_key_is_not_asked_at_every_stroke(page: Page) -> None:
    page.get_by_role("button", name="Not now").click()
    draw_seven(page)
    expect(page.locator("#answer-words")).to_contain_text("key")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Key", exact=True).click()
    enter(page, KEY)
    expect(page.locator("#answer")).to_have_text("7")


def test_the_camera_works_with_the_key(page: Page) -> None:
    enter(page, KEY)
    page.get_by_role("link", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("#camera-strings strong")).to_have_text("4071")
