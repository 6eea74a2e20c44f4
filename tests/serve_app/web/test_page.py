"""The page as a whole: by keyboard, on a phone, dark and light."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.serve_app.web.conftest import NewPage
from tests.serve_app.web.open_servers import RunningServer

VIEWS = ("draw", "files", "camera", "forms", "code")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NAMELESS = """() => [...document.querySelectorAll("button, input, select, canvas, video")]
    .filter((one) => !(one.labels?.length || one.ariaLabel || one.innerText?.trim() || one.textContent.trim()))
    .map((one) => one.outerHTML)"""
GROUND = "getComputedStyle(document.body).backgroundColor"


def test_every_view_has_an_address_and_a_title(page: Page, server: RunningServer) -> None:
    titles = set()
    for view in VIEWS:
        page.goto(f"{server.url}#{view}")
        expect(page.locator("main section:visible")).to_have_count(1)
        expect(page.locator(f'[data-view="{view}"]')).to_be_visible()
        expect(page.locator('.views a[aria-current="page"]')).to_have_attribute("href", f"#{view}")
        titles.add(page.title())
    assert len(titles) == len(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_every_view_without_scrolling_sideways(
    new_page: NewPage, server: RunningServer, view: str
) -> None:
    page = new_page(server.url, **PHONE)
    page.goto(f"{server.url}#{view}")
    expect(page.locator(f'[data-view="{view}"] h1')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", reached
    assert reached[0] == "Skip to the content"
    assert {"Draw", "Camera", "paper"} <= {name.strip() for name in reached}


def test_every_control_has_a_name(page: Page) -> None:
    assert page.evaluate(NAMELESS) == []


def test_dark_and_light_follow_the_system_until_chosen(new_page: NewPage, server: RunningServer) -> None:
    page = new_page(server.url, color_scheme="dark")
    dark = page.evaluate(GROUND)
    switch = page.get_by_role("button", name="Theme")
    switch.click()
    expect(switch).to_contain_text("light")
    light = page.evaluate(GROUND)
    assert dark != light
    page.reload()
    assert page.evaluate(GROUND) == light
    switch.click()
    expect(switch).to_contain_text("dark")
    assert page.evaluate(GROUND) == dark


def test_the_examples_name_this_server(page: Page, server: RunningServer) -> None:
    page.get_by_role("link", name="Code").click()
    for example in page.locator(".example code").all_inner_texts():
        assert server.url.removeprefix("http://") in example
