"""Several processes on one GPU, and one that is killed in the middle of a batch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines.inference.engines import open_engine
from pipelines.inference.engines.base import Probabilities
from pipelines.inference.engines.cuda import cuda_gpus
from pipelines.models.folder import ModelFolder, open_model
from tests.gpu.conftest import FLAVOUR, NO_TENSORRT
from tests.processes import until

Images = NDArray[np.uint8]
NAMES = ["torch_cuda", pytest.param(FLAVOUR, marks=NO_TENSORRT)]
READ_ON = """
import sys
import numpy as np
from pipelines.inference.engines import open_engine
from pipelines.models.folder import open_model
with open_engine(sys.argv[1], open_model("builtin")) as engine:
    images = np.zeros((100_000, 28, 28), np.uint8)
    engine.run(images)
    print("reading", flush=True)
    while True:
        engine.run(images)
"""


def read_elsewhere(name: str, images: Images) -> Probabilities:
    with open_engine(name, open_model("builtin")) as engine:
        return engine.run(images)


@pytest.mark.parametrize("name", NAMES)
def test_four_processes_read_on_one_gpu(name: str, images: Images, truth: Probabilities) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        answers = list(pool.map(read_elsewhere, [name] * 4, [images] * 4))
    for answer in answers:
        assert (answer.argmax(1) == truth.argmax(1)).mean() > 0.998


@pytest.mark.parametrize("name", NAMES)
def test_a_kill_in_mid_batch_harms_nobody_else(
    name: str, model: ModelFolder, images: Images, truth: Probabilities, repo: Path
) -> None:
    with open_engine(name, model) as engine:
        before = torch.cuda.mem_get_info()[0]
        other = subprocess.Popen([sys.executable, "-c", READ_ON, name], cwd=repo, stdout=subprocess.PIPE, text=True)
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "reading\n"
            assert (engine.run(images).argmax(1) == truth.argmax(1)).mean() > 0.998
        finally:
            other.kill()
            other.wait()
        assert (engine.run(images).argmax(1) == truth.argmax(1)).mean() > 0.998
        until(lambda: torch.cuda.mem_get_info()[0] >= before - (32 << 20), "the memory of the dead comes back")


def test_the_driver_and_pytorch_see_the_same_gpus() -> None:
    assert cuda_gpus() == torch.cuda.device_count() > 0
