"""What an actor makes of a shard: a row for every item, with its value, its reason, or both."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.corpora.corpus import Split
from pipelines.errors import StoreError
from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING
from pipelines.evaluation.crops import cropped
from pipelines.images import to_model_input
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.inference.recognizer import Recognizer
from pipelines.labeling.digits.labeler import DigitLabeler
from pipelines.labeling.digits.thumbnails import GALLERY
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.inputs import Items
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.workload import LabelledShard, ReaderConfig
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore, store_location
from tests.inputs import members


@pytest.fixture(scope="module")
def reading(store: ModelStore) -> ReaderConfig:
    return ReaderConfig("small", open_model("small", store).digest, str(store), "onnxruntime", "fp32", 1, 0.5)


@pytest.fixture(scope="module")
def labeler(reading: ReaderConfig) -> DigitLabeler:
    return DigitLabeler(reading)


def test_another_model_of_the_same_name_is_refused(reading: ReaderConfig) -> None:
    """As on a node that sees another store."""
    with pytest.raises(StoreError, match=r"is another model on .* than where this run was started"):
        DigitLabeler(replace(reading, digest="0" * 64))


@pytest.fixture(scope="module")
def sure(store: ModelStore, digits: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the reader says of the first 200: values and confidences."""
    with Recognizer("small", "onnxruntime", "fp32", 1, str(store)) as reader:
        said = reader.read(digits.images[:200])
        yield said.labels, said.confidences


def shard(images: np.ndarray, reasons: list[str | None] | None = None, sources: str | list[str] = "a.idx") -> Items:
    whys = reasons and [text and Reason(ReasonCode.UNREADABLE_FILE, text) for text in reasons]
    return Items(4, sources, np.arange(len(images)) + 50, images, whys)


def kept(labelled: LabelledShard) -> tuple[np.ndarray, list[float]]:
    """The images kept for the report and how sure each was, by the one file that holds them."""
    [content] = labelled.files.values()
    arrays = np.load(io.BytesIO(content))
    return arrays["images"], arrays["sure"].tolist()


def test_every_item_has_a_row_with_the_readers_value_and_confidence(
    labeler: DigitLabeler, digits: Split, sure: tuple[np.ndarray, np.ndarray]
) -> None:
    rows = labeler.label(shard(digits.images[:200])).rows
    assert rows.schema == SCHEMA
    assert rows["value"].to_pylist() == sure[0].tolist()
    assert np.allclose(rows["confidence"].to_numpy(), sure[1], atol=1e-6)
    assert (rows["value"].to_numpy().astype(int) == digits.labels[:200]).mean() > 0.9
    assert rows["item"].to_pylist() == list(range(50, 250))
    assert set(rows["source"].to_pylist()) == {"a.idx"}
    assert set(rows["engine"].to_pylist()) == {"onnxruntime fp32"}
    assert set(rows["model"].to_pylist()) == {"small:1"}
    assert rows["page"].null_count == 200


def test_each_item_may_have_a_source_of_its_own(labeler: DigitLabeler, digits: Split) -> None:
    names = list(members(digits.images[:3]))
    assert labeler.label(shard(digits.images[:3], sources=names)).rows["source"].to_pylist() == names


def test_what_is_less_sure_than_asked_keeps_its_value_and_is_to_be_reviewed(
    reading: ReaderConfig, digits: Split, sure: tuple[np.ndarray, np.ndarray]
) -> None:
    limit = float(np.sort(sure[1])[99:101].mean())
    rows = DigitLabeler(replace(reading, accept_above=limit)).label(shard(digits.images[:200])).rows
    doubtful = (sure[1] < limit).tolist()
    assert 0 < sum(doubtful) < 200
    assert rows["status"].to_pylist() == ["review" if doubt else "ok" for doubt in doubtful]
    assert rows["reason"].to_pylist() == [f"less sure than {limit:.4g}" if doubt else None for doubt in doubtful]
    assert rows["reason_code"].to_pylist() == ["low_confidence" if doubt else None for doubt in doubtful]
    assert rows["value"].to_pylist() == sure[0].tolist()


def test_a_model_that_is_never_sure_enough_has_every_digit_reviewed(reading: ReaderConfig, digits: Split) -> None:
    rows = DigitLabeler(replace(reading, accept_above=ACCEPT_NOTHING)).label(shard(digits.images[:200])).rows
    assert set(rows["status"].to_pylist()) == {"review"}
    assert set(rows["reason_code"].to_pylist()) == {"low_confidence"}
    assert set(rows["reason"].to_pylist()) == {"this model is never sure enough to be accepted unseen"}


