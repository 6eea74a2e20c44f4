"""Documents that hang, crash or fill the memory of whoever opens them cost a sentence, and nothing else."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from jobs.benches.serve.hostile_files import endless_tree, image_bomb, long_stream
from pipelines.documents.document import open_document
from pipelines.documents.limits import Limits
from pipelines.documents.pool import DocumentPool
from pipelines.errors import DataError, InkrayError
from tests.pipelines.documents.workers import workers
from tests.processes import until

TIGHT = Limits(seconds=2, memory_mib=512)
PAGES = [np.random.default_rng(seed).integers(0, 2, (400, 300)).astype(np.uint8) * 255 for seed in range(3)]


def fax() -> bytes:
    content = io.BytesIO()
    first, *others = [Image.fromarray(page).convert("1") for page in PAGES]
    first.save(content, "TIFF", compression="group4", save_all=True, append_images=others)
    return content.getvalue()


@pytest.fixture(scope="module")
def pool() -> Iterator[DocumentPool]:
    with DocumentPool(1, TIGHT) as pool:
        yield pool


def kill_worker(number: int) -> None:
    [worker] = workers()
    os.kill(worker, number)


def test_pages_are_those_that_are_opened_in_this_process(pool: DocumentPool) -> None:
    scan = io.BytesIO()
    Image.fromarray(PAGES[0]).save(scan, "PDF", resolution=100)
    for content in (fax(), scan.getvalue()):
        with pool.open(content, "scan 7") as isolated, open_document(content, "scan 7") as plain:
            assert len(isolated) == len(plain)
            for number in range(len(plain)):
                page = isolated.page(number)
                assert page.dtype == np.uint8 and page.flags.writeable
                assert np.array_equal(page, plain.page(number))


def test_what_is_no_document_is_refused_in_the_same_words(pool: DocumentPool) -> None:
    for content in (b"", b"seven", b"%PDF-1.7 and no more"):
        with pytest.raises(DataError) as plain, open_document(content, "scan 7"):
            pass
        with pytest.raises(DataError) as isolated, pool.open(content, "scan 7"):
            pass
        assert str(isolated.value) == str(plain.value)


def test_a_page_tree_without_end_is_refused_when_time_is_up(pool: DocumentPool) -> None:
    started = time.monotonic()
    with (
        pytest.raises(DataError, match="scan 7: it takes longer than 2 s to open"),
        pool.open(endless_tree(), "scan 7"),
    ):
        pass
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("content", "reason"),
    [(long_stream(), "more than 512 MiB of memory|longer than 2 s"), (image_bomb(), "takes longer than 2 s to open")],
    ids=["content that unpacks to 360 MB", "an image shown 200 times"],
)
def test_a_page_that_exceeds_a_limit_is_refused(pool: DocumentPool, content: bytes, reason: str) -> None:
    assert len(content) < 2**20
    with pool.open(content, "scan 7") as document:
        assert len(document) == 1
        with pytest.raises(DataError, match=f"scan 7, page 1: .*({reason})"):
            document.page(0)
    with pool.open(fax(), "scan 8") as document:
        assert np.array_equal(document.page(2), PAGES[2])


def test_a_worker_that_dies_is_replaced_and_the_rest_of_the_document_read(pool: DocumentPool) -> None:
    with pool.open(fax(), "scan 7") as document:
        kill_worker(signal.SIGSEGV)
        with pytest.raises(DataError, match=r"scan 7, page 1: the process that opened it died \(exit code -11\)"):
            document.page(0)
        assert np.array_equal(document.page(1), PAGES[1])


def test_a_document_that_keeps_killing_workers_is_given_up(pool: DocumentPool) -> None:
    with pool.open(fax(), "scan 7") as document:
        kill_worker(signal.SIGKILL)
        with pytest.raises(DataError, match=r"scan 7, page 1: .*died"):
            document.page(0)
        assert np.array_equal(document.page(1), PAGES[1])
        kill_worker(signal.SIGKILL)
        with pytest.raises(DataError, match=r"scan 7, page 3: .*died"):
            document.page(2)
        with pytest.raises(DataError, match="scan 7: the document is given up, since 2 of its pages broke a limit"):
            document.page(2)


def test_closing_the_pool_ends_what_hangs() -> None:
    pool, raised = DocumentPool(1, Limits(seconds=600)), list[Exception]()

    def read() -> None:
        try:
            with pool.open(endless_tree(), "scan 7"):
                pass
        except InkrayError as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    until(lambda: bool(workers()), "a worker")
    pool.close()
    thread.join(20)
    assert not thread.is_alive() and len(raised) == 1
    with pytest.raises(InkrayError, match="closed"), pool.open(fax(), "scan 8"):
        pass


def test_a_worker_ends_with_its_parent_even_while_it_hangs(tmp_path: Path) -> None:
    file = tmp_path / "hangs.pdf"
    file.write_bytes(endless_tree())
    code = (
        "import sys\n"
        "from pipelines.documents.pool import DocumentPool\n"
        "from pipelines.documents.limits import Limits\n"
        "pool = DocumentPool(1, Limits(seconds=600))\n"
        "pool.start()\n"
        "print(flush=True)\n"
        "with pool.open(open(sys.argv[1], 'rb').read(), 'scan'): pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        parent.stdout.readline()
        [worker] = workers(parent.pid)
        parent.kill()
    until(lambda: not psutil.pid_exists(worker), "the worker ended", 60)
