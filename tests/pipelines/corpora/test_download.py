"""Against a real server on loopback that can be told to misbehave."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.corpora.download import Source, fetch_files
from pipelines.errors import DataError

NAME = "digits.gz"
CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Mirror:
    """What a mirror serves, how often it was asked, and after how many bytes it hangs up, request by request."""

    content: bytes | None = CONTENT
    cuts: list[int] = field(default_factory=list)
    asked: int = 0
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        mirror: Mirror = self.server.mirrors[self.path.split("/")[1]]
        mirror.asked += 1
        if mirror.content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(mirror.content)))
        self.end_headers()
        self.wfile.write(mirror.content[: mirror.cuts.pop(0)] if mirror.cuts else mirror.content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Mirrors:
    def __init__(self, server: Any, folder: Path) -> None:
        self.server, self.folder = server, folder

    def add(self, **behaviour: Any) -> Mirror:
        name = f"m{len(self.server.mirrors)}"
        mirror = self.server.mirrors[name] = Mirror(**behaviour)
        mirror.url = f"http://127.0.0.1:{self.server.server_address[1]}/{name}/"
        return mirror

    def fetch(self, *mirrors: Mirror) -> None:
        fetch_files([NAME], self.folder, Source(tuple(mirror.url for mirror in mirrors), {NAME: MD5}))

    def files(self) -> dict[str, bytes]:
        """All but the lock, which must not go, since another may wait for it."""
        return {file.name: file.read_bytes() for file in self.folder.iterdir() if file.name != ".lock"}


@pytest.fixture
def mirrors(tmp_path: Path) -> Iterator[Mirrors]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.mirrors = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mirrors(server, tmp_path / "mnist")
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_the_whole_file_is_left(mirrors: Mirrors) -> None:
    mirrors.fetch(mirrors.add())
    assert mirrors.files() == {NAME: CONTENT}


def test_what_is_there_is_not_asked_for(mirrors: Mirrors) -> None:
    mirror = mirrors.add()
    mirrors.fetch(mirror)
    mirrors.fetch(mirror)
    assert mirror.asked == 1


def test_what_was_cut_off_is_asked_for_again(mirrors: Mirrors) -> None:
    mirror = mirrors.add(cuts=[100_000, 0])
    mirrors.fetch(mirror)
    assert mirror.asked == 3
    assert mirrors.files() == {NAME: CONTENT}


def test_what_is_cut_off_again_and_again_leaves_nothing_and_can_be_had_later(mirrors: Mirrors) -> None:
    mirror = mirrors.add(cuts=[100_000, 0, 200_000])
    with pytest.raises(DataError) as error:
        mirrors.fetch(mirror)
    assert str(error.value).startswith(f"{NAME} from {mirror.url}: peer closed connection")
    assert mirrors.files() == {}
    mirrors.fetch(mirror)
    assert mirrors.files() == {NAME: CONTENT}


def test_the_next_mirror_when_one_lacks_the_file(mirrors: Mirrors) -> None:
    mirrors.fetch(mirrors.add(content=None), mirrors.add())
    assert mirrors.files() == {NAME: CONTENT}


def test_the_next_mirror_when_one_gives_wrong_bytes(mirrors: Mirrors) -> None:
    wrong = mirrors.add(content=b"<html>moved</html>")
    mirrors.fetch(wrong, mirrors.add())
    assert wrong.asked == 1, "a mirror with wrong bytes is not asked twice"
    assert mirrors.files() == {NAME: CONTENT}


def test_all_fail(mirrors: Mirrors) -> None:
    lacks, wrong = mirrors.add(content=None), mirrors.add(content=b"no")
    nobody = Mirror(url="http://127.0.0.1:9/")
    with pytest.raises(DataError) as error:
        mirrors.fetch(lacks, wrong, nobody)
    found = hashlib.md5(b"no").hexdigest()
    assert str(error.value) == (
        f"{NAME} from {lacks.url}: HTTP 404 Not Found; from {wrong.url}: wrong content, md5 {found} and not {MD5}; "
        f"from {nobody.url}: [Errno 111] Connection refused"
    )
    assert mirrors.files() == {}


def test_a_folder_that_cannot_be_made(mirrors: Mirrors) -> None:
    mirrors.folder.touch()
    with pytest.raises(DataError) as error:
        mirrors.fetch(mirrors.add())
    assert str(error.value) == f"cannot write into {mirrors.folder}: File exists"


def test_two_at_once_do_not_mix_their_bytes(mirrors: Mirrors) -> None:
    mirror = mirrors.add()
    threads = [threading.Thread(target=mirrors.fetch, args=(mirror,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mirror.asked == 1
    assert mirrors.files() == {NAME: CONTENT}
