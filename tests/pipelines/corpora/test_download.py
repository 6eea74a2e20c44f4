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
    """What a mirror serves, and what it was asked for. `cuts`: after how many bytes it hangs up, request by request."""

    content: bytes | None = CONTENT
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        mirror: Mirror = self.server.mirrors[self.path.split("/")[1]]
        asked = self.headers["Range"]
        mirror.asked.append(asked)
        if mirror.content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and mirror.ranges else 0
        if start and start >= len(mirror.content):
            self.send_error(416)
            return
        body = mirror.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: mirror.cuts.pop(0)] if mirror.cuts else body)

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
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}


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
    assert mirror.asked == [None]


def test_a_cut_connection_is_resumed_where_it_broke(mirrors: Mirrors) -> None:
    mirror = mirrors.add(cuts=[100_000, 50_000])
    mirrors.fetch(mirror)
    assert mirror.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert mirrors.files() == {NAME: CONTENT}


def test_the_next_call_resumes_what_the_last_one_left(mirrors: Mirrors) -> None:
    mirror = mirrors.add(cuts=[100_000, 0, 0])
    with pytest.raises(DataError) as error:
        mirrors.fetch(mirror)
    assert str(error.value) == f"{NAME} from {mirror.url}: cut off after 100000 of 256000 bytes"
    assert mirrors.files() == {f"{NAME}.part": CONTENT[:100_000]}
    mirrors.fetch(mirror)
    assert mirror.asked[-1] == "bytes=100000-"
    assert mirrors.files() == {NAME: CONTENT}


def test_a_server_without_ranges_starts_again(mirrors: Mirrors) -> None:
    mirror = mirrors.add(ranges=False, cuts=[100_000])
    mirrors.fetch(mirror)
    assert mirror.asked == [None, "bytes=100000-"], "the whole file of the second answer is the file"
    assert mirrors.files() == {NAME: CONTENT}


def test_a_complete_part_of_other_bytes_is_thrown_away(mirrors: Mirrors) -> None:
    mirrors.folder.mkdir()
    (mirrors.folder / f"{NAME}.part").write_bytes(bytes(len(CONTENT)))
    mirror = mirrors.add()
    mirrors.fetch(mirror)
    assert mirror.asked == ["bytes=256000-", None]
    assert mirrors.files() == {NAME: CONTENT}


def test_the_next_mirror_when_one_lacks_the_file(mirrors: Mirrors) -> None:
    mirrors.fetch(mirrors.add(content=None), mirrors.add())
    assert mirrors.files() == {NAME: CONTENT}


def test_the_next_mirror_when_one_gives_wrong_bytes(mirrors: Mirrors) -> None:
    wrong = mirrors.add(content=b"<html>moved</html>")
    mirrors.fetch(wrong, mirrors.add())
    assert wrong.asked == [None], "a mirror with wrong bytes is not asked twice"
    assert mirrors.files() == {NAME: CONTENT}


def test_half_of_a_wrong_mirror_does_not_spoil_the_right_one(mirrors: Mirrors) -> None:
    wrong = mirrors.add(content=bytes(256_000), cuts=[70_000, 0, 0])
    right = mirrors.add()
    mirrors.fetch(wrong, right)
    assert right.asked == ["bytes=70000-", None]
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
    assert mirror.asked == [None]
    assert mirrors.files() == {NAME: CONTENT}
