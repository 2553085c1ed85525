"""`convert_whole`: a Keras model of fixed size becomes artefacts in three formats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from edgenets.artefact import Artefact, Format, Precision
from edgenets.errors import ConversionError, UnsupportedPrecision
from edgenets.progress import Progress

from ..formats import MISSING, NOTES, ONNX_NOTES, Converted, Written, activation_type
from ..openvino import to_ir
from . import onnx, tflite
from .function import Function
from .samples import Samples, count


def convert_whole(
    source: Function, samples: Samples | None, to: Sequence[Format],
    precisions: Sequence[Precision], progress: Progress | None = None,
) -> Converted:  # fmt: skip
    """Convert a function of one item.

    Args:
        samples: (items, …) of every input, as the model takes them, to calibrate on; needed for
            int8 and int16x8.
        to: formats to write.
        precisions: precisions to write.

    Returns:
        what was written, and of everything else why not.

    Raises:
        ConversionError: nothing could be written, or samples are missing.
    """
    if any(map(activation_type, precisions)) and not count(samples or {}):
        raise ConversionError(
            "int8 and int16x8 need items to calibrate on; give --data, or leave them out"
        )
    forms = _Forms(source, samples)
    written, missing = [], []
    refused: ConversionError | None = None
    wanted = [(f, p) for f in to for p in precisions]
    with (progress or Progress()).task("converting") as task:
        for done, (format, precision) in enumerate(wanted, 1):
            try:
                written.append(forms.write(format, precision))
            except ConversionError as exc:
                missing.append(str(exc))
                refused = exc
            task.update(done, len(wanted))
    if not written and refused is not None:
        raise refused
    return Converted(tuple(written), tuple(missing))


class _Forms:
    """One model; what several artefacts begin with is made once."""

    def __init__(self, source: Function, samples: Samples | None) -> None:
        self._source, self._samples = source, samples
        self._onnx: dict[Precision, Any] = {}

    def write(self, format: Format, precision: Precision) -> Written:
        """One artefact."""
        if reason := MISSING.get((format, precision)):
            raise UnsupportedPrecision(f"{format} in {precision}: {reason}")
        if format == "tflite":
            return tflite.write(self._source, precision, self._samples)
        stem = f"{format}-{precision}"
        if format == "onnx":
            files = {f"{stem}.onnx": self._as_onnx(precision).SerializeToString()}
            note = ONNX_NOTES.get(precision, NOTES.get((format, precision), ""))
        else:
            # OpenVINO halves float weights itself.
            model = self._as_onnx("fp32" if precision == "fp16" else precision)
            xml, weights = to_ir(model.SerializeToString(), half=precision == "fp16")
            files = {f"{stem}.xml": xml, f"{stem}.bin": weights}
            note = NOTES.get((format, precision), "")
        f = self._source
        artefact = Artefact(format, precision, tuple(files), f.inputs, f.outputs, note=note)
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
            return onnx.halved(plain)
        if precision == "dynamic":
            return onnx.weights_in_bytes(plain)
        assert self._samples is not None, "checked by convert_whole"
        return onnx.quantized(
            plain, self._samples, precision == "int16x8", products_alone=self._source.recurrent
        )

    @cached_property
    def _plain(self) -> Any:
        return onnx.to_onnx(self._source)
