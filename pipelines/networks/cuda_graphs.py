"""Capturing work on a GPU as a CUDA graph, which is launched by one call and costs Python nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

WARM_UP = 3
"""How often work must run on its stream before it is captured: libraries initialise themselves in the first runs."""

ALONE = threading.RLock()
"""Held while a graph is captured, of which PyTorch allows one at a time in a process, and by whoever gives memory back
to the driver, which it does not allow meanwhile."""


def capture(work: Callable[[], object], stream: torch.cuda.Stream, pool: Any = None) -> torch.cuda.CUDAGraph:
    """Record what `work` does on the stream, without doing it. Graphs of one pool share memory and must not overlap.

    The work has run there `WARM_UP` times before, and reads and writes tensors that outlive the graph.
    """
    graph = torch.cuda.CUDAGraph()
    # By "thread_local" other threads may use the GPU meanwhile: other engines read on, and NCCL watches over workers.
    with ALONE, torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        work()
    return graph
