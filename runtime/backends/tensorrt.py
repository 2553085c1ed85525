"""TensorRT, by engines that are built of ONNX artifacts on the board itself.

A stream's state never leaves the GPU: of every state there are two places, of which a step reads
the one and writes the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, Artifact, TensorInfo
from edgenets.backend import Given, Options, State, check_given, initial_state
from edgenets.errors import BackendError

from .. import engines
from ..cuda import Gpu, name_of_gpu
from .checks import check_inputs, check_nothing_left_out, file_of

FORMAT = "onnx"

PRECISIONS = engines.PRECISIONS


def version() -> str:
    """What would run an artifact; MissingExtra where the package or the GPU is not there."""
    return f"{engines.version()}, {name_of_gpu()}"


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> TensorRtSession:
    """Load an `.onnx` file, whose engine is built if there is none yet; errors as
    `edgenets.backend.load`."""
    return TensorRtSession(artifact, file_of(artifact, files))


def prepare(artifact: Artifact, files: Mapping[str, bytes]) -> None:
    """See `edgenets.backend.prepare`: the engine is built and kept."""
    engines.engine_of(file_of(artifact, files), artifact.precision, artifact.files[0])


class TensorRtSession:
    """One engine with its memory on the GPU."""

    def __init__(self, artifact: Artifact, model: bytes) -> None:
        file = artifact.files[0]
        every = [*artifact.inputs, *artifact.outputs, *artifact.sequence_inputs]
        if any(OPEN in info.shape for info in every):
            raise BackendError(f"{file}: an input is of open size, of which no engine is built")
        trt = engines.tensorrt()
        built = engines.engine_of(model, artifact.precision, file)
        self.artifact, self._gpu = artifact, Gpu()
        self._logger = engines.logger(trt)  # it speaks to this object as long as it lives
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(built.plan)
        if self._engine is None:
            why = self._logger.last or "no reason given"
            raise BackendError(f"{file}: {trt.__name__} does not run its engine here: {why}")
        self._check(trt)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            why = self._logger.last or "its memory may be full"
            raise BackendError(f"{file}: {trt.__name__} cannot begin on the GPU: {why}")
        how = "kept engine" if built.kept else f"engine built in {built.seconds:.0f} s"
        self.runs_on = f"{engines.version()} on {name_of_gpu()}, {how}"
        gpu = self._gpu
        self._inputs = [self._placed(i) for i in (*artifact.inputs, *artifact.sequence_inputs)]
        self._outputs = [self._placed(o) for o in artifact.outputs]
        self._links = [
            (link, [gpu.allocate(_bytes(link.input)) for _ in range(2)]) for link in artifact.states
        ]
        self._longest_hold = max((link.hold for link in artifact.states), default=0)
        self.reset()

    def reset(self, given: Given | None = None) -> None:
        """See `edgenets.backend.Session`."""
        self._gpu.enter()
        if given is not None:
            check_given(self.artifact, given)
            for info, host, place in self._inputs[len(self.artifact.inputs) :]:
                host[...] = given[info.name].reshape(info.shape)
                self._gpu.put(place, host)
        self.restore(State(tuple(initial_state(self.artifact, given).values()), 0))

    def state(self) -> State:
        """See `edgenets.backend.Session`."""
        self._gpu.enter()
        values = [np.empty(link.input.shape, link.input.dtype) for link, _ in self._links]
        for value, (_, (now, _)) in zip(values, self._links, strict=True):
            self._gpu.take(value, now)
        self._gpu.wait()
        return State(tuple(values), self._step)

    def restore(self, state: State) -> None:
        """See `edgenets.backend.Session`."""
        self._gpu.enter()
        self._step = state.step
        for value, (_, (now, _)) in zip(state.values, self._links, strict=True):
            self._gpu.put(now, np.ascontiguousarray(value))
        self._gpu.wait()  # the caller's arrays are the caller's again

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; see `edgenets.backend.Session`."""
        check_inputs(self.artifact, inputs)
        for info, host, _ in self._inputs[: len(self.artifact.inputs)]:
            host[...] = inputs[info.name]
        return {name: value.copy() for name, value in self.infer().items()}

    def places(self) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        own = self._inputs[: len(self.artifact.inputs)]
        return {info.name: host for info, host, _ in own}

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        gpu, context = self._gpu, self._context
        gpu.enter()
        for _, host, place in self._inputs[: len(self.artifact.inputs)]:
            gpu.put(place, host)
        for link, (now, following) in self._links:
            context.set_tensor_address(link.input.name, now)
            context.set_tensor_address(link.output.name, following)
        if not context.execute_async_v3(gpu.stream):
            why = self._logger.last or "no reason given"
            raise BackendError(f"{self.artifact.files[0]}: a step failed on the GPU: {why}")
        for _, host, place in self._outputs:
            gpu.take(host, place)
        gpu.wait()
        self._carry()
        return {info.name: host for info, host, _ in self._outputs}

    def _carry(self) -> None:
        """What a step wrote is what the next one reads, but for states that are held."""
        for link, places in self._links:
            if self._step >= link.hold:
                places.reverse()
        if self._step < self._longest_hold:
            self._step += 1

    def _placed(self, info: TensorInfo) -> tuple[TensorInfo, Array, int]:
        """A tensor with its memory here and there."""
        place = self._gpu.allocate(_bytes(info))
        host = self._gpu.host(info.shape, info.dtype)
        self._context.set_tensor_address(info.name, place)
        self._gpu.put(place, host)
        return info, host, place

    def _check(self, trt: Any) -> None:
        """Hold the engine's tensors against what was announced."""
        engine, artifact, file = self._engine, self.artifact, self.artifact.files[0]
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        taken = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        check_nothing_left_out(artifact, taken)
        every = [*artifact.inputs, *artifact.outputs, *artifact.sequence_inputs]
        every += [info for link in artifact.states for info in (link.input, link.output)]
        for info in every:
            if info.name not in names:
                raise BackendError(f"{file}: has no tensor '{info.name}'")
            shape = tuple(engine.get_tensor_shape(info.name))
            kind = np.dtype(trt.nptype(engine.get_tensor_dtype(info.name))).name
            if shape != info.shape or kind != info.dtype:
                raise BackendError(
                    f"{file}: tensor '{info.name}' is {list(shape)} {kind}; {list(info.shape)} "
                    f"{info.dtype} was announced"
                )


def _bytes(info: TensorInfo) -> int:
    return info.elements * np.dtype(info.dtype).itemsize
