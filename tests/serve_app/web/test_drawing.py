"""A digit drawn on the page is read while it is drawn."""

from __future__ import annotations

from playwright.sync_api import Page, Request, Route, expect

from tests.serve_app.web.conftest import NewPage
from tests.serve_app.web.drawings import SEVEN, draw_seven
from tests.serve_app.web.open_servers import RunningServer

INK_SEEN = """() => {
    const { data } = document.getElementById("seen").getContext("2d").getImageData(0, 0, 28, 28);
    return data.filter((value, at) => at % 4 === 0 && value > 128).length;
}"""


def test_a_seven_drawn_with_the_mouse_is_read(page: Page) -> None:
    draw_seven(page)
    expect(page.locator("#answer")).to_have_text("7")
    expect(page.locator("#answer-words")).to_contain_text("Read as 7")
    expect(page.locator("#bars li")).to_have_count(11)
    expect(page.locator("#bars li[data-best]")).to_contain_text("7")
    assert page.evaluate(INK_SEEN) > 20


def test_a_finger_draws_too(new_page: NewPage, server: RunningServer) -> None:
    page = new_page(server.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    box = page.locator("#paper").bounding_box()
    assert box
    hand = page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(SEVEN):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        hand.send("Input.dispatchTouchEvent", {"type": "touchMove" if number else "touchStart", "touchPoints": [point]})
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#answer")).to_have_text("7")


def test_keys_clear_the_paper_and_take_back_a_stroke(page: Page) -> None:
    for key in ("Escape", "Delete", "Backspace"):
        draw_seven(page)
        expect(page.locator("#answer")).to_have_text("7")
        page.keyboard.press(key)
        expect(page.locator("#answer")).to_have_text("–")
        expect(page.locator("#answer-words")).to_have_text("Nothing drawn yet.")
        assert page.evaluate(INK_SEEN) == 0


def test_it_is_read_while_it_is_drawn_one_question_at_a_time(page: Page) -> None:
    under_way: set[Request] = set()
    most = asked = 0

    def begin(request: Request) -> None:
        nonlocal most, asked
        if "/v1/digits" in request.url:
            under_way.add(request)
            most, asked = max(most, len(under_way)), asked + 1

    page.on("request", begin)
    page.on("requestfinished", lambda request: under_way.discard(request))
    draw_seven(page)
    expect(page.locator("#answer")).to_have_text("7")
    assert most == 1
    assert asked > 1


def test_the_answer_to_a_cleared_drawing_is_not_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/digits*", lambda route: held.append(route))
    with page.expect_request("**/v1/digits*"):
        draw_seven(page)
    page.get_by_role("button", name="Clear").first.click()
    with page.expect_response("**/v1/digits*"):
        held[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("#answer")).to_have_text("–")
    page.unroute("**/v1/digits*")
    draw_seven(page)
    expect(page.locator("#answer")).to_have_text("7")


def test_an_error_shows_the_message_of_the_server(page: Page) -> None:
    body = {"error": {"kind": "engine", "message": "The engine is being changed.", "request": "1"}}
    page.route("**/v1/digits*", lambda route: route.fulfill(status=503, json=body))
    draw_seven(page)
    expect(page.locator("#answer-words")).to_have_text("The engine is being changed.")
