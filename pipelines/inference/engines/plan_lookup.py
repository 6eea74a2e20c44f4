"""The plan of a model for the GPU at hand: one that was published, one built here before, or one built now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import EngineError
from pipelines.inference.engines.cuda import compute_capability, device_name
from pipelines.inference.engines.plan_cache import (
    PlanKey,
    cache_folder,
    find_plan,
    in_a_file_name,
    only_builder,
    record_of,
    write_plan,
)
from pipelines.inference.engines.tensorrt import PlanRefused, TensorRtEngine
from pipelines.inference.engines.tensorrt_build import build_plan, plan_key
from pipelines.models.folder import ModelFolder


def open_on_this_gpu(model: ModelFolder, flavour: str, precision: str) -> TensorRtEngine:
    """Open the first plan that fits and that the driver accepts; it may refuse one of an older driver."""
    graph = model.graph(precision)
    key = plan_key(graph, precision, flavour, (compute_capability(),))
    compiled = cache_folder() / f"{key.name}-{in_a_file_name(device_name())}.compiled"
    for plan in fitting(model, graph, key):
        try:
            return TensorRtEngine(plan, len(model.classes), flavour, precision, compiled)
        except PlanRefused as error:
            refused = error
    raise refused


def fitting(model: ModelFolder, graph: bytes, wanted: PlanKey) -> Iterator[bytes]:
    """Yield the existing plans that fit, the published ones first, and at last one that is built on demand."""
    cache = cache_folder()
    folders, tried = (model.path / "plans", cache), list[bytes]()
    while (found := find_plan(folders, wanted, tried)).plan is not None:
        tried.append(found.plan)
        yield found.plan
    with _kept_in(cache), only_builder(cache, wanted):
        again = find_plan(folders, wanted, tried)
        plan = again.plan or _built(graph, wanted, cache, again.refused)
    yield plan


def _built(graph: bytes, wanted: PlanKey, cache: Path, refused: Sequence[str]) -> bytes:
    try:
        built = build_plan(graph, wanted.flavour, wanted.capabilities)
    except EngineError as error:
        others = "".join(f" Not usable here: {reason}." for reason in refused)
        raise EngineError(f"{error}{others}") from error
    write_plan(cache, built.plan, record_of(built.plan, wanted, built.layer_types))
    return built.plan


@contextmanager
def _kept_in(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"No plan can be kept in {cache}: {error.strerror}. Make room there, or name another place by INKRAY_CACHE."
        ) from error
