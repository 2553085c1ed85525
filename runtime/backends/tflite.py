"""TFLite, on ai-edge-litert where it is installed, else on tflite-runtime."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import math
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.backend import Given, Options, State, check_given, held, initial_state
from edgenets.errors import BackendError, MissingExtra, first_line
from edgenets.native import captured_stderr
from edgenets.quantization import Quantizer, dequantizer

from .checks import check_inputs, check_nothing_left_out, file_of, taken_dtype

FORMAT = "tflite"

_MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}

View = Callable[[], Array]


def version(interpreter: str = "auto") -> str:
    """The package that would run an artifact; MissingExtra where there is none."""
    return _described(*_package(interpreter))


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> TFLiteSession:
    """Load a `.tflite` file; errors as `edgenets.backend.load`."""
    return TFLiteSession(artifact, file_of(artifact, files), options)


class TFLiteSession:
    """One interpreter. States are copied from output to input inside it, never to the caller.

    The interpreter lays its tensors out once, in `allocate_tensors`, and a step moves none of
    them; so their places are looked up once as well. Asking anew in every step, as the
    interpreter's Python interface wants it, would take longer than a small network computes.
    """

    def __init__(self, artifact: Artifact, model: bytes, options: Options) -> None:
        self.artifact = artifact
        name, module = _package(options.interpreter)
        self.runs_on = f"{_described(name, module)}, {options.threads} thread(s)"
        self._package, self._module, self._model, self._threads = (
            name,
            module,
            model,
            options.threads,
        )
        self._initial = initial_state(artifact)
        self._held = held(artifact)
        self._holds = [link.hold for link in artifact.states]
        self._longest_hold = max(self._holds, default=0)
        self._open()
        self.reset()

    def reset(self, given: Given | None = None) -> None:
        """See `edgenets.backend.Session`."""
        if given is not None:
            check_given(self.artifact, given)
        self._step = 0
        if self.artifact.internal_state and self._ran:
            self._open()  # resource variables are only reset with their interpreter
        if given is not None and self.artifact.sequence_inputs:
            self._hold(held(self.artifact, given))
        initial = self._initial if given is None else initial_state(self.artifact, given)
        for (_, into), value in zip(self._states, initial.values(), strict=True):
            into[:] = value.tobytes()

    def _hold(self, values: dict[str, Array]) -> None:
        """Put what stays for a sequence into its place, which is made as long as it is."""
        longer = {n: v.shape for n, v in values.items() if v.shape != self._held[n].shape}
        self._held = values
        if longer:
            self._lay_out(longer)
        for name, value in values.items():
            self._held_places[name][...] = value

    def state(self) -> State:
        """See `edgenets.backend.Session`."""
        if self.artifact.internal_state:
            raise BackendError(f"{self.artifact.id}: keeps its state inside, where nobody reaches")
        links = zip(self._states, self.artifact.states, strict=True)
        values = (
            np.frombuffer(bytes(into), link.input.dtype).reshape(link.input.shape)
            for (_, into), link in links
        )
        return State(tuple(values), self._step)

    def restore(self, state: State) -> None:
        """See `edgenets.backend.Session`."""
        self._step = state.step
        for (_, into), value in zip(self._states, state.values, strict=True):
            into[:] = value.data.cast("B")

    def _delegates(self) -> list[Any] | None:
        """What computes in the interpreter's place; it is held as long as the interpreter."""
        return None

    def _open(self) -> None:
        """Make an interpreter, and find the artifact's tensors in it."""
        artifact, delegates = self.artifact, self._delegates()
        try:
            with captured_stderr():  # it announces its delegates there
                self._interpreter = self._module.Interpreter(
                    model_content=self._model,
                    num_threads=self._threads,
                    experimental_delegates=delegates,
                )
                # Of a file that says what else: `_view` refuses it.
                self._names = _by_name(self._interpreter.get_input_details())
        except Exception as exc:  # of a damaged file, whatever its bytes make of themselves
            raise BackendError(
                f"{artifact.files[0]}: {self._package} refuses it: {_reason(exc)}"
            ) from exc
        self._lay_out({})

    def _lay_out(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Have the interpreter place its tensors, some in other shapes, and look where they are."""
        artifact = self.artifact
        try:
            for name, shape in shapes.items():
                self._interpreter.resize_tensor_input(self._names[name]["index"], shape)
            with captured_stderr():
                self._interpreter.allocate_tensors()
            sources = _by_name(self._interpreter.get_input_details())
            results = _by_name(self._interpreter.get_output_details())
        except Exception as exc:  # as above
            raise BackendError(
                f"{artifact.files[0]}: {self._package} refuses it: {_reason(exc)}"
            ) from exc
        check_nothing_left_out(artifact, sources)
        self._views: list[tuple[View, Array]] = []
        self._inputs = [
            (i.name, i.shape, taken_dtype(i), self._place(i, sources), _quantizer(i))
            for i in artifact.inputs
        ]
        self._outputs = [
            (info.name, self._place(info, results), dequantizer(info.quantization))
            for info in artifact.outputs
        ]
        self._states = [
            (self._bytes(link.output, results), self._bytes(link.input, sources))
            for link in artifact.states
        ]
        self._held_places = {
            info.name: self._place(info, sources) for info in artifact.sequence_inputs
        }
        self._ran = False

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; see `edgenets.backend.Session`."""
        if len(inputs) != len(self._inputs):
            check_inputs(self.artifact, inputs)
        try:
            return self._advance(inputs)
        except (RuntimeError, ValueError) as exc:  # ValueError: a damaged file's tensor is nowhere
            raise BackendError(f"{self.artifact.files[0]}: a step failed: {_reason(exc)}") from exc

    def _advance(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, shape, dtype, into, quantizer in self._inputs:
            value = inputs.get(name)
            if not isinstance(value, np.ndarray) or (value.shape, value.dtype) != (shape, dtype):
                check_inputs(self.artifact, inputs)
            elif quantizer is None:
                into[...] = value
            else:
                quantizer.into(value, into)
        self._invoke()
        outputs = {name: real(place) for name, place, real in self._outputs}
        self._carry()
        return outputs

    def places(self) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        return {name: into for name, _, _, into, _ in self._inputs}

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        try:
            self._invoke()
        except (RuntimeError, ValueError) as exc:
            raise BackendError(f"{self.artifact.files[0]}: a step failed: {_reason(exc)}") from exc
        outputs = {
            name: place if info.quantization is None or name in raw else real(place)
            for (name, place, real), info in zip(self._outputs, self.artifact.outputs, strict=True)
        }
        self._carry()
        return outputs

    def _invoke(self) -> None:
        self._interpreter.invoke()
        if not self._ran:
            self._check_places()
            self._ran = True

    def _carry(self) -> None:
        """The states go on."""
        if self._step < self._longest_hold:
            self._carry_held()
        else:
            for out, following in self._states:
                following[:] = out

    def _carry_held(self) -> None:
        """Carry the states that may move already, in the first steps after a reset."""
        for (out, into), hold in zip(self._states, self._holds, strict=True):
            if self._step >= hold:
                into[:] = out
        self._step += 1

    def _bytes(self, info: TensorInfo, details: dict[str, Any]) -> memoryview:
        """As `_place`, for what is only copied: that takes less time than arrays do."""
        return self._place(info, details).data.cast("B")

    def _place(self, info: TensorInfo, details: dict[str, Any]) -> Array:
        """The tensor's memory, in an array that the interpreter does not count as its own.

        It refuses to run while a view of its own making is held.
        """
        view = self._view(info, details)
        try:
            where = _address(view)
        except ValueError as exc:  # a damaged file's tensor is nowhere
            raise BackendError(f"{self.artifact.files[0]}: {_reason(exc)}") from exc
        shape = tuple(int(d) for d in details[info.name]["shape"])  # the announced one, or longer
        size = math.prod(shape) * np.dtype(info.dtype).itemsize
        memory: Any = (ctypes.c_byte * size).from_address(where)
        place: Array = np.frombuffer(memory, info.dtype).reshape(shape)
        self._views.append((view, place))
        return place

    def _check_places(self) -> None:
        """Make sure, after the first step, that no tensor has moved."""
        if any(_address(view) != place.ctypes.data for view, place in self._views):
            raise BackendError(
                f"{self.artifact.files[0]}: its tensors move while it runs; one whose shapes are "
                f"fixed is needed"
            )

    def _view(self, info: TensorInfo, details: dict[str, Any]) -> View:
        """How the interpreter shows a tensor, which is checked against what was announced."""
        file = self.artifact.files[0]
        if info.name not in details:
            raise BackendError(f"{file}: has no tensor '{info.name}', only {', '.join(details)}")
        found = details[info.name]
        shape, dtype = tuple(int(d) for d in found["shape"]), np.dtype(found["dtype"])
        if not info.fits(shape) or dtype != info.dtype:
            raise BackendError(
                f"{file}: tensor '{info.name}' is {list(shape)} {dtype}; {list(info.shape)} "
                f"{info.dtype} was announced"
            )
        scale, zero_point = found["quantization"]
        q = info.quantization
        if q is not None and not (np.float32(q.scale) == scale and q.zero_point == zero_point):
            raise BackendError(
                f"{file}: tensor '{info.name}' has scale {scale:g}, zero point {zero_point}; "
                f"{q.scale:g}, {q.zero_point} were announced"
            )
        view: View = self._interpreter.tensor(found["index"])
        return view


def _address(view: View) -> int:
    where: int = view().__array_interface__["data"][0]
    return where


def _quantizer(info: TensorInfo) -> Quantizer | None:
    return None if info.quantization is None else Quantizer(info.quantization, info.shape)


def _reason(exc: Exception) -> str:
    """The first line of what an interpreter says, and what to do where that is known."""
    text = first_line(exc)
    if "Select TensorFlow op" in text:
        return (
            f"{text} Flex operators run in TensorFlow alone; convert the model with "
            f"`edgenets convert`, which writes built-in ones"
        )
    return text


def _by_name(details: list[dict[str, Any]]) -> dict[str, Any]:
    return {d["name"]: d for d in details}


def _described(name: str, module: Any) -> str:
    """A package with its version; a nightly build has another package's name."""
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} of {Path(module.__file__).parent}"


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
        f"{' or '.join(wanted)} is needed to run TFLite artifacts and is not installed. "
        f"Install it: pip install 'edgenets[tflite]'"
    )


def _refuse_beside_tensorflow() -> None:
    """tflite-runtime loaded after TensorFlow shares its symbols and dies of bad_alloc."""
    if "tensorflow" in sys.modules and "tflite_runtime.interpreter" not in sys.modules:
        raise BackendError(
            "tflite-runtime cannot be loaded after TensorFlow in one process; "
            "use ai-edge-litert, or a process of its own"
        )
