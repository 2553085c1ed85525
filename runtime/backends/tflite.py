"""TFLite, on ai-edge-litert where it is installed, else on tflite-runtime."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Artefact, TensorInfo
from edgenets.backend import Options, check_inputs, initial_state
from edgenets.errors import BackendError, MissingExtra
from edgenets.quantization import Quantizer, dequantizer

FORMAT = "tflite"

_MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}

View = Callable[[], NDArray[Any]]


def version(interpreter: str = "auto") -> str:
    """The package that would run an artefact; MissingExtra where there is none."""
    name, _ = _package(interpreter)
    return f"{name} {importlib.metadata.version(name)}"


def load(artefact: Artefact, files: Mapping[str, bytes], options: Options) -> TFLiteSession:
    """Load a `.tflite` file; errors as `edgenets.backend.load`."""
    return TFLiteSession(artefact, files[artefact.files[0]], options)


class TFLiteSession:
    """One interpreter. States are copied from output to input inside it, never to the caller."""

    def __init__(self, artefact: Artefact, model: bytes, options: Options) -> None:
        self.artefact = artefact
        name, module = _package(options.interpreter)
        self.runs_on = f"{name} {importlib.metadata.version(name)}, {options.threads} thread(s)"
        try:
            self._interpreter = module.Interpreter(
                model_content=bytes(model), num_threads=options.threads
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, MemoryError) as exc:
            raise BackendError(f"{artefact.files[0]}: {name} refuses it: {exc}") from exc
        sources = _by_name(self._interpreter.get_input_details())
        results = _by_name(self._interpreter.get_output_details())
        links = artefact.states
        self._inputs = [
            (info.name, info.shape, self._view(info, sources), _quantizer(info))
            for info in artefact.inputs
        ]
        self._outputs = [
            (info.name, self._view(info, results), dequantizer(info.quantization))
            for info in artefact.outputs
        ]
        self._states = [
            (self._view(link.output, results), self._view(link.input, sources)) for link in links
        ]
        initial = initial_state(artefact)
        self._initial = [initial[link.input.name] for link in links]
        self._holds = [link.hold for link in links]
        self._longest_hold = max(self._holds, default=0)
        self.reset()

    def reset(self) -> None:
        """Put the state back to its initial value."""
        self._step = 0
        for (_, into), value in zip(self._states, self._initial, strict=True):
            into()[...] = value

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One inference; see `edgenets.backend.Session`."""
        if len(inputs) != len(self._inputs):
            check_inputs(self.artefact, inputs)
        for name, shape, into, quantizer in self._inputs:
            value = inputs.get(name)
            if value is None or value.shape != shape:
                check_inputs(self.artefact, inputs)
            elif quantizer is None:
                into()[...] = value
            else:
                quantizer.into(value, into())
        self._interpreter.invoke()
        outputs = {name: real(view()) for name, view, real in self._outputs}
        if self._step < self._longest_hold:
            self._carry_held()
        else:
            for out, into in self._states:
                into()[...] = out()
        return outputs

    def _carry_held(self) -> None:
        """Carry the states that may move already, in the first steps after a reset."""
        for (out, into), hold in zip(self._states, self._holds, strict=True):
            if self._step >= hold:
                into()[...] = out()
        self._step += 1

    def _view(self, info: TensorInfo, details: dict[str, Any]) -> View:
        """The tensor's place in the interpreter, checked against what was announced."""
        file = self.artefact.files[0]
        if info.name not in details:
            raise BackendError(f"{file}: has no tensor '{info.name}', only {', '.join(details)}")
        found = details[info.name]
        if tuple(found["shape"]) != info.shape or np.dtype(found["dtype"]) != info.dtype:
            raise BackendError(
                f"{file}: tensor '{info.name}' is {list(found['shape'])} {np.dtype(found['dtype'])}; "
                f"{list(info.shape)} {info.dtype} was announced"
            )
        view: View = self._interpreter.tensor(found["index"])
        return view


def _quantizer(info: TensorInfo) -> Quantizer | None:
    return None if info.quantization is None else Quantizer(info.quantization, info.shape)


def _by_name(details: list[dict[str, Any]]) -> dict[str, Any]:
    return {d["name"]: d for d in details}


def _package(interpreter: str) -> tuple[str, Any]:
    """Name and module of the interpreter's package."""
    wanted = list(_MODULES) if interpreter == "auto" else [interpreter]
    for name in wanted:
        if name == "tflite-runtime":
            _refuse_beside_tensorflow()
        try:
            return name, importlib.import_module(_MODULES[name])
        except ImportError:
            continue
    raise MissingExtra(
        f"{' or '.join(wanted)} is needed to run TFLite artefacts and is not installed. "
        f"Install it: pip install 'edgenets[tflite]'"
    )


def _refuse_beside_tensorflow() -> None:
    """tflite-runtime loaded after TensorFlow shares its symbols and dies of bad_alloc."""
    if "tensorflow" in sys.modules and "tflite_runtime.interpreter" not in sys.modules:
        raise BackendError(
            "tflite-runtime cannot be loaded after TensorFlow in one process; "
            "use ai-edge-litert, or a process of its own"
        )
