"""The plan of a model for the GPU at hand: one that was published, one built here before, or one built now."""

from __future__ import annotations

import hashlib

from pipelines.engines.plans import PlanKey, cache_folder, find_plan, only_builder, record_of, write_plan
from pipelines.engines.tensorrt import compute_capability
from pipelines.engines.tensorrt_build import build_plan, load_flavour
from pipelines.errors import EngineError
from pipelines.model_folder import ModelFolder


def plan_for_this_gpu(model: ModelFolder, flavour: str, precision: str) -> bytes:
    graph = model.graph(precision)
    version = load_flavour(flavour).__version__
    wanted = PlanKey(hashlib.sha256(graph).hexdigest(), flavour, version, (compute_capability(),), precision)
    return find_or_build(model, graph, wanted)


def find_or_build(model: ModelFolder, graph: bytes, wanted: PlanKey) -> bytes:
    cache = cache_folder()
    folders = (model.path / "plans", cache)
    found = find_plan(folders, wanted)
    if found.plan is not None:
        return found.plan
    with only_builder(cache, wanted):
        again = find_plan(folders, wanted)
        if again.plan is not None:
            return again.plan
        try:
            built = build_plan(graph, wanted.flavour, wanted.capabilities if wanted.flavour == "tensorrt_rtx" else ())
        except EngineError as error:
            others = "".join(f" Not usable here: {reason}." for reason in found.refused)
            raise EngineError(f"{error}{others}") from error
        write_plan(cache, built.plan, record_of(built.plan, wanted, built.layer_types))
        return built.plan
