"""OpenVINO: the quickest on x86, above all in bf16 where the chip computes that."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress

import openvino
from openvino import properties
from openvino.properties import hint

from pipelines.errors import EngineError
from pipelines.inference.engines.base import BatchSlice, Engine, Images, Probabilities

TYPES = {"bf16": openvino.Type.bf16, "fp32": openvino.Type.f32}

SMALLEST_SHARE = 32
"""Fewer images than this are not worth a second stream."""
STEP = 8
"""Of more images than that so many times as many are computed at a time, and then the rest: OpenVINO compiles for each
size that it meets, and keeps about a megabyte for it."""

UnderWay = deque[tuple[openvino.InferRequest, BatchSlice]]


class OpenVinoEngine(Engine):
    name = "openvino"
    # Larger batches are slower on a CPU: what lies between the layers then leaves the cache.
    max_batch = 256

    def __init__(
        self, graph: bytes, classes: int, threads: int, computes: str = "auto", graph_precision: str = "fp32"
    ) -> None:
        super().__init__(classes)
        core = openvino.Core()
        floats = _best(core) if computes == "auto" else computes
        # What is quantised stays so; the floats around it are computed in the type that was chosen.
        self.precision = floats if graph_precision != "int8" else f"int8+{floats}"
        settings = {
            properties.inference_num_threads: threads,
            # One stream a thread: two batches side by side keep the cores busier than one batch split in two.
            properties.num_streams: threads,
            hint.inference_precision: TYPES[floats],
        }
        try:
            self.compiled = core.compile_model(core.read_model(graph), "CPU", settings)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load the graph: {str(error).strip().splitlines()[-1]}") from error
        self._streams = threads
        # Each thread has its own: none is lent, so none is lost where a call is interrupted.
        self._own = threading.local()

    def _parts(self, images: Images, answer: Probabilities) -> Iterator[BatchSlice]:
        start = 0
        for size in sizes(len(images), self._streams):
            yield BatchSlice(images[start : start + size], answer[start : start + size])
            start += size

    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        requests, under_way = self._requests(), UnderWay()
        try:
            for part in parts:
                full = len(under_way) == len(requests)
                request = _finish(under_way) if full else _awaited(requests[len(under_way)])
                under_way.append((request, part))
                request.start_async([part.images], share_inputs=True)
            while under_way:
                _finish(under_way)
        finally:
            for request, _ in under_way:  # only after an error: they still read the caller's images
                _awaited(request)

    def _requests(self) -> list[openvino.InferRequest]:
        if not hasattr(self._own, "requests"):
            self._own.requests = [self.compiled.create_infer_request() for _ in range(self._streams)]
        return self._own.requests

    def _release(self) -> None:
        del self._own, self.compiled


def sizes(count: int, streams: int) -> Iterator[int]:
    """About equal shares for all streams, since a batch is computed by one of them alone."""
    share = max(SMALLEST_SHARE, -(-count // streams))
    most = min(OpenVinoEngine.max_batch, -(-share // STEP) * STEP)
    while count:
        size = min(most, count)
        if size > SMALLEST_SHARE:
            size -= size % STEP
        yield size
        count -= size


def _finish(under_way: UnderWay) -> openvino.InferRequest:
    """The one that was started longest ago, when it is done."""
    request, part = under_way[0]
    request.wait()
    part.answer[:] = request.get_output_tensor(0).data
    under_way.popleft()
    return request


def _awaited(request: openvino.InferRequest) -> openvino.InferRequest:
    """Done with what an interrupted call may have left it at."""
    with suppress(RuntimeError):
        request.wait()
    return request


def _best(core: openvino.Core) -> str:
    return "bf16" if "BF16" in core.get_property("CPU", properties.device.capabilities) else "fp32"
