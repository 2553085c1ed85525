"""Artifacts of one precision, held against each other.

Rounding to int8 costs a model about the same in every format, whichever it costs: the same weights
by channel, the same activations by tensor. What it costs is only known by trying; where one
format's file is much further from the model than another's, something else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgenets.arrays import Array

from .outputs import Numbers, Output, channel_errors
from .verdicts import Check, Verdict, number

# How much further from its model a channel of an int8 file may be than the nearest of other formats
# has it. Of twelve networks of every kind the furthest sound one was twice as far.
_FURTHER = 2.5

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
    known = {v.id: errors[v.id] for v in verdicts if v.precision == "int8" and v.id in errors}
    if len(known) < 2:
        return [*verdicts]
    return [_held(v, known) if v.id in known else v for v in verdicts]


def _held(verdict: Verdict, errors: Mapping[str, Numbers]) -> Verdict:
    others = [error for id, error in errors.items() if id != verdict.id]
    least = np.maximum(np.fmin.reduce(others), _NEAR)
    ratio = float(np.max(errors[verdict.id] / least))
    check = Check("error_beside_others", number(ratio), _FURTHER, bool(ratio <= _FURTHER))
    return replace(verdict, checks=(*verdict.checks, check))
