"""Why a converter is closed to a job: it has nothing to calibrate on, or chooses by itself what was
chosen otherwise. Each function takes the job and the precision, and says nothing where it is open.
"""

from __future__ import annotations

from edgenets.artifact import Precision

from .. import formats
from ..whole import tfliteranges
from .converter import Job


def needs_samples(job: Job, precision: Precision) -> str:
    """There is nothing to calibrate on."""
    if formats.activation_type(precision) and not job.samples:
        return "integers need items to calibrate on: --calibration FILE"
    return ""


def chooses_other_zeros(job: Job, precision: Precision) -> str:
    """Zeros of integers are to be 0."""
    if job.quantize.symmetric and formats.activation_type(precision):
        return "TFLiteConverter chooses the zeros of integers itself"
    return ""


def chooses_zeros(job: Job, precision: Precision) -> str:
    """The same, or what TFLite's converter cannot do for integers."""
    return (
        chooses_other_zeros(job, precision)
        or finds_ranges(job, precision)
        or needs_samples(job, precision)
    )


def finds_ranges(job: Job, precision: Precision) -> str:
    """Ranges are to be found as TFLite files have them not."""
    return tfliteranges.why_not(job.quantize.calibrator) if precision == "int8" else ""


def chooses_all(job: Job, precision: Precision) -> str:
    """Scales, zeros or ranges are to be others than litert-quantizer's."""
    if precision != "fp16" and (job.quantize.symmetric or not job.quantize.per_channel):
        return "litert-quantizer chooses scales and zeros itself"
    if precision == "int8" and job.quantize.calibrator != "minmax":
        return "litert-quantizer takes the least and the largest value for ranges"
    return needs_samples(job, precision)


def has_ranges(job: Job, precision: Precision) -> str:
    """What a network was trained with is to be changed."""
    quantize = job.quantize
    if precision == "int8" and (
        quantize.keep_float or quantize.symmetric or not quantize.per_channel
    ):
        return "what a network was trained with is not changed: ranges and scales"
    return ""
