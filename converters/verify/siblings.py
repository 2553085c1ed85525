"""Artifacts of int8, held against each other.

What OpenVINO reads is what was quantized for ONNX Runtime, so that the two cost a model the same;
TFLite's quantizer is another, and may cost it some times as much. Where one file is much further
from the model than others, something else than rounding is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgenets.arrays import Array

from .outputs import Numbers, Output, channel_errors
from .verdicts import Check, Verdict, number

# How much further from its model a channel may be than the nearest of other formats has it. Of
# networks of every kind the furthest sound one was 1.1 times as far within ONNX Runtime and
# OpenVINO, and 6 times where TFLite's was held against these.
_KIN, _OTHERS = 2.5, 10.0
_ALIKE = ("onnx", "openvino")

# RMS error as a part of the spread, below which formats differ by chance.
_NEAR = 0.05


def errors_of(
    outputs: Sequence[Output], found: Sequence[Array], wanted: Sequence[Array]
) -> Numbers:
    """The RMS error of every channel of every output, (channels,), as a part of its size."""
    return np.concatenate([*map(channel_errors, outputs, found, wanted)])


def beside_siblings(verdicts: Sequence[Verdict], errors: Mapping[str, Numbers]) -> list[Verdict]:
    """Verdicts of int8 artifacts, with the check that holds them against each other.

    Args:
        errors: of artifacts, by id; see `errors_of`. What has none is left as it is.
    """
    rounded = [v for v in verdicts if v.precision == "int8" and v.id in errors]
    if len(rounded) < 2:
        return [*verdicts]
    by_format = {v.format: errors[v.id] for v in rounded}
    return [_held(v, by_format) if v in rounded else v for v in verdicts]


def _held(verdict: Verdict, by_format: Mapping[str, Numbers]) -> Verdict:
    own = by_format[verdict.format]
    others = {format: errors for format, errors in by_format.items() if format != verdict.format}
    kin = [e for format, e in others.items() if {format, verdict.format} <= set(_ALIKE)]
    limit = _KIN if kin else _OTHERS
    least = np.maximum(np.fmin.reduce(kin or [*others.values()]), _NEAR)
    ratio = float(np.max(own / least))
    check = Check("error_beside_others", number(ratio), limit, bool(ratio <= limit))
    return replace(verdict, checks=(*verdict.checks, check))
