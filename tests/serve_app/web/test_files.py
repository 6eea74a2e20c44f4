"""Files that are chosen or dropped become a table, a bad one a row that says why."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.serve_app.web.drawings import digit, number, png

DROP = """([id, files]) => {
    const transfer = new DataTransfer();
    for (const { name, content } of files) {
        const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: name.endsWith("png") ? "image/png" : "" }));
    }
    const event = (kind) => new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    for (const kind of ["dragover", "drop"]) document.getElementById(id).dispatchEvent(event(kind));
}"""


def file(name: str, content: bytes) -> FilePayload:
    kinds = {"png": "image/png", "pdf": "application/pdf"}
    return {"name": name, "mimeType": kinds.get(name.rpartition(".")[2], ""), "buffer": content}


@pytest.fixture
def files(page: Page) -> Page:
    page.get_by_role("link", name="Files").click()
    return page


def row(page: Page, name: str) -> Locator:
    return page.locator("#files-rows tr").filter(has_text=name)


def choose(page: Page, *chosen: FilePayload) -> None:
    page.set_input_files("#files-input", list(chosen))


def test_digits_are_read_file_by_file_and_bad_ones_say_why(files: Page) -> None:
    files.get_by_label("Read as").select_option("digits")
    broken = png(digit(3))[:60]
    choose(files, file("a.png", png(digit(3))), file("b.png", png(digit(8))), file("broken.png", broken))
    expect(files.locator("#files-status")).to_have_text("3 files read, 1 could not be read")
    expect(row(files, "a.png").locator("strong")).to_have_text("3")
    expect(row(files, "b.png").locator("strong")).to_have_text("8")
    expect(row(files, "broken.png")).to_contain_text("damaged")
    expect(row(files, "a.png").locator("canvas")).to_have_count(2)


def test_what_cannot_be_read_like_this_is_not_sent(files: Page) -> None:
    sent: list[str] = []
    files.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    choose(files, file("scan.pdf", b"%PDF-1.4"), file("notes.txt", b"words"))
    expect(row(files, "scan.pdf")).to_contain_text("choose its template")
    expect(row(files, "notes.txt")).to_contain_text("neither an image nor a PDF")
    assert sent == []


def test_numbers_anywhere_are_found_and_boxed(files: Page) -> None:
    choose(files, file("receipt.png", png(number("4071"))), file("empty.png", png(number(""))))
    expect(row(files, "receipt.png").locator("strong")).to_have_text("4071")
    expect(row(files, "receipt.png").locator(".box")).to_have_count(1)
    expect(row(files, "empty.png")).to_contain_text("No numbers found.")


def test_dropped_files_are_read(files: Page) -> None:
    files.get_by_label("Read as").select_option("digits")
    dropped = [{"name": f"{label}.png", "content": base64.b64encode(png(digit(label))).decode()} for label in (2, 5)]
    files.evaluate(DROP, ["files-drop", dropped])
    for label in ("2", "5"):
        expect(row(files, f"{label}.png").locator("strong")).to_have_text(label)


def test_a_folder_is_read_with_all_below_it_but_what_is_hidden(files: Page, tmp_path: Path) -> None:
    (tmp_path / "scans" / "deep").mkdir(parents=True)
    (tmp_path / "scans" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "scans" / "one.png").write_bytes(png(digit(1)))
    (tmp_path / "scans" / "deep" / "six.png").write_bytes(png(digit(6)))
    files.get_by_label("Read as").select_option("digits")
    files.set_input_files("#folder-input", tmp_path / "scans")
    expect(files.locator("#files-status")).to_have_text("2 files read")
    expect(row(files, "scans/deep/six.png").locator("strong")).to_have_text("6")


def test_the_table_can_be_taken_along_as_csv(files: Page) -> None:
    files.get_by_label("Read as").select_option("digits")
    choose(files, file('=a,"b".png', png(digit(7))), file("broken.png", b"\x89PNG"))
    expect(files.locator("#files-status")).to_have_text("2 files read, 1 could not be read")
    with files.expect_download() as taken:
        files.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text())))
    good, bad = rows
    assert (good["source"], good["value"], good["status"]) == ('\'=a,"b".png', "7", "ok")
    assert (bad["value"], bad["status"]) == ("", "error")
    assert bad["reason"]


def test_many_files_go_in_few_requests(files: Page) -> None:
    sent: list[str] = []
    files.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    files.get_by_label("Read as").select_option("digits")
    choose(files, *(file(f"{place}.png", png(digit(place % 10))) for place in range(70)))
    expect(files.locator("#files-status")).to_have_text("70 files read")
    assert len(sent) == 3
    read = files.locator("#files-rows strong").all_inner_texts()
    assert read == [str(place % 10) for place in range(70)]


def test_a_busy_server_is_asked_again(files: Page) -> None:
    body = {"error": {"kind": "overloaded", "message": "Too much to do.", "request": "1"}}
    busy = {"status": 503, "json": body, "headers": {"Retry-After": "1"}}
    files.route("**/v1/digits*", lambda route: route.fulfill(**busy), times=1)
    files.get_by_label("Read as").select_option("digits")
    choose(files, file("four.png", png(digit(4))))
    expect(row(files, "four.png").locator("strong")).to_have_text("4")
