"""ONNX Runtime."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, Artifact, TensorInfo
from edgenets.backend import Given, Options, State, check_given, held, initial_state
from edgenets.errors import BackendError, MissingExtra, first_line
from edgenets.extras import require
from edgenets.onnxruntime import NARROW_WEIGHTS, session_options
from edgenets.processor import sums_may_overflow
from edgenets.quantization import dequantize, quantize

from .. import engines
from ..cuda import name_of_gpu
from .checks import check_inputs, check_nothing_left_out, file_of

FORMAT = "onnx"

_CPU = "CPUExecutionProvider"

# ONNX Runtime's levels; its warnings are about optimizations that concern no user.
_LOG_ERRORS = 3

_TYPES = {
    "tensor(float)": "float32", "tensor(int8)": "int8", "tensor(uint8)": "uint8",
    "tensor(int16)": "int16", "tensor(int32)": "int32", "tensor(int64)": "int64",
}  # fmt: skip


def version() -> str:
    """The package that would run an artifact; MissingExtra where there is none."""
    return f"onnxruntime {require('onnxruntime').__version__}"


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> OnnxSession:
    """Load an `.onnx` file; errors as `edgenets.backend.load`."""
    return OnnxSession(artifact, file_of(artifact, files), options)


def _opened(
    ort: Any, artifact: Artifact, model: bytes, settings: Any, trials: list[list[Any]]
) -> tuple[Any, str]:
    """A session with the first providers that can begin, and why others could not."""
    why = ""
    for providers in trials:
        try:
            # Its own fallback tells stdout that it tries the same once more.
            made = ort.InferenceSession(
                model, settings, providers=providers, enable_fallback=0, **session_options(ort)
            )
            return made, why
        except Exception as exc:  # ONNX Runtime's error classes share no base but Exception
            if providers is trials[-1]:
                raise BackendError(f"{artifact.files[0]}: ONNX Runtime refuses it: {exc}") from exc
            name, provider_settings = providers[0]
            why += f"; {name} does not begin: {first_line(exc)}"
            # An engine that was cut short while it was written would stop it every time.
            if place := provider_settings.get("trt_engine_cache_path"):
                shutil.rmtree(place, ignore_errors=True)
    raise AssertionError("there is always a trial")


def _fastest(ort: Any, artifact: Artifact, model: bytes) -> list[Any]:
    """Providers from the fastest on: of TensorRT (in fp16), CUDA and the CPU those that are here.

    What one of them cannot compute, the next one does. A step of a stream is over on a CPU before
    a GPU has begun: it takes 3 to 17 times as long on an H100 (`tests/benchmarks/gpu.py`).
    """
    has = ort.get_available_providers()
    if artifact.states or "CUDAExecutionProvider" not in has:
        return [_CPU]
    try:
        name_of_gpu()
    except MissingExtra:  # the package is for GPUs, the machine is not
        return [_CPU]
    providers: list[Any] = []
    # Of fp32 it makes TF32, with ten bits of a mantissa, and has no option against it.
    half = artifact.precision == "fp16"
    if half and "TensorrtExecutionProvider" in has and engines.library_is_here():
        place = engines.place_of(engines.key_of(model, ort, artifact.precision))
        cache = {} if place is None else {
            "trt_engine_cache_enable": True, "trt_engine_cache_path": str(place),
            "trt_timing_cache_enable": True, "trt_timing_cache_path": str(place),
        }  # fmt: skip
        providers.append(("TensorrtExecutionProvider", {**cache, "trt_fp16_enable": True}))
    # As near to the CPU's numbers as fp32 is.
    return [*providers, ("CUDAExecutionProvider", {"use_tf32": 0}), _CPU]


class OnnxSession:
    """One inference session; its states stay ONNX Runtime's own values between steps."""

    def __init__(self, artifact: Artifact, model: bytes, options: Options) -> None:
        ort = require("onnxruntime")
        self.artifact = artifact
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _LOG_ERRORS
        # A step multiplies matrices with single vectors, for which the integer kernels take longer
        # than the float ones do with the same values, and weights that no integer kernel takes
        # would be dequantized anew in every step (`tests/benchmarks/onnx_step.py`).
        in_float = bool(artifact.states) and artifact.precision in ("int8", "int16x8")
        # Integer kernels answer wrongly to what is not written as `converters.whole.onnxpairs` has
        # it: bundles of before, and files of others. (`session.x64quantprecision` is no way round
        # it: 1.32 refuses files whose products share a zero.)
        if artifact.precision == "int8" and sums_may_overflow():
            in_float = in_float or NARROW_WEIGHTS.encode() not in model
        if in_float:
            settings.add_session_config_entry("session.disable_quant_qdq", "1")
        providers = list(options.providers) or _fastest(ort, artifact, model)
        # What one provider cannot begin with, the next ones can, if nobody asked for that one.
        every = range(1 if options.providers else len(providers))
        trials = [providers[first:] for first in every]
        self._session, why = _opened(ort, artifact, model, settings, trials)
        provider = self._session.get_providers()[0]
        self.runs_on = f"onnxruntime {ort.__version__}, {provider}, {options.threads} thread(s)"
        if in_float:
            self.runs_on += ", integers in float arithmetic"
        self.runs_on += why
        self._check(artifact)
        self._names = [info.name for info in artifact.outputs]
        self._wanted = self._names + [link.output.name for link in artifact.states]
        self._state_names = [link.input.name for link in artifact.states]
        self._quantized_in = [i for i in artifact.inputs if i.quantization is not None]
        self._quantized_out = [i for i in artifact.outputs if i.quantization is not None]
        self._places: dict[str, Array] | None = None
        self._longest_hold = max((link.hold for link in artifact.states), default=0)
        self._held = held(artifact)
        self.reset()

    def reset(self, given: Given | None = None) -> None:
        """See `edgenets.backend.Session`."""
        if given is not None:
            check_given(self.artifact, given)
            self._held = held(self.artifact, given)
        self._step = 0
        self._state = initial_state(self.artifact, given)

    def state(self) -> State:
        """See `edgenets.backend.Session`. No step writes into an array of the one before."""
        return State(tuple(self._state.values()), self._step)

    def restore(self, state: State) -> None:
        """See `edgenets.backend.Session`."""
        self._step = state.step
        self._state = dict(zip(self._state_names, state.values, strict=True))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; see `edgenets.backend.Session`."""
        check_inputs(self.artifact, inputs)
        feeds = {**inputs, **self._state, **self._held}
        for info in self._quantized_in:
            feeds[info.name] = quantize(feeds[info.name], info.quantization)  # type: ignore[arg-type]
        return self._answer(feeds)

    def _answer(self, feeds: dict[str, Array], raw: Collection[str] = ()) -> dict[str, Array]:
        """The outputs, in arrays of their own; the states go on."""
        try:
            values = self._session.run(self._wanted, feeds)
        except Exception as exc:  # as above
            raise BackendError(f"{self.artifact.files[0]}: a step failed: {exc}") from exc
        outputs = dict(zip(self._names, values, strict=False))
        for info in self._quantized_out:
            if info.name not in raw:
                outputs[info.name] = dequantize(outputs[info.name], info.quantization)  # type: ignore[arg-type]
        following = dict(zip(self._state_names, values[len(self._names) :], strict=True))
        if self._step < self._longest_hold:
            for link in self.artifact.states:
                if self._step < link.hold:
                    following[link.input.name] = self._state[link.input.name]
            self._step += 1
        self._state = following
        return outputs

    def places(self) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        if self._places is None:
            self._places = {i.name: np.zeros(i.shape, i.dtype) for i in self.artifact.inputs}
        return self._places

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        return self._answer({**self.places(), **self._state, **self._held}, raw)

    def _check(self, artifact: Artifact) -> None:
        """Hold the file's tensors against what was announced."""
        check_nothing_left_out(artifact, [t.name for t in self._session.get_inputs()])
        found = {t.name: t for t in (*self._session.get_inputs(), *self._session.get_outputs())}
        every: list[TensorInfo] = [*artifact.inputs, *artifact.outputs, *artifact.sequence_inputs]
        every += [info for link in artifact.states for info in (link.input, link.output)]
        for info in every:
            tensor = found.get(info.name)
            if tensor is None:
                raise BackendError(f"{artifact.files[0]}: has no tensor '{info.name}'")
            kind = _TYPES.get(tensor.type, tensor.type)
            shape = tuple(d if isinstance(d, int) else OPEN for d in tensor.shape)
            if shape != info.shape or kind != np.dtype(info.dtype).name:
                raise BackendError(
                    f"{artifact.files[0]}: tensor '{info.name}' is {tensor.shape} {kind}; "
                    f"{list(info.shape)} {info.dtype} was announced"
                )
