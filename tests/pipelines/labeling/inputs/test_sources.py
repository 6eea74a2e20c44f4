"""Files elsewhere are read many at a time, and in order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from pipelines.corpora.corpus import Split
from pipelines.files.listing import list_files
from pipelines.files.remote import Location
from pipelines.labeling.inputs.base import Items, ReadTask
from pipelines.labeling.inputs.image_files import ImageFiles, files_per_shard
from pipelines.labeling.inputs.sources import AT_ONCE, OnFilesystem
from tests.inputs import folder_of, members


class Meeting(LocalFileSystem):  # type: ignore[misc]
    """A store that answers when so many ask at once: whoever waits for an answer before asking again waits in vain."""

    cachable = False

    def __init__(self, together: int) -> None:
        super().__init__()
        self._meeting = threading.Barrier(together)

    def open(self, *words: Any, **named: Any) -> Any:
        self._meeting.wait(20)
        return super().open(*words, **named)


def test_a_task_reads_many_files_of_an_object_store_at_once(tmp_path: Path, digits: Split) -> None:
    folder_of(tmp_path, members(digits.images[: 2 * AT_ONCE]))
    store = fs.PyFileSystem(fs.FSSpecHandler(Meeting(AT_ONCE)))
    files = list(list_files(Location(store, str(tmp_path), "x://scans")))
    task = ReadTask(0, (len(files),), files)
    [items] = ImageFiles(OnFilesystem(store, "x:/"), None).read(task, {0})
    assert isinstance(items, Items) and items.reasons is None
    assert np.array_equal(items.images, digits.images[: 2 * AT_ONCE])


@pytest.mark.parametrize(
    ("count", "here", "elsewhere"), [(1, 500, 50), (1_000, 500, 63), (20_000, 1_250, 1_250), (10**8, 2_000, 2_000)]
)
def test_few_files_make_parts_for_all_readers(count: int, here: int, elsewhere: int) -> None:
    assert (files_per_shard(count, is_local=True), files_per_shard(count, is_local=False)) == (here, elsewhere)
