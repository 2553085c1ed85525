"""Networks that are given something once a sequence: rows to attend to, states to begin with."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import FORMATS, OPEN, PRECISIONS
from edgenets.converters import formats
from edgenets.converters.formats import Written
from edgenets.converters.step.calibrate import Rolls
from edgenets.converters.step.convert import Conversion, convert
from edgenets.converters.step.passes import isolate_fixed, simplify
from edgenets.converters.step.reference import Reference
from edgenets.converters.step.walk import walk
from edgenets.errors import BackendError, ConversionError
from tests.converters import nets
from tests.converters.test_quantized import LARGEST_ERROR
from tests.converters.test_walk import drawing

WIDTH, TOKENS = 6, 17
CELLS = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}


def attending(
    cell: str = "gru", units: int = 8, *, scaled: bool = False, keys: bool = False, seed: int = 1
) -> keras.Model:
    """A decoder: tokens, and what it is given, to scores of tokens."""
    tokens = layers.Input((None,), dtype="int32", name="tokens")
    rows = layers.Input((None, WIDTH), name="rows")
    names = ("h", "c") if cell == "lstm" else ("h",)
    states = [layers.Input((units,), name=f"first_{name}") for name in names]
    table = layers.ReversibleEmbedding(TOKENS, 5, name="table")
    x = layers.Rescaling(2.0, name="scaled")(table(tokens))
    x = CELLS[cell](units, return_sequences=True, name="cell")(x, initial_state=states)
    given: list[Any] = [rows]
    if keys:
        given.append(layers.Input((None, WIDTH), name="keys"))
    query = layers.Dense(WIDTH, name="query")(x)
    context = layers.Attention(use_scale=scaled, name="look")([query, *given])
    out = layers.Dense(5, activation="tanh", name="out")(layers.Concatenate()([x, context]))
    model = keras.Model([tokens, *given, *states], table(out, reverse=True), name="decoder")
    return nets.randomise(model, seed)


def inputs_of(
    model: keras.Model, rows: int, clips: int, steps: int, seed: int
) -> tuple[NDArray[np.int32], dict[str, NDArray[np.float32]]]:
    """Tokens (clips, steps) and what is given with them, (clips, …)."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, TOKENS, (clips, steps)).astype(np.int32)
    shapes = {t.name: (rows, *t.shape[2:]) if t.ndim == 3 else (1, t.shape[1])
              for t in model.inputs[1:]}  # fmt: skip
    return tokens, {
        name: np.tanh(rng.standard_normal((clips, *shape))).astype(np.float32)
        for name, shape in shapes.items()
    }


