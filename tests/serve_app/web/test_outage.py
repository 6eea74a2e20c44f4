"""A server that goes and comes back: the page says so and goes on by itself."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.serve_app.web.conftest import NewPage
from tests.serve_app.web.drawings import draw_seven
from tests.serve_app.web.open_servers import RunningServer


def test_the_page_reports_an_outage_and_recovers(new_page: NewPage) -> None:
    server = RunningServer().open()
    page = new_page(server.url)
    expect(page.locator("#model")).to_contain_text("builtin")
    server.close()
    draw_seven(page)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(page.locator("#answer-words")).to_have_text("The server does not answer.")
    server.open()
    expect(page.get_by_role("alert")).to_be_hidden()
    # What was drawn meanwhile is read without another stroke.
    expect(page.locator("#answer")).to_have_text("7")
    server.close()


def test_a_starting_server_is_distinguished_from_one_that_is_down(new_page: NewPage) -> None:
    server = RunningServer().open()
    page = new_page(server.url)
    page.route("**/readyz", lambda route: route.fulfill(status=503, json={"error": {"message": "loading"}}))
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The server is starting")
    page.unroute("**/readyz")
    expect(page.get_by_role("alert")).to_be_hidden()
    server.close()
