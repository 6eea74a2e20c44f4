"""The JavaScript of the papers runs in a browser, on the page of a server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.docs.conftest import WRITTEN
from tests.docs.papers import Block, blocks
from tests.serve_app.web.drawings import digit, png
from tests.serve_app.web.open_servers import RunningServer


@pytest.mark.parametrize("block", blocks("js"), ids=lambda block: str(block.place))
def test_a_block_runs(block: Block, page: Page, server: RunningServer) -> None:
    logged: list[str] = []
    page.on("console", lambda line: logged.append(line.text))
    text = block.text.replace(WRITTEN, server.url.rstrip("/"))
    # A File from an input has such a type, too.
    file = "new Blob([new Uint8Array(bytes)], { type: 'image/png' })"
    page.evaluate(f"async (bytes) => {{ const file = {file};\n{text}\n}}", list(png(digit(7))))
    assert logged == ["7"]
