from __future__ import annotations

import gzip
import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.corpora.corpus import Split
from pipelines.corpora.download import Source
from pipelines.corpora.idx import write_idx
from pipelines.corpora.mnist import SHA256, load_mnist, torchvision_source
from pipelines.errors import DataError

NOWHERE = Source(("http://127.0.0.1:9/",), dict.fromkeys((f"{name}.gz" for name in SHA256), "0"))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(measuring_data: Path) -> Iterator[Source]:
    """A mirror of the real files, which are packed otherwise than the published ones and so have other sums."""
    folder = measuring_data / "mnist"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in folder.glob("*.gz")}
    yield Source((f"http://127.0.0.1:{server.server_address[1]}/",), sums)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def half(measuring_data: Path, tmp_path: Path) -> Path:
    """A folder with the test files only, the images raw and the labels packed."""
    labels = "t10k-labels-idx1-ubyte.gz"
    shutil.copyfile(measuring_data / "mnist" / labels, tmp_path / labels)
    packed = (measuring_data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes()
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(gzip.decompress(packed))
    return tmp_path


def test_what_is_missing_is_downloaded(half: Path, mirror: Source) -> None:
    corpus = load_mnist(half, mirror)
    assert corpus.test is not None
    assert (len(corpus.train), len(corpus.test)) == (60_000, 10_000)
    assert sorted(file.name for file in half.iterdir()) == [
        ".lock",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]


def test_offline_the_folder_and_the_ways_out_are_named(half: Path) -> None:
    with pytest.raises(DataError) as error:
        load_mnist(half, NOWHERE)
    assert str(error.value) == (
        f"MNIST is not in {half} and could not be downloaded (train-images-idx3-ubyte.gz from http://127.0.0.1:9/: "
        "[Errno 111] Connection refused). Put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz there, "
        "from a machine that has a network, or take the corpus builtin."
    )


def test_other_digits_under_the_name_of_mnist(tmp_path: Path, digits: Split) -> None:
    for part in ("train", "t10k"):
        write_idx(digits, tmp_path / f"{part}-images-idx3-ubyte.gz", tmp_path / f"{part}-labels-idx1-ubyte.gz")
    with pytest.raises(DataError) as error:
        load_mnist(tmp_path)
    name = "train-images-idx3-ubyte"
    assert str(error.value) == (
        f"{tmp_path}/{name}.gz is not the {name} of MNIST: it is damaged, or holds something else. Delete it to have "
        "it fetched anew, or, if it is meant so, name it by `idx:IMAGES,LABELS`."
    )


@pytest.mark.parametrize("damaged", ["empty", "cut", "gzip"])
def test_a_damaged_file_is_told_with_the_way_out(tmp_path: Path, digits: Split, damaged: str) -> None:
    for part in ("train", "t10k"):
        write_idx(digits, tmp_path / f"{part}-images-idx3-ubyte.gz", tmp_path / f"{part}-labels-idx1-ubyte.gz")
    images = tmp_path / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "gzip": whole[:20] + bytes(20)}[damaged])
    with pytest.raises(DataError, match=r" is not the .* Delete it to have it fetched anew"):
        load_mnist(tmp_path)


def test_a_changed_pixel_is_found(measuring_data: Path, tmp_path: Path) -> None:
    shutil.copytree(measuring_data / "mnist", tmp_path, dirs_exist_ok=True, copy_function=shutil.copyfile)
    packed = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(packed.read_bytes()))
    content[5000] ^= 1
    packed.write_bytes(gzip.compress(content, compresslevel=1))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz is not the t10k-images-idx3-ubyte of MNIST"):
        load_mnist(tmp_path)


def test_torchvision_knows_the_files_by_the_names_we_ask_for() -> None:
    source = torchvision_source()
    assert set(source.md5) == {f"{name}.gz" for name in SHA256}
    assert all(mirror.endswith("/") for mirror in source.mirrors)
