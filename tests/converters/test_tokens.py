"""Networks over tokens: the artifact looks up an embedding, in every format and precision."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import FORMATS, PRECISIONS
from edgenets.converters import formats
from edgenets.converters.step.convert import Conversion, convert
from edgenets.converters.step.passes import isolate_fixed, simplify
from edgenets.converters.step.reference import Reference
from edgenets.errors import BackendError, ConversionError
from tests.converters import nets
from tests.converters.test_quantized import LARGEST_ERROR
from tests.converters.test_walk import compare, drawing, graph_of

TOKENS = 23


def texts(frames: int, clips: int = 1, seed: int = 0) -> NDArray[np.int32]:
    """(clips, frames, 1) numbers of tokens."""
    return np.random.default_rng(seed).integers(0, TOKENS, (clips, frames, 1)).astype(np.int32)


def token_net(*parts: Any, seed: int = 3) -> keras.Model:
    entry = layers.Input((None,), dtype="int32")
    x = layers.Embedding(TOKENS, 8)(entry)
    for layer in parts:
        x = layer(x)
    return nets.randomise(keras.Model(entry, x), seed)


@settings(drawing, max_examples=25)
@given(data=st.data())
def test_steps_equal_the_sequence(data: st.DataObject) -> None:
    entry = layers.Input((None,), dtype="int32")
    d = nets.Drawing(data.draw, layers.Embedding(TOKENS, nets.CHANNELS)(entry))
    for _ in range(data.draw(st.integers(0, 3))):
        d.pick(*nets.BLOCKS)(d)
    nets.end(d)
    model = nets.randomise(keras.Model(entry, d.x), data.draw(st.integers(0, 1 << 16)))
    graph = graph_of(model)
    assert graph.input_type == "int32"
    x = texts((graph.warmup + max(8, 36 // graph.frames)) * graph.frames, clips=2, seed=1)
    for changed in (graph, simplify(graph), isolate_fixed(simplify(graph))):
        streamed = Reference(changed, streams=2).sequence(x)
        compare(streamed, model, x[..., 0], changed, 1e-5)


@pytest.fixture(scope="module")
def conversion() -> tuple[keras.Model, Conversion]:
    model = token_net(
        layers.Conv1D(12, 3, padding="causal"), layers.ReLU(),
        layers.GRU(16, return_sequences=True), layers.Dense(TOKENS),
    )  # fmt: skip
    return model, convert(model, texts(60, clips=32, seed=4))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_stays_near_float(
    conversion: tuple[keras.Model, Conversion], format: str, precision: str
) -> None:
    model, found = conversion
    if (format, precision) in formats.MISSING:
        assert any(text.startswith(f"{format} in {precision}") for text in found.missing)
        return
    written = next(w for w in found.written if w.artifact.id == f"{format}-{precision}")
    (source,) = written.artifact.inputs
    assert (source.name, source.shape, source.dtype) == ("tokens", (1, 1, 1), "int32")
    x = texts(300, seed=9)
    whole = model.predict(x[..., 0], verbose=0)[0]
    session = backend.load(format, written.artifact, written.files)
    out = backend.run_sequence(session, x[0])[:, 0]
    assert np.abs(out - whole).max() <= LARGEST_ERROR[precision] * np.abs(whole).max()
    with pytest.raises(BackendError, match="int32"):
        session.run({"tokens": np.zeros((1, 1, 1), np.float32)})


@pytest.mark.parametrize("parts", [(), (layers.GlobalMaxPooling1D(), layers.Dense(2))], ids=len)
def test_an_embedding_may_be_all_or_near_the_end(parts: tuple[Any, ...]) -> None:
    model, x = token_net(*parts), texts(12, seed=2)
    for written in convert(model, texts(30, clips=4)).written:
        session = backend.load(written.artifact.format, written.artifact, written.files)
        out = backend.run_sequence(session, x[0])[-1].ravel()
        whole = model.predict(x[..., 0], verbose=0).reshape(-1, out.size)[-1]
        scale = LARGEST_ERROR[written.artifact.precision] * np.abs(whole).max()
        assert np.abs(out - whole).max() <= scale


def test_tables_of_integer_artefacts_are_integers() -> None:
    wide = keras.Sequential([layers.Input((None,), dtype="int32"), layers.Embedding(4000, 16)])
    for written in convert(nets.randomise(wide, 1), texts(30, clips=4)).written:
        bits = {"fp32": 32, "fp16": 16}.get(written.artifact.precision, 8)
        table = 4000 * 16 * bits // 8
        assert table <= written.size <= table + 5000, written.artifact.id


class TestRefusals:
    def test_padding_tokens(self) -> None:
        entry = layers.Input((None,), dtype="int32")
        x = layers.Embedding(TOKENS, 4, mask_zero=True, name="words")(entry)
        with pytest.raises(ConversionError, match=r"'words'.*mask_zero"):
            convert(keras.Model(entry, x), precisions=("fp32",))

    def test_features_are_no_tokens(self) -> None:
        model = nets.chain(layers.Dense(3))
        entry = layers.Input((None, 3))
        with pytest.raises(ConversionError, match="takes no numbers of tokens"):
            convert(
                keras.Model(entry, layers.Reshape((-1, 12))(layers.Embedding(9, 4)(entry))),
                precisions=("fp32",),
            )
        assert convert(model, precisions=("fp32",)).written

    def test_tokens_are_no_features(self) -> None:
        entry = layers.Input((None,))
        x = layers.ReLU(name="cut")(entry)
        with pytest.raises(ConversionError, match=r"\(batch, time\), for an Embedding"):
            convert(keras.Model(entry, x), precisions=("fp32",))
        both = layers.concatenate([layers.Embedding(9, 4)(entry), layers.Reshape((-1, 1))(entry)])
        with pytest.raises(ConversionError, match=r"\(Reshape\).*put an Embedding before it"):
            convert(keras.Model(entry, both), precisions=("fp32",))

    def test_a_table_of_no_numbers(self) -> None:
        model = token_net()
        model.weights[0].assign(np.full((TOKENS, 8), np.nan, np.float32))
        with pytest.raises(ConversionError, match="NaN"):
            convert(model, precisions=("fp32",))
