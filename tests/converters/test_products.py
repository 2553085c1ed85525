"""Products of integers behind one another: OpenVINO's plugin answered what lay in memory."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgenets import backend
from edgenets.converters.step.convert import convert
from tests.converters import nets


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cell", [layers.SimpleRNN, layers.GRU])
def test_a_dense_layer_before_a_cell(cell: Any, threads: int) -> None:
    keras.utils.set_random_seed(1)
    model = nets.chain(layers.Dense(8), cell(6), layers.Dense(4))
    width = model.input_shape[-1]
    clips = 2 * np.random.default_rng(0).standard_normal((40, 16, width)).astype(np.float32)
    found = convert(model, clips, ("onnx", "openvino"), ("int8",))
    options = backend.Options(threads=threads)
    answers = []
    for item in found.written:
        session = backend.load(item.artifact.format, item.artifact, item.files, options)
        answers.append(np.stack([backend.answers(session, clip) for clip in clips[:5]]))
    onnx, openvino = answers
    # Both round alike; a tie may go the other way.
    assert np.abs(onnx - openvino).max() < 0.1 * np.std(onnx)
