from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from pipelines.training.loop import Stop, check_same_weights
from tests.digits import new_reader

CHANGES = ("none", "last bit", "sign")
DIFFER = "The workers' weights differ after epoch 3, so they no longer train one model."

Said = dict[str, list[str]]


def changed(weight: Tensor, change: str) -> Tensor:
    return {"none": weight, "last bit": torch.nextafter(weight, weight + 1), "sign": -weight}[change]


def stand_together(rank: int, meeting: Path) -> None:
    """One of two workers: the second changes its weights; each writes down what the check says to it."""
    torch.set_num_threads(1)
    limit = timedelta(seconds=100)
    distributed.init_process_group("gloo", f"file://{meeting}/met", rank=rank, world_size=2, timeout=limit)
    said = {}
    for change in CHANGES:
        torch.manual_seed(0)
        reader = new_reader("ink")
        if rank == 1:
            weight = next(reader.parameters()).data
            weight[0] = changed(weight[0], change)
        try:
            check_same_weights(reader, epoch=3)
            said[change] = "the same"
        except Stop as stop:
            said[change] = str(stop)
    (meeting / str(rank)).write_text(json.dumps(said))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    meeting = tmp_path_factory.mktemp("meeting")
    multiprocessing.spawn(stand_together, (meeting,), nprocs=2)
    both = [json.loads((meeting / rank).read_text()) for rank in "01"]
    return {change: [one[change] for one in both] for change in CHANGES}


def test_workers_with_the_same_weights_go_on(said: Said) -> None:
    assert said["none"] == ["the same", "the same"]


@pytest.mark.parametrize("change", ["last bit", "sign"])
def test_workers_with_other_weights_both_stop(change: str, said: Said) -> None:
    assert said[change] == [DIFFER, DIFFER]
