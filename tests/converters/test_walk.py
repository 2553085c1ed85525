"""The step graph says, step after step, what the Keras model says of the whole sequence."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from edgenets import backend
from edgenets.converters import formats
from edgenets.converters.graph import StepGraph
from edgenets.converters.passes import isolate_fixed, simplify
from edgenets.converters.reference import Reference
from edgenets.converters.walk import walk
from edgenets.errors import ConversionError
from tests.converters import nets

# Nets that keep their state only in whole steps are refused where time does not come out even.
UNEVEN = ("no whole number of steps", "does not divide", "not in step with each other")
UNEVEN += ("more than its window", "stands between a left padding", "ends the model with")

drawing = settings(
    deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


def hold(streamed: NDArray[np.float32], whole: Any, graph: StepGraph, tolerance: float) -> None:
    """Compare (streams, frames, channels) of all steps with what Keras says of the sequence."""
    whole = np.asarray(whole)
    frames_out = graph.shapes[graph.output][0]
    if whole.ndim == 2:
        whole = whole[:, None]
    if vector(graph, whole):
        delay = 0
        streamed = streamed[:, -1:]
    else:
        delay = streamed.shape[1] - whole.shape[1]
        assert graph.warmup == -(-delay // frames_out)
    error = np.abs(streamed[:, delay:] - whole).max()
    assert error <= tolerance * max(1.0, np.abs(whole).max())


def vector(graph: StepGraph, whole: NDArray[np.float32]) -> bool:
    return whole.shape[1] == 1


def graph_of(model: keras.Model) -> StepGraph:
    try:
        return walk(model)
    except ConversionError as exc:
        if any(reason in str(exc) for reason in UNEVEN):
            reject()
        raise


def answer(model: keras.Model, x: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return np.asarray(model(x, training=False))
    except ValueError:
        reject()  # the sequence is shorter than what the net drops


@settings(drawing, max_examples=100)
@given(data=st.data())
def test_steps_equal_the_sequence(data: st.DataObject) -> None:
    model = nets.drawn(data.draw)
    graph = graph_of(model)
    steps = max(12, 48 // graph.frames)
    x = nets.features(steps * graph.frames, clips=2, seed=1)
    whole = answer(model, x)
    assert np.isfinite(whole).all()
    for changed in (graph, simplify(graph), isolate_fixed(simplify(graph))):
        hold(Reference(changed, streams=2).sequence(x), whole, changed, 1e-5)