def test_what_could_not_be_read_keeps_its_reason_and_has_no_value(labeler: DigitLabeler, digits: Split) -> None:
    images = digits.images[:6].copy()
    images[[1, 4]] = 0
    told: list[str | None] = [None, "it is null", None, None, "the image is damaged (cut)", None]
    alone = labeler.label(shard(images)).rows.to_pylist()
    rows = labeler.label(shard(images, told)).rows.to_pylist()
    for index, (row, unhurt) in enumerate(zip(rows, alone, strict=True)):
        if told[index] is None:
            assert row == unhurt
        else:
            assert (row["status"], row["reason"]) == ("error", told[index])
            assert row["reason_code"] == "unreadable_file"
            assert (row["value"], row["confidence"]) == (None, None)
            assert (row["source"], row["item"]) == ("a.idx", 50 + index)


def test_a_part_of_which_nothing_could_be_read_is_all_errors(labeler: DigitLabeler) -> None:
    labelled = labeler.label(shard(np.zeros((3, 28, 28), np.uint8), ["a", "b", "c"]))
    assert labelled.rows["status"].to_pylist() == ["error"] * 3
    assert labelled.rows["reason"].to_pylist() == ["a", "b", "c"]
    assert kept(labelled)[1] == []


def test_the_least_certain_come_first_and_without_what_could_not_be_read(
    labeler: DigitLabeler, digits: Split, sure: tuple[np.ndarray, np.ndarray]
) -> None:
    order, images = np.argsort(sure[1], kind="stable"), digits.images[:200]
    shown, certainty = kept(labeler.label(shard(images)))
    assert np.array_equal(shown, images[order[:GALLERY]])
    assert np.allclose(certainty, sure[1][order[:GALLERY]], atol=1e-6)
    reasons = ["damaged" if index == order[0] else None for index in range(200)]
    assert np.array_equal(kept(labeler.label(shard(images, reasons)))[0], images[order[1 : GALLERY + 1]])


def test_pieces_of_a_part_keep_their_images_under_names_of_their_own(labeler: DigitLabeler, digits: Split) -> None:
    [first], [second] = (labeler.label(shard(digits.images[:9]), start).files for start in (0, 9))
    assert first != second


@pytest.mark.parametrize("place", [0, 7])
def test_what_is_no_digit_has_no_value_and_is_to_be_reviewed(
    place: int, reading: ReaderConfig, digits: Split, sure: tuple[np.ndarray, np.ndarray]
) -> None:
    labeler = DigitLabeler(reading)
    names = ["none" if index == place else name for index, name in enumerate(labeler._recognizer.classes)]
    labeler._recognizer.classes = names
    labeler._classes = pa.array(names)
    reasons: list[str | None] = ["damaged", *[None] * 199]
    rows = labeler.label(shard(digits.images[:200], reasons)).rows.to_pylist()
    assert (rows[0]["status"], rows[0]["reason"], rows[0]["value"]) == ("error", "damaged", None)
    found = [row for row, said in zip(rows[1:], sure[0][1:], strict=True) if said == str(place)]
    assert found
    for row in found:
        assert (row["value"], row["status"]) == (None, "review")
        assert (row["reason_code"], row["reason"]) == ("not_a_digit", "it does not look like one digit")
        assert row["confidence"] > 0


def test_a_second_opinion_is_told_by_the_models_that_read(digits: Split) -> None:
    builtin = open_model("builtin")
    config = ReaderConfig("builtin", builtin.digest, store_location(None), "onnxruntime", "fp32", 1, 0.9)
    images = to_model_input(cropped(digits.images[:40], "neighbours"))
    reasons: list[str | None] = ["damaged", *[None] * 39]
    alone = DigitLabeler(config).label(shard(images, reasons)).rows.to_pylist()
    rows = DigitLabeler(config, second_opinion=True).label(shard(images, reasons)).rows.to_pylist()
    changed = [row for row, before in zip(rows, alone, strict=True) if row != before]
    assert changed and {row["model"] for row in changed} == {"builtin:1, builtin-lines:1"}
    assert {row["model"] for row in alone} == {"builtin:1"} and rows[0] == alone[0]
    assert {row["status"] for row in changed} == {"review"}
    assert DigitWorkload("x").identity() != DigitWorkload().identity()