def answer(
    model: keras.Model, tokens: NDArray[np.int32], given: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    flat = [g[:, 0] if t.ndim == 2 else g
            for t, g in zip(model.inputs[1:], given.values(), strict=True)]  # fmt: skip
    # Traced for every shape, short sequences would take longer.
    return np.asarray(model([tokens, *flat], training=False))


@settings(drawing, max_examples=25)
@given(
    cell=st.sampled_from(sorted(CELLS)), scaled=st.booleans(), keys=st.booleans(),
    rows=st.integers(1, 9), seed=st.integers(0, 1 << 16),
)  # fmt: skip
def test_steps_equal_the_sequence(
    cell: str, scaled: bool, keys: bool, rows: int, seed: int
) -> None:
    model = attending(cell, scaled=scaled, keys=keys, seed=seed)
    graph = walk(model)
    assert set(graph.sequence_inputs) == {"rows", *(["keys"] if keys else [])}
    assert {s.input for s in graph.states if s.initial_input} == {
        t.name for t in model.inputs if t.name.startswith("first")
    }
    tokens, given = inputs_of(model, rows, 2, 7, seed)
    whole = answer(model, tokens, given)
    for changed in (graph, simplify(graph), isolate_fixed(simplify(graph))):
        reference = Reference(changed, streams=2)
        reference.reset(given)
        np.testing.assert_allclose(reference.sequence(tokens[..., None]), whole, atol=1e-5)


@pytest.fixture(scope="module", params=CELLS)
def conversion(request: pytest.FixtureRequest) -> tuple[keras.Model, Conversion]:
    model = attending(request.param, 16, scaled=True)
    rolls = []
    for rows in range(1, 12):
        tokens, given = inputs_of(model, rows, 8, 12, rows)
        rolls.append(Rolls(tokens[..., None], given))
    return model, convert(model, rolls, part="decoder")


@functools.cache
def asked(model: keras.Model, rows: int) -> tuple[Any, Any, NDArray[np.float32]]:
    """Tokens, what is given with them, and the network's answer."""
    tokens, given = inputs_of(model, rows, 1, 20, 100 + rows)
    return tokens, given, answer(model, tokens, given)[0]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("format", FORMATS)
def test_one_artefact_serves_any_number_of_rows(
    conversion: tuple[keras.Model, Conversion], format: str, precision: str
) -> None:
    model, found = conversion
    if (format, precision) in formats.MISSING:
        return
    written = next(w for w in found.written if w.artifact.form == f"{format}-{precision}")
    assert written.artifact.id == f"{format}-{precision}-decoder"
    assert [h.shape[-2] for h in written.artifact.sequence_inputs] == [OPEN]
    session = backend.load(format, written.artifact, written.files)
    for rows in (1, 40, 5, 17, 5):  # one first: OpenVINO's plugin went wrong on what followed
        tokens, given, whole = asked(model, rows)
        one = {name: value[0] for name, value in given.items()}
        out = backend.run_sequence(session, tokens[0][:, None], one)[:, 0]
        # A single row is beyond what the mean of many was, and a range may end before it.
        bound = LARGEST_ERROR[precision] * (1.5 if rows == 1 else 1)
        assert np.abs(out - whole).max() <= bound * np.abs(whole).max()


def opened(
    conversion: tuple[keras.Model, Conversion], format: str, precision: str
) -> tuple[backend.Session, Any, Any]:
    """An artifact, and what it is given: tokens, and seven rows with a state to begin with."""
    model, found = conversion
    written = next(w for w in found.written if w.artifact.form == f"{format}-{precision}")
    session = backend.load(format, written.artifact, written.files)
    return (session, *inputs_of(model, 7, 1, 4, 5))


@pytest.mark.parametrize("format", FORMATS)
def test_states_are_put_back_while_rows_stay(
    conversion: tuple[keras.Model, Conversion], format: str
) -> None:
    session, tokens, given = opened(conversion, format, "int8")
    session.reset({name: value[0] for name, value in given.items()})
    steps = [session.run({"tokens": t})["logits"] for t in tokens.reshape(-1, 1, 1, 1)[:3]]
    begun = session.state()
    last = session.run({"tokens": tokens[:, 3].reshape(1, 1, 1)})["logits"]
    session.run({"tokens": tokens[:, 0].reshape(1, 1, 1)})
    session.restore(begun)
    assert (session.run({"tokens": tokens[:, 3].reshape(1, 1, 1)})["logits"] == last).all()
    # Without anything given, a reset leaves the rows and begins at zeros.
    session.reset()
    other = session.run({"tokens": tokens[:, 0].reshape(1, 1, 1)})["logits"]
    assert not np.array_equal(other, steps[0])
    states = {link.input.name for link in session.artifact.states if link.initial_input}
    session.reset({n: 0 * v[0] if n in states else v[0] for n, v in given.items()})
    again = session.run({"tokens": tokens[:, 0].reshape(1, 1, 1)})["logits"]
    assert np.array_equal(other, again)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_given_may_lie_in_memory_as_it_likes(
    conversion: tuple[keras.Model, Conversion], format: str
) -> None:
    session, tokens, given = opened(conversion, format, "fp32")
    one = {name: value[0] for name, value in given.items()}
    answers = [
        backend.run_sequence(session, tokens[0][:, None], {n: order(v) for n, v in one.items()})
        for order in (np.ascontiguousarray, np.asfortranarray)
    ]
    assert np.array_equal(*answers)


@functools.cache
def in_floats(format: Any) -> tuple[keras.Model, Written]:
    model = attending("gru", 16)
    (written,) = convert(model, to=(format,), precisions=("fp32",)).written
    return model, written


@pytest.mark.parametrize("name", [*FORMATS, "null"])
@pytest.mark.parametrize(
    ("change", "message"),
    [({"rows": None}, "is needed"), ({"more": np.zeros((1, 2), np.float32)}, "is needed"),
     ({"rows": np.zeros((3, WIDTH + 1), np.float32)}, "rows of 6 numbers"),
     ({"rows": np.zeros((0, WIDTH), np.float32)}, "rows of 6 numbers"),
     ({"rows": np.zeros((3, WIDTH))}, "float32"), ({"rows": [[0.0] * WIDTH]}, "float32"),
     ({"first_h": np.zeros((1, 5), np.float32)}, "16 numbers are needed")],
)  # fmt: skip
def test_what_is_not_to_be_given_is_refused(name: str, change: Any, message: str) -> None:
    model, written = in_floats("tflite" if name == "null" else name)
    session = backend.load(name, written.artifact, written.files)
    _, given = inputs_of(model, 3, 1, 1, 0)
    wrong = {**{n: v[0] for n, v in given.items()}, **change}
    with pytest.raises(BackendError, match=message):
        session.reset({n: v for n, v in wrong.items() if v is not None})


@pytest.mark.parametrize("format", FORMATS)
def test_a_net_may_give_more_than_one_answer(format: Any) -> None:
    x = layers.Input((None, 3), name="features")
    h = layers.GRU(5, return_sequences=True, name="cell")(x)
    outputs = {
        "first": layers.Dense(2, name="first")(h),
        "second": layers.Dense(4, name="second")(h),
    }
    model = nets.randomise(keras.Model(x, outputs), 2)
    frames = np.random.default_rng(1).standard_normal((9, 3)).astype(np.float32)
    whole = model.predict(frames[None], verbose=0)
    (written,) = convert(model, to=(format,), precisions=("fp32",)).written
    assert [(o.name, o.shape) for o in written.artifact.outputs] == [
        ("first", (1, 1, 2)), ("second", (1, 1, 4)),
    ]  # fmt: skip
    session = backend.load(format, written.artifact, written.files)
    steps = [session.run({"features": frame[None, None]}) for frame in frames]
    for name, wanted in whole.items():
        found = np.concatenate([step[name][0] for step in steps])
        np.testing.assert_allclose(found, wanted[0], atol=1e-5)


class TestRefusals:
    def test_attention_to_what_is_still_coming(self) -> None:
        x = layers.Input((None, 4))
        query = layers.Dense(4)(x)
        for inputs in ([x, x], [query, layers.ReLU()(x)]):
            net = layers.Attention(name="look")(inputs)
            with pytest.raises(ConversionError, match=r"'look'.*still coming"):
                walk(keras.Model(x, net))

    def test_attention_that_adds_or_masks_the_future(self) -> None:
        x, rows = layers.Input((None, 4)), layers.Input((None, 4), name="rows")
        adds = layers.Attention(score_mode="concat", name="look")([x, rows])
        with pytest.raises(ConversionError, match=r"'look'.*use 'dot'"):
            walk(keras.Model([x, rows], adds))
        masks = layers.Attention(name="look")([x, rows], use_causal_mask=True)
        with pytest.raises(ConversionError, match=r"'look'.*use_causal_mask"):
            walk(keras.Model([x, rows], masks))

    def test_what_is_given_goes_nowhere_else(self) -> None:
        x, rows = layers.Input((None, 4)), layers.Input((None, 4), name="rows")
        dense = layers.Attention(name="look")([x, layers.Dense(4, name="wide")(rows)])
        with pytest.raises(ConversionError, match=r"'wide' \(Dense\) takes 'rows', an input besid"):
            walk(keras.Model([x, rows], dense))
        with pytest.raises(ConversionError, match="'rows' is one of its inputs"):
            walk(keras.Model([x, rows], [layers.ReLU()(x), rows]))
        with pytest.raises(ConversionError, match="'rows' goes into no layer"):
            walk(keras.Model([x, rows], layers.ReLU()(x)))

    def test_states_of_another_size_or_of_two_layers(self) -> None:
        x, first = layers.Input((None, 4)), layers.Input((3,), name="first")
        twice = layers.GRU(3, name="b", return_sequences=True)(
            layers.GRU(3, name="a", return_sequences=True)(x, initial_state=first),
            initial_state=first,
        )
        with pytest.raises(ConversionError, match="'b' begins with 'first', as another does"):
            walk(keras.Model([x, first], twice))
        both = layers.LSTM(3, name="cell")(x, initial_state=[first, first])
        with pytest.raises(ConversionError, match="'cell' begins with 'first', as another does"):
            walk(keras.Model([x, first], both))

    def test_pictures_beside_a_sequence(self) -> None:
        x, image = layers.Input((None, 4)), layers.Input((8, 8, 3), name="image")
        with pytest.raises(ConversionError, match="'image' has shape"):
            walk(keras.Model([x, image], [layers.ReLU()(x), layers.ReLU()(image)]))

    def test_ranges_of_what_is_given_are_needed(self) -> None:
        model = attending()
        clips = np.zeros((4, 8, 1), np.int32)
        with pytest.raises(ConversionError, match="calibrate on `Rolls`"):
            convert(model, clips, precisions=("int8",))
        with pytest.raises(ConversionError, match="nothing was found to calibrate on"):
            convert(model, [Rolls(clips)], precisions=("int8",))
        _, given = inputs_of(model, 3, 4, 8, 0)
        given["rows"][0, 0, 0] = np.nan
        with pytest.raises(ConversionError, match="NaN"):
            convert(model, [Rolls(clips, given)], precisions=("int8",))
