"""The report: one file that needs no other, and says nothing that a file name smuggled in."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipelines.corpora.corpus import Split
from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING
from pipelines.files.storage import LocalStorage
from pipelines.labeling.digits.report import report
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.digits.thumbnails import SHOWN, least_certain, thumbnails, thumbnails_name, unpacked
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.html_page import the_run
from pipelines.labeling.rows import FORMATS, SCHEMA
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.summing import total

BAD = '<b>&"1".png'


def filled(path: Path, digits: Split, kind: str = "parquet", shards: int = 12, per_part: int = 6) -> LabelingRunFolder:
    """Each shard with `per_part` doubtful items and one error; the later a shard, the less certain it is."""
    folder = LabelingRunFolder(LocalStorage(path), kind)
    for shard in range(shards):
        rows = [
            {
                "source": BAD,
                "value": "3",
                "confidence": 0.9 - shard / 20 + item / 1000,
                "status": "review",
                "reason_code": "low_confidence",
                "reason": BAD,
            }
            for item in range(per_part)
        ] + [{"source": "x", "status": "error", "reason_code": "unreadable_file", "reason": "cut"}]
        sure = np.array([row["confidence"] for row in rows[:per_part]], np.float32)
        kept = thumbnails(digits.images[shard * 10 :][:per_part], ["3"] * per_part, sure, ["a.png"] * per_part)
        folder.write(shard, pa.Table.from_pylist(rows, SCHEMA), {thumbnails_name(shard, 0): kept})
    return folder


def written(folder: LabelingRunFolder) -> str:
    found = total(DigitWorkload().tally, folder, map)
    summary = found.as_dict() | {"input": f"/digits/{BAD}", "model": f"small {BAD}", "seconds": 1.5}
    return report(summary, found)


def shown(folder: LabelingRunFolder) -> tuple[list[np.ndarray], list[str]]:
    kept = [content for group in folder.groups() for content in folder.kept(group)]
    least = least_certain(unpacked(kept))
    return [one.image for one in least], [one.caption for one in least]


def images_in(page: str) -> list[Image.Image]:
    data = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]


def test_it_needs_nothing_else(tmp_path: Path, digits: Split) -> None:
    page = written(filled(tmp_path, digits))
    assert page.startswith("<!doctype html>")
    assert len(images_in(page)) == len(re.findall(r"src\s*=", page)) == SHOWN
    without = re.sub(r"base64,[^\"]+", "", page)
    assert not re.search(r"https?:|//|href|url\(|@import|<script|<link|<iframe", without)


def test_names_are_escaped_wherever_they_stand(tmp_path: Path, digits: Split) -> None:
    page = written(filled(tmp_path, digits))
    assert BAD not in page
    assert "<b>&" not in page
    assert page.count("&lt;b&gt;&amp;&quot;1&quot;.png") == 5


def test_it_shows_the_counts_and_the_reasons(tmp_path: Path, digits: Split) -> None:
    page = written(filled(tmp_path, digits))
    for count, name in ((84, "items"), (0, "ok"), (72, "review"), (12, "error")):
        assert f"<b>{count}</b>{name}" in page
    assert "<td>unreadable_file<td class=number>12<td>cut<td>x" in page


@pytest.mark.parametrize(("above", "told"), [(0.5, "0.5"), (1.0, "1.0"), (ACCEPT_NOTHING, "nothing is accepted")])
def test_from_which_confidence_on_is_told_in_words_where_no_number_is_reached(above: float, told: str) -> None:
    assert f"<td>accept above<td>{told}<" in the_run({"accept_above": above}, "items")


@pytest.mark.parametrize("kind", FORMATS)
def test_it_holds_the_least_certain_of_all_parts(kind: str, tmp_path: Path, digits: Split) -> None:
    folder = filled(tmp_path, digits, kind)
    images, captions = shown(folder)
    assert len(images) == len(captions) == SHOWN
    assert [one.caption for one in total(DigitWorkload().tally, folder, map).least] == captions
    assert captions[0] == "3, 35.0 %"
    assert captions[-1] == "3, 70.5 %"
    assert np.array_equal(images[0], digits.images[110])
    assert np.array_equal(images[7], digits.images[101])


def test_what_has_no_value_is_shown_with_a_dash(tmp_path: Path, digits: Split) -> None:
    folder = filled(tmp_path, digits, shards=0)
    kept = thumbnails(digits.images[:1], [None], np.array([0.25], np.float32), ["a.png"])
    folder.write(0, SCHEMA.empty_table(), {thumbnails_name(0, 0): kept})
    assert shown(folder)[1] == ["-, 25.0 %"]


def test_a_run_of_nothing_but_errors_has_a_report_too(tmp_path: Path, digits: Split) -> None:
    page = written(filled(tmp_path, digits, shards=2, per_part=0))
    assert "The least certain" not in page
    assert images_in(page) == []
    assert set(heights(page)) == {0.0}


def heights(page: str) -> list[float]:
    """Of the bars, in percent of the highest."""
    return [float(height) for height in re.findall(r'<i style="height:([0-9.]+)%"', page)]


def test_the_gallery_shows_the_digits_dark_on_light(tmp_path: Path, digits: Split) -> None:
    first, *_ = images_in(written(filled(tmp_path, digits)))
    assert np.array_equal(255 - np.asarray(first), digits.images[110])


def test_bars_are_as_high_as_there_are_many_and_tell_how_many(tmp_path: Path) -> None:
    confidence = np.zeros(20, np.int64)
    confidence[[10, 19]] = 1, 1023
    found = DigitTally(items=1024, values=Counter({"4": 256, "0": 768}), confidence=confidence)
    page = report(found.as_dict() | {"input": "digits"}, found)
    labels, sure = heights(page)[:2], heights(page)[2:]
    assert labels == [100.0, 33.3]
    # Logarithmic, or a single unsure one would not be seen beside a thousand.
    assert (sure[10], sure[19], sum(sure)) == (10.0, 100.0, 110.0)
    assert "0: 768" in page and "4: 256" in page and "0.95 to 1: 1,023" in page
