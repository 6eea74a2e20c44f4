"""Of whole numbers the exact ones count."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.errors import ConversionError, DataError
from pipelines.evaluation.lines import score_lines
from pipelines.networks.weights import load_reader, save_weights
from pipelines.strings.ctc import Value
from pipelines.strings.samples import DrawnLine
from pipelines.training import publishing
from pipelines.training.publishing import finish_lines
from tests import lines


def test_exact_numbers_and_lines_in_which_nothing_is_read() -> None:
    read = [Value("12", 0.9), Value("", 0.8), Value("7", 0.6), Value("", 0.9)]
    scores = score_lines(read, ["12", "", "17", "3"])
    assert (scores.count, scores.accuracy, scores.nothing_read) == (4, 0.5, 1.0)
    assert scores.accepted_share is None and scores.accepted_above is None
    assert scores.sentence().startswith("50.00 % (")
    assert score_lines(read[:1], ["12"]).nothing_read is None


def test_of_many_it_is_known_which_need_no_second_look() -> None:
    read = [Value("1", 0.99)] * 900 + [Value("1", 0.5)] * 200
    scores = score_lines(read, ["1"] * 900 + ["2"] * 200)
    assert (scores.accepted_share, scores.accepted_above) == (pytest.approx(9 / 11), pytest.approx(0.99))


def test_no_lines_are_not_scored() -> None:
    with pytest.raises(DataError, match="there are no lines"):
        score_lines([], [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_weights(tmp_path, lines.DESCRIPTION, lines.taught())
    return tmp_path


def test_the_graph_is_made_and_read_with(folder: Path) -> None:
    scores = finish_lines(folder, [DrawnLine(lines.picture(number), number) for number in lines.KNOWN])
    assert scores is not None and scores.accuracy == 1.0
    assert (folder / "model.onnx").stat().st_size > 10**6
    assert finish_lines(folder, []) is None


def test_a_graph_that_says_something_else_is_not_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = load_reader(folder)
    with torch.no_grad():
        next(iter(other.parameters())).mul_(1.5)
    graph = publishing.export(other)
    monkeypatch.setattr(publishing, "export", lambda reader: graph)
    with pytest.raises(ConversionError, match="The graph of these weights and the network differ by"):
        finish_lines(folder, [DrawnLine(lines.picture("23"), "23")])
