"""OpenVINO, on its CPU plugin."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.backend import Given, Options, State, check_given, held, initial_state
from edgenets.errors import BackendError
from edgenets.extras import require
from edgenets.processor import sums_may_overflow
from edgenets.quantization import PAIR_STEPS, Quantization, dequantize, quantize

from .checks import check_inputs, check_nothing_left_out, file_of

FORMAT = "openvino"


def version() -> str:
    """The package that would run an artifact; MissingExtra where there is none."""
    return f"openvino {_number()}"


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> OpenVinoSession:
    """Load an `.xml` and its `.bin`; errors as `edgenets.backend.load`."""
    if len(artifact.files) != 2:
        raise BackendError(f"{artifact.id}: an .xml and a .bin are needed, found {artifact.files}")
    xml, weights = (file_of(artifact, files, number) for number in range(2))
    return OpenVinoSession(artifact, xml, weights, options)


_IN_FLOAT = ", integers in float arithmetic"

# Weights, and what stands between them and their product.
_STORED = ("Constant", "Convert", "Subtract", "Multiply", "Reshape", "Transpose")


def _compiled(
    core: Any, model: Any, settings: dict[str, Any], artifact: Artifact
) -> tuple[Any, str]:
    """A compiled model, and what is to be said of its arithmetic.

    Without the plugin's passes for low precision a model of integers is computed in float, between
    the same roundings. Seen in OpenVINO 2026.4:

    - a step of a small network is quicker so: 91 against 112 µs for kws-gru (x86);
    - on one thread, products of integers one after another are made one kernel ("snippet"), which
      answers whatever lay in memory (x86 with AVX-512); on two threads, or as kernels of their
      own, they are right;
    - on one thread, gates of a single unit as a snippet are not compiled ("Layout rank can't be
      larger than tensor rank"); as kernels of their own they are;
    - where processors add pairs of products in 16 bits, weights beyond ±64 overflow; no artifact
      that edgenets writes now has such, bundles of before and others' files do;
    - on Arm (Cortex-A72), quantized convolutions are given kernels that the plugin then does not
      have, and compiling ends with "object is not initialized".
    """
    in_float = {**settings, "LP_TRANSFORMS_MODE": "NO"}
    if artifact.precision == "int8" and artifact.states:
        return core.compile_model(model, "CPU", in_float), _IN_FLOAT
    if artifact.precision == "int8" and sums_may_overflow() and _has_wide_weights(model):
        return core.compile_model(model, "CPU", in_float), _IN_FLOAT
    apart = {**settings, "SNIPPETS_MODE": "DISABLE"}
    trials = [(apart, "")] if artifact.precision == "int8" else [(settings, ""), (apart, "")]
    if platform.machine() == "aarch64":
        trials.append((in_float, _IN_FLOAT))
    refusal: RuntimeError | None = None
    for chosen, arithmetic in trials:
        try:
            return core.compile_model(model, "CPU", chosen), arithmetic
        except RuntimeError as exc:
            refusal = refusal or exc
    assert refusal is not None
    raise refusal


def _has_wide_weights(model: Any) -> bool:
    """Whether weights of eight bits reach beyond ±64, of more than one a channel at a place."""
    for op in model.get_ordered_ops():
        if op.get_type_name() != "Constant" or op.get_element_type().get_type_name() != "i8":
            continue
        values, product = op.get_data(), op
        while product.get_type_name() in _STORED:
            product = next(iter(product.output(0).get_target_inputs())).get_node()
        shape = [*op.get_shape()][1:3]
        apart = product.get_type_name() == "GroupConvolution" and shape == [1, 1]
        if not apart and max(values.max(initial=0), -int(values.min(initial=0))) > PAIR_STEPS:
            return True
    return False


class OpenVinoSession:
    """One infer request. States are copied from output tensor to input tensor."""

    def __init__(self, artifact: Artifact, xml: bytes, weights: bytes, options: Options) -> None:
        openvino = require("openvino")
        self.artifact = artifact
        settings = {
            "INFERENCE_PRECISION_HINT": options.inference_precision,
            "INFERENCE_NUM_THREADS": options.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        try:
            core = openvino.Core()
            model = core.read_model(xml, weights)
            compiled, arithmetic = _compiled(core, model, settings, artifact)
            self._request = compiled.create_infer_request()
            names = [port.get_any_name() for port in compiled.inputs]
        except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
            raise BackendError(f"{artifact.files[0]}: OpenVINO refuses it: {_reason(exc)}") from exc
        check_nothing_left_out(artifact, names)
        self.runs_on = (
            f"openvino {_number()}, CPU, {options.inference_precision}, {options.threads} thread(s)"
            f"{arithmetic}"
        )
        self._inputs = [(i.name, self._tensor(i), i.quantization) for i in artifact.inputs]
        self._outputs = [(i.name, self._tensor(i), i.quantization) for i in artifact.outputs]
        self._states = [
            (self._tensor(link.output), self._tensor(link.input), link.hold)
            for link in artifact.states
        ]
        self._initial = initial_state(artifact)
        self._hold(None)
        self.reset()

    def reset(self, given: Given | None = None) -> None:
        """See `edgenets.backend.Session`."""
        if given is not None:
            check_given(self.artifact, given)
            self._hold(given)
        self._step = 0
        initial = self._initial if given is None else initial_state(self.artifact, given)
        for (_, into, _), value in zip(self._states, initial.values(), strict=True):
            into[...] = value

    def _hold(self, given: Given | None) -> None:
        """Hand over what stays for a sequence; the request looks at it there."""
        tensor = require("openvino").Tensor
        self._held = held(self.artifact, given)
        for name, value in self._held.items():
            try:
                self._request.set_tensor(name, tensor(value, shared_memory=True))
            except RuntimeError as exc:
                file = self.artifact.files[0]
                raise BackendError(f"{file}: takes no such '{name}': {_reason(exc)}") from exc

    def state(self) -> State:
        """See `edgenets.backend.Session`."""
        return State(tuple(into.copy() for _, into, _ in self._states), self._step)

    def restore(self, state: State) -> None:
        """See `edgenets.backend.Session`."""
        self._step = state.step
        for (_, into, _), value in zip(self._states, state.values, strict=True):
            into[...] = value

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; see `edgenets.backend.Session`."""
        check_inputs(self.artifact, inputs)
        for name, into, q in self._inputs:
            into[...] = inputs[name] if q is None else quantize(inputs[name], q)
        self._infer()
        return {name: _real(out, q) for name, out, q in self._outputs}

    def places(self) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        return {name: into for name, into, _ in self._inputs}

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        self._infer()
        return {
            name: out if q is None or name in raw else dequantize(out, q)
            for name, out, q in self._outputs
        }

    def _infer(self) -> None:
        """One inference on what stands in the inputs; the states go on."""
        try:
            self._request.infer()
        except RuntimeError as exc:
            raise BackendError(f"{self.artifact.files[0]}: a step failed: {_reason(exc)}") from exc
        for out, into, hold in self._states:
            if self._step >= hold:
                into[...] = out
        self._step += 1

    def _tensor(self, info: TensorInfo) -> Array:
        """The request's memory for a tensor, checked against what was announced."""
        try:
            data: Array = self._request.get_tensor(info.name).data
        except RuntimeError as exc:
            raise BackendError(f"{self.artifact.files[0]}: has no tensor '{info.name}'") from exc
        if data.shape != info.shape or data.dtype != np.dtype(info.dtype):
            raise BackendError(
                f"{self.artifact.files[0]}: tensor '{info.name}' is {list(data.shape)} "
                f"{data.dtype}; {list(info.shape)} {info.dtype} was announced"
            )
        return data


def _real(values: Array, q: Quantization | None) -> Array:
    return values.copy() if q is None else dequantize(values, q)


def _reason(exc: Exception) -> str:
    """The last line of what OpenVINO says: those before it are places in its own source."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[-1]


def _number() -> str:
    return str(require("openvino").__version__).split("-")[0]
