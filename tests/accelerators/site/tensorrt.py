"""A stand-in for NVIDIA's package of this name: its engines are ONNX files, and ONNX Runtime
computes them, on the addresses that the session sets.

It has the face of TensorRT 10, as far as edgenets looks at it, and refuses what the real parser was
seen to refuse: integers whose zero is not 0.
"""

from __future__ import annotations

import ctypes
import enum
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

__version__ = "10.3.0"

# Whether this GPU is one that it knows.
supported = True

_MARK = b"stand-in engine of "


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0


class BuilderFlag(enum.IntEnum):
    FP16 = 0
    TF32 = 1


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0


class TensorIOMode(enum.IntEnum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING = range(3)

    def __init__(self) -> None:
        pass


class Logger(ILogger):
    def __init__(self, severity: int = 2) -> None:
        super().__init__()


class _Error:
    def __init__(self, text: str) -> None:
        self._text = text

    def desc(self) -> str:
        return self._text


class OnnxParser:
    def __init__(self, network: Any, logger: Any) -> None:
        self._network = network
        self._errors: list[_Error] = []

    def parse(self, model: bytes) -> bool:
        if os.environ.get("STAND_IN_CRASHES"):
            os.abort()
        tree = onnx.load_model_from_string(model)
        constants = {i.name: onnx.numpy_helper.to_array(i) for i in tree.graph.initializer}
        for node in tree.graph.node:
            zero = constants.get(node.input[2]) if len(node.input) > 2 else None
            if node.op_type == "QuantizeLinear" and zero is not None and np.any(zero):
                self._errors.append(
                    _Error(
                        "Assertion failed: shiftIsAllZeros(zeroPoint): Non-zero zero point is not "
                        "supported."
                    )
                )
        self._network.model = model
        return not self._errors

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, number: int) -> _Error:
        return self._errors[number]


class _Network:
    model = b""


class _Config:
    def __init__(self) -> None:
        self.flags = {BuilderFlag.TF32}

    def set_memory_pool_limit(self, pool: MemoryPoolType, size: int) -> None:
        assert size > 0

    def set_flag(self, flag: BuilderFlag) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.flags.discard(flag)


class Builder:
    def __init__(self, logger: Any) -> None:
        assert isinstance(logger, ILogger)

    def create_network(self, flags: int) -> _Network:
        assert flags == 1
        return _Network()

    def create_builder_config(self) -> _Config:
        return _Config()

    def build_serialized_network(self, network: _Network, config: _Config) -> bytes:
        if (count := os.environ.get("STAND_IN_BUILDS")) is not None:
            with Path(count).open("a") as file:
                file.write(",".join(sorted(flag.name for flag in config.flags)) + "\n")
        return _MARK + network.model


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._places: dict[str, int] = {}

    def set_tensor_address(self, name: str, place: int) -> bool:
        self._places[name] = place
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if not supported:
            return False
        session = self._engine.session
        feeds = {t.name: self._at(t) for t in session.get_inputs()}
        results = session.get_outputs()
        values = session.run([t.name for t in results], feeds)
        for tensor, value in zip(results, values, strict=True):
            self._at(tensor)[...] = value
        return True

    def _at(self, tensor: Any) -> np.ndarray[Any, Any]:
        kind, count = nptype(tensor.type), int(np.prod(tensor.shape))
        size = count * np.dtype(kind).itemsize
        memory: Any = (ctypes.c_byte * size).from_address(self._places[tensor.name])
        return np.frombuffer(memory, kind, count).reshape(tensor.shape)


class _Engine:
    def __init__(self, model: bytes) -> None:
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self._tensors = {t.name: t for t in (*inputs, *outputs)}
        self._taken = {t.name for t in inputs}
        self.num_io_tensors = len(self._tensors)

    def get_tensor_name(self, number: int) -> str:
        return list(self._tensors)[number]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._taken else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name].shape)

    def get_tensor_dtype(self, name: str) -> str:
        kind: str = self._tensors[name].type
        return kind

    def create_execution_context(self) -> _Context:
        return _Context(self)


class Runtime:
    def __init__(self, logger: Any) -> None:
        assert isinstance(logger, ILogger)
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
        if not supported:  # what TensorRT for RTX 1.7 says on an H100
            self._logger.log(
                ILogger.ERROR,
                "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine cannot "
                "run on this GPU, which has compute capability 9.0.)",
            )
            return None
        return _Engine(plan.removeprefix(_MARK)) if plan.startswith(_MARK) else None


def nptype(kind: str) -> Any:
    return {"tensor(float)": np.float32, "tensor(int32)": np.int32}[kind]
