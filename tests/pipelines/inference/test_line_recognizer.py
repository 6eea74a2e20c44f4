"""Whole numbers are read at once, alone or beside others, and no model is taken for one of another kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.errors import UsageError
from pipelines.inference.line_recognizer import LineRecognizer, frames_of
from pipelines.inference.recognizer import Recognizer
from pipelines.models.store import ModelStore
from pipelines.strings.ctc import beam_search
from pipelines.strings.reading import read_strings_of
from tests import lines
from tests.pipelines.strings.written import on_paper, row


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("lines")
    store = ModelStore(folder / "store")
    lines.publish(store, folder / "files")
    return store


@pytest.fixture(scope="module")
def reader(store: ModelStore) -> LineRecognizer:
    return LineRecognizer("lines", threads=1, store=str(store))


def test_it_reads_what_it_learnt(reader: LineRecognizer) -> None:
    assert reader.model == "lines:1"
    said = reader([lines.picture(number) for number in lines.KNOWN])
    assert [beam_search(frames)[0].digits for frames in said] == list(lines.KNOWN)


def test_a_line_says_the_same_whatever_is_read_beside_it(reader: LineRecognizer) -> None:
    pictures = [lines.picture(number) for number in ("2", "23", "236523", "7", "611611611")] * 9
    together = reader(pictures)
    for place in range(5):
        (alone,) = reader([pictures[place]])
        assert all(np.allclose(alone, frames, atol=1e-6) for frames in together[place::5])


def test_the_graph_says_what_the_network_says(reader: LineRecognizer) -> None:
    pictures = [lines.picture(number) for number in ("2", "236523")]
    with torch.inference_mode():
        own = frames_of(pictures, lambda some: lines.taught()(torch.from_numpy(some)).softmax(-1).numpy())
    for one, other in zip(reader(pictures), own, strict=True):
        assert np.allclose(one, other, atol=1e-4)
        assert np.allclose(one.sum(1), 1, atol=1e-5)


def test_nothing_to_read_is_nothing_read(reader: LineRecognizer) -> None:
    assert reader([]) == []


def test_a_string_is_read_with_its_digits_in_their_places(reader: LineRecognizer) -> None:
    image = on_paper(row("23"))
    blank = np.full((50, 90), 220, np.uint8)
    reading, nothing = read_strings_of([image, blank], reader)
    assert (nothing.value, nothing.digits) == ("", ())
    assert reading.value == "23" and reading.alternatives[0].digits == "23"
    assert reading.alternatives[0].probability == reading.confidence > 0.5
    (two, three) = reading.digits
    assert (two.label, three.label) == ("2", "3")
    for digit in reading.digits:
        left, top, width, height = digit.box
        assert image[top : top + height, left : left + width].min() < 120
        assert 30 <= height <= 60
    assert two.box[0] < three.box[0]


def test_models_of_single_digits_and_of_lines_are_told_apart(store: ModelStore) -> None:
    with pytest.raises(UsageError, match=r"^builtin:1 reads single digits, not lines; name a model of the network"):
        LineRecognizer("builtin")
    with pytest.raises(UsageError, match=r"^lines:1 reads whole lines, not single digits; open it with LineRecognizer"):
        Recognizer("lines", store=str(store))


def test_a_graph_that_was_changed_is_not_read_with(store: ModelStore, tmp_path: Path) -> None:
    other = ModelStore(tmp_path / "store")
    version = lines.publish(other, tmp_path / "files")
    graph = other.fetch(version) / "model.onnx"
    graph.chmod(0o644)
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(Exception, match=r"is not as lines:1 was published"):
        LineRecognizer("lines", store=str(other))
