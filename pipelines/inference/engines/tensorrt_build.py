"""Building TensorRT plans: full TensorRT for the GPU at hand, TensorRT for RTX for named GPUs and without any.

Both have the same Python API, and precision lies in the graph, so there is one way to build for 10.9 and later.
"""

from __future__ import annotations

import hashlib
import importlib
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.errors import EngineError, UsageError
from pipelines.inference.engines.cuda import compute_capability, device_name
from pipelines.inference.engines.plan_cache import PROFILE, PlanKey

FLAVOURS = {"tensorrt": "gpu", "tensorrt_rtx": "rtx"}
"""Each with the extra of this package that installs it."""
AT_HAND = frozenset({"tensorrt"})
"""The flavours that build only for the GPU at hand."""
RTX_CAPABILITIES = (80, 86, 89, 120)

Progress = Callable[[str, int, int], None]
"""Called with the phase, the steps done and the steps in all."""


@dataclass(frozen=True)
class BuiltPlan:
    plan: bytes
    layer_types: dict[str, int]


def load_flavour(flavour: str) -> Any:
    try:
        return importlib.import_module(flavour)
    except ImportError as error:
        raise EngineError(
            f"{flavour} is not installed; pip install 'inkray[{FLAVOURS[flavour]}]' brings it ({error})."
        ) from error


def plan_key(graph: bytes, precision: str, flavour: str, requested: Sequence[int]) -> PlanKey:
    """The key of the plan that is built here for the requested compute capabilities, or the usual ones if none are."""
    aims = (compute_capability(),) if flavour in AT_HAND else tuple(sorted(set(requested or RTX_CAPABILITIES)))
    version, device = load_flavour(flavour).__version__, device_name() if flavour in AT_HAND else ""
    return PlanKey(hashlib.sha256(graph).hexdigest(), flavour, version, aims, precision, platform.machine(), device)


def builds_for(flavour: str, capability: int) -> bool:
    return flavour in AT_HAND or capability in _known(load_flavour(flavour))


def check_builds_for(flavour: str, capabilities: Sequence[int]) -> None:
    for capability in capabilities:
        if not builds_for(flavour, capability):
            names = ", ".join(map(str, sorted(_known(load_flavour(flavour)))))
            raise UsageError(f"{flavour} cannot build for compute capability {capability}; it knows {names}.")


def _known(trt: Any) -> dict[int, Any]:
    return {kind.value: kind for kind in trt.ComputeCapability.__members__.values() if kind.value > 1}


def build_plan(graph: bytes, flavour: str, capabilities: Sequence[int], progress: Progress | None = None) -> BuiltPlan:
    """Build for GPUs of these compute capabilities; full TensorRT builds only for the GPU at hand."""
    trt = load_flavour(flavour)
    log = _log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(_strongly_typed(trt))
    _parse(trt, network, graph, log)
    config = builder.create_builder_config()
    config.add_optimization_profile(_profile(builder, network))
    # Only of a plan built so does the inspector know the types, and not just the names, of its layers.
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if flavour not in AT_HAND:
        _aim(trt, config, flavour, capabilities)
    if progress:
        config.progress_monitor = _monitor(trt, progress)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{flavour} cannot build a plan: {log.reason()}")
    return BuiltPlan(bytes(plan), _layer_types(network))


def _strongly_typed(trt: Any) -> int:
    # TensorRT 11 has no other kind of network, and may drop the flag that 10 needs.
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(trt: Any, network: Any, graph: bytes, log: Any) -> None:
    parser = trt.OnnxParser(network, log)
    if not parser.parse(graph):
        errors = "; ".join(str(parser.get_error(index).desc()) for index in range(parser.num_errors))
        raise EngineError(f"TensorRT cannot parse the graph: {errors or log.reason()}")


def _profile(builder: Any, network: Any) -> Any:
    profile = builder.create_optimization_profile()
    images = network.get_input(0)
    profile.set_shape(images.name, *((batch, *tuple(images.shape)[1:]) for batch in PROFILE))
    return profile


def _aim(trt: Any, config: Any, flavour: str, capabilities: Sequence[int]) -> None:
    check_builds_for(flavour, capabilities)
    known = _known(trt)
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        config.set_compute_capability(known[capability], index)


def _layer_types(network: Any) -> dict[str, int]:
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    types = [layer.get_output(0).dtype.name for layer in layers if layer.type.name != "CONSTANT"]
    return dict(sorted(Counter(types).items()))


def _log(trt: Any) -> Any:
    """Keeps what goes wrong for the error that is raised, where TensorRT would print it."""

    class Log(trt.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self._errors.append(message.strip())

        def reason(self) -> str:
            return self._errors[0] if self._errors else "it did not say why"

    return Log()


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            super().__init__()
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._steps[phase] = steps
            progress(phase, 0, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, step + 1, self._steps.get(phase, 0))
            return True

        def phase_finish(self, phase: str) -> None:
            steps = self._steps.pop(phase, 0)
            progress(phase, steps, steps)

    return Monitor()
