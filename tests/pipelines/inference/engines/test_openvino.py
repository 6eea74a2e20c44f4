"""How OpenVINO's batches are cut: it keeps memory for every size that it has once computed."""

from __future__ import annotations

import pytest

from pipelines.inference.engines.openvino import OpenVinoEngine, sizes


@pytest.mark.parametrize("streams", [1, 2, 3])
def test_batches_of_any_size_are_cut_into_few_sizes(streams: int) -> None:
    seen = set[int]()
    for count in range(2_000):
        cut = list(sizes(count, streams))
        assert sum(cut) == count
        seen.update(cut)
    assert len(seen) <= 60
    assert max(seen) == OpenVinoEngine.max_batch
