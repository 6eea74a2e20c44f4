"""The camera's picture is read live, and boxed where the numbers are."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.serve_app.web.conftest import CAMERA_SHOWS, NewPage
from tests.serve_app.web.open_servers import RunningServer


def start(page: Page) -> None:
    page.get_by_role("link", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()


def test_a_number_before_the_camera_is_boxed_and_read(page: Page) -> None:
    start(page)
    expect(page.locator("#camera-strings strong")).to_have_text(CAMERA_SHOWS)
    box, stage = page.locator("#camera-boxes .box").bounding_box(), page.locator("#camera-stage").bounding_box()
    assert box and stage
    # The film shows the number in the middle, a bit less than half as wide as the picture.
    middle = (box["x"] + box["width"] / 2 - stage["x"]) / stage["width"]
    assert abs(middle - 0.5) < 0.05
    assert 0.3 < box["width"] / stage["width"] < 0.7
    expect(page.locator("#camera-speed")).to_contain_text("frames per second")


def test_the_camera_ends_with_its_view(page: Page) -> None:
    start(page)
    expect(page.locator("#camera-boxes .box")).to_have_count(1)
    page.get_by_role("link", name="Draw").click()
    assert page.evaluate("document.getElementById('camera-video').srcObject") is None
    page.get_by_role("link", name="Camera").click()
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()


def test_a_number_that_is_still_there_when_the_camera_starts_again_is_read_again(page: Page) -> None:
    start(page)
    expect(page.locator("#camera-strings strong")).to_have_text(CAMERA_SHOWS)
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("#camera-strings strong")).to_have_count(0)
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("#camera-strings strong")).to_have_text(CAMERA_SHOWS)


def test_a_camera_that_is_allowed_when_its_view_was_left_is_given_back(page: Page) -> None:
    page.evaluate(
        """() => {
            const seen = document.documentElement.dataset;
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (constraints) => {
                seen.asked = "yes";
                await new Promise((resolve) => (window.allow = resolve));
                const stream = await ask(constraints);
                for (const track of stream.getTracks()) {
                    const stop = track.stop.bind(track);
                    track.stop = () => { stop(); seen.camera = track.readyState; };
                }
                return stream;
            };
        }"""
    )
    start(page)
    expect(page.locator("html")).to_have_attribute("data-asked", "yes")
    page.get_by_role("link", name="Draw").click()
    page.evaluate("() => window.allow()")
    expect(page.locator("html")).to_have_attribute("data-camera", "ended")


def test_a_camera_that_is_not_allowed_is_reported(page: Page) -> None:
    refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
    page.evaluate(f"() => {{ {refuse} }}")
    start(page)
    expect(page.locator("#camera-notice")).to_contain_text("not allowed to use the camera")


def test_the_camera_goes_on_when_the_server_is_back(new_page: NewPage) -> None:
    server = RunningServer().open()
    page = new_page(server.url)
    start(page)
    expect(page.locator("#camera-boxes .box")).to_have_count(1)
    server.close()
    expect(page.locator("#camera-notice")).to_contain_text("connection to the server is lost")
    server.open()
    expect(page.locator("#camera-boxes .box")).to_have_count(1)
    expect(page.locator("#camera-notice")).to_be_hidden()
    server.close()
