"""Artifacts of a model of one's own to be mended, whatever conversion path they came along."""

from __future__ import annotations

from collections.abc import Callable

from edgenets.artifact import Artifact
from edgenets.errors import ConversionError

from .. import stepmend
from ..formats import Written
from ..mend import Subject
from ..step.convert import Steps
from ..verdicts import Verdict
from ..whole import mend
from ..whole.function import Function
from ..whole.integers import OnnxIntegers, TFLiteIntegers
from ..whole.samples import Samples, rows_of
from .conversion import Conversion
from .converter import Job


class Subjects:
    """What `mend` is told of a model's artifacts."""

    def __init__(
        self, job: Job, items: Samples, wanted: mend.Values, judge: Callable[[Written], Verdict]
    ) -> None:
        """Take a model.

        Args:
            job: with items to calibrate on.
            items: others to compare on.
            wanted: the model's answers to them.
            judge: the gate.
        """
        self._job, self._items, self._wanted, self._judge = job, items, wanted, judge
        self._carrier = Conversion(job)

    def of(self, artifact: Artifact) -> Subject:
        """One artifact.

        Raises:
            ConversionError: its layers cannot be kept float one by one.
        """
        format, precision = artifact.format, artifact.precision
        # What OpenVINO reads is rounded before it does.
        given = self._carrier.before("onnx" if format == "openvino" else format, precision)
        if isinstance(given, Steps):
            if len(self._items) > 1:
                raise ConversionError(
                    f"{artifact.id}: a step model of several inputs is not mended"
                )
            (values,) = self._items.values()
            rows = rows_of(values)
            features = rows.reshape(-1, rows.shape[-1])[: stepmend.STEPS * given.graph.frames]
            return stepmend.subject_of(given, format, precision, features, self._judge)
        samples, quantize = self._job.samples, self._job.quantize
        if precision != "int8" or samples is None:
            raise ConversionError(f"{artifact.id}: layers are kept float in int8 alone")
        if isinstance(given, Function) and given.has_ranges:
            raise ConversionError(f"{artifact.id}: was trained with its ranges; train it further")
        if isinstance(given, Function) and given.layers:
            integers: TFLiteIntegers | OnnxIntegers = TFLiteIntegers(
                given, samples, quantize.per_channel, quantize.keep_float
            )
        elif isinstance(given, Written) and given.artifact.format == "onnx":
            integers = OnnxIntegers(
                given, samples, format == "openvino", quantize.per_channel, quantize.symmetric,
                quantize.keep_float,
            )  # fmt: skip
        else:
            raise ConversionError(
                f"{artifact.id}: nothing says which layers it has; give the Keras model, or a file "
                f"of ONNX whose nodes have names"
            )
        return mend.subject_of(integers, self._items, self._wanted, self._judge)
