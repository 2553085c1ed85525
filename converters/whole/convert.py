"""`convert_pictures`: a Keras model of pictures becomes artefacts in three formats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Artefact, Format, Precision, TensorInfo
from edgenets.errors import ConversionError, UnsupportedPrecision
from edgenets.progress import Progress

from . import picture_onnx, picture_tflite
from .formats import MISSING, NOTES, Converted, Written, activation_type
from .openvino import to_ir
from .picture_frozen import Frozen, freeze

_ONNX_NOTES: dict[Precision, str] = {
    "dynamic": "weights are stored in 8 bits; activations stay float",
    "int16x8": "needs opset 21 (ONNX Runtime ≥ 1.20), which computes it in float32 on a CPU",
}


def convert_pictures(
    model: Any, outputs: Sequence[str], pictures: NDArray[np.float32] | None,
    to: Sequence[Format], precisions: Sequence[Precision], progress: Progress | None = None,
) -> Converted:  # fmt: skip
    """Convert a Keras model of one picture.

    Args:
        model: from (batch, height, width, channels) to one tensor or several.
        outputs: what its outputs are called.
        pictures: (n, height, width, channels), as the model takes them, to calibrate on; needed
            for int8 and int16x8.
        to: formats to write.
        precisions: precisions to write.

    Raises:
        ConversionError: a converter refuses the model, or pictures are missing.
    """
    if any(map(activation_type, precisions)) and (pictures is None or not len(pictures)):
        raise ConversionError(
            "int8 and int16x8 need pictures to calibrate on; give --data, or leave them out"
        )
    forms = _Forms(freeze(model, tuple(outputs)), pictures)
    written, missing = [], []
    wanted = [(f, p) for f in to for p in precisions]
    with (progress or Progress()).task("converting") as task:
        for done, (format, precision) in enumerate(wanted, 1):
            try:
                written.append(forms.write(format, precision))
            except UnsupportedPrecision as exc:
                missing.append(str(exc))
            task.update(done, len(wanted))
    return Converted(tuple(written), tuple(missing))


class _Forms:
    """One model; what several artefacts begin with is made once."""

    def __init__(self, frozen: Frozen, pictures: NDArray[np.float32] | None) -> None:
        self._frozen, self._pictures = frozen, pictures
        self._onnx: dict[Precision, Any] = {}

    def write(self, format: Format, precision: Precision) -> Written:
        """One artefact."""
        if reason := MISSING.get((format, precision)):
            raise UnsupportedPrecision(f"{format} in {precision}: {reason}")
        if format == "tflite":
            return picture_tflite.write(self._frozen, precision, self._pictures)
        stem = f"{format}-{precision}"
        if format == "onnx":
            files = {f"{stem}.onnx": self._as_onnx(precision).SerializeToString()}
            note = _ONNX_NOTES.get(precision, NOTES.get((format, precision), ""))
        else:
            # OpenVINO halves float weights itself.
            source = self._as_onnx("fp32" if precision == "fp16" else precision)
            xml, weights = to_ir(source.SerializeToString(), half=precision == "fp16")
            files = {f"{stem}.xml": xml, f"{stem}.bin": weights}
            note = NOTES.get((format, precision), "")
        f = self._frozen
        results = [
            TensorInfo(n, s, "float32") for n, s in zip(f.outputs, f.output_shapes, strict=True)
        ]
        source_info = TensorInfo(f.input, f.shape, "float32")
        artefact = Artefact(
            format, precision, tuple(files), (source_info,), tuple(results), note=note
        )
        return Written(artefact, files)

    def _as_onnx(self, precision: Precision) -> Any:
        if precision not in self._onnx:
            self._onnx[precision] = self._made(precision)
        return self._onnx[precision]

    def _made(self, precision: Precision) -> Any:
        plain = self._plain
        if precision == "fp32":
            return plain
        if precision == "fp16":
            return picture_onnx.halved(plain)
        if precision == "dynamic":
            return picture_onnx.weights_in_bytes(plain)
        assert self._pictures is not None, "checked by convert_pictures"
        wide = precision == "int16x8"
        return picture_onnx.quantized(plain, self._pictures, self._frozen.input, wide)

    @cached_property
    def _plain(self) -> Any:
        return picture_onnx.to_onnx(self._frozen)
