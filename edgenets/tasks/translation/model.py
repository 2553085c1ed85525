"""A sentence in another language: a recurrent encoder, attention over all it read, a decoder.

The attention is that of Luong et al. 2015 (arXiv:1508.04025, dot product), the table of
embeddings serves both languages and the scores (Press and Wolf 2017, arXiv:1608.05859).
A row of memory is what the encoder knows after a piece, and the piece itself beside it.
The encoder reads one way, so that it can read along while somebody writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.tasks.translation.recipe import TranslationModelRecipe
from edgenets.tasks.translation.spec import END, MEMORY, PADDING, START

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor


@dataclass(frozen=True)
class _Layers:
    """The layers of a translation network, by what they are for."""

    table: keras.layers.Layer
    scaled: keras.layers.Layer
    embedding_dropout: keras.layers.Layer
    reader: keras.layers.GRU
    reader_dropout: keras.layers.Layer
    from_state: keras.layers.Layer
    from_piece: keras.layers.Layer
    memory: keras.layers.Layer
    start: keras.layers.Layer
    writer: keras.layers.GRU
    writer_dropout: keras.layers.Layer
    query: keras.layers.Dense
    divided: keras.layers.Layer
    attention: keras.layers.Layer
    joined: keras.layers.Layer
    answer: keras.layers.Layer
    answer_dropout: keras.layers.Layer


def build(recipe: TranslationModelRecipe, pieces: int) -> keras.Model:
    """The untrained network, as it is taught: sentence and translation in, scores out.

    Returns:
        a model from [source (batch, pieces), target (batch, pieces)] int32 to logits
        (batch, pieces of the target, pieces that there are). The source ends in the piece `END`
        and is padded behind it; the target begins with `BEGIN`.
    """
    keras = require("keras")
    ops = keras.ops
    parts = _new(recipe, pieces)
    source = keras.layers.Input((None,), dtype="int32", name="source")
    target = keras.layers.Input((None,), dtype="int32", name="target")
    memory = _read(parts, source)
    at_end = ops.cast(ops.equal(source, END), "float32")
    start = parts.start(ops.sum(memory * ops.expand_dims(at_end, -1), axis=1))
    logits = _write(parts, target, memory, start, ops.not_equal(source, PADDING))
    return keras.Model([source, target], logits, name="translation_rnn")


def encoder(model: keras.Model) -> keras.Model:
    """The part of a model that reads, as it is run: pieces (batch, pieces) to, after each, a row of
    memory and the state that a translation would begin with."""
    keras = require("keras")
    parts = _of(model)
    tokens = keras.layers.Input((None,), dtype="int32", name="tokens")
    memory = _read(parts, tokens)
    return keras.Model(tokens, {MEMORY: memory, START: parts.start(memory)}, name="encoder")


def decoder(model: keras.Model) -> keras.Model:
    """The part of a network that writes, as it is run.

    Returns:
        a model from tokens (batch, pieces), memory (batch, rows, numbers) and start
        (batch, units) to logits (batch, pieces, pieces that there are).
    """
    keras = require("keras")
    parts = _of(model)
    tokens = keras.layers.Input((None,), dtype="int32", name="tokens")
    memory = keras.layers.Input((None, parts.query.units), name=MEMORY)
    start = keras.layers.Input((parts.writer.units,), name=START)
    logits = _write(parts, tokens, memory, start)
    return keras.Model([tokens, memory, start], logits, name="decoder")


def writer_step(model: keras.Model) -> keras.Model:
    """One step of the part that writes, of many sentences of one length at once.

    Returns:
        a model from tokens (batch, 1), memory (batch, rows, numbers) and state (batch, units) to
        logits (batch, pieces that there are) and the next state.
    """
    keras = require("keras")
    parts = _of(model)
    tokens = keras.layers.Input((1,), dtype="int32", name="tokens")
    memory = keras.layers.Input((None, parts.query.units), name=MEMORY)
    state = keras.layers.Input((parts.writer.units,), name="state")
    piece = parts.scaled(parts.table(tokens))[:, 0]
    following, _ = parts.writer.cell(piece, [state])
    query = parts.divided(parts.query(following))[:, None]
    context = parts.attention([query, memory])[:, 0]
    answer = parts.answer(parts.joined([following, context]))
    return keras.Model(
        [tokens, memory, state], [parts.table(answer, reverse=True), following], name="writer_step"
    )


def _new(recipe: TranslationModelRecipe, pieces: int) -> _Layers:
    keras = require("keras")
    layers, normal = keras.layers, keras.initializers.RandomNormal(stddev=recipe.embedding**-0.5)
    width = recipe.memory
    return _Layers(
        table=layers.ReversibleEmbedding(
            pieces, recipe.embedding, embeddings_initializer=normal, name="table"
        ),
        scaled=layers.Rescaling(math.sqrt(recipe.embedding), name="scaled"),
        embedding_dropout=layers.SpatialDropout1D(
            recipe.embedding_dropout, name="embedding_dropout"
        ),
        reader=layers.GRU(recipe.encoder, return_sequences=True, name="reader"),
        reader_dropout=layers.SpatialDropout1D(recipe.dropout, name="reader_dropout"),
        from_state=layers.Dense(width, use_bias=False, name="from_state"),
        from_piece=layers.Dense(width, use_bias=False, name="from_piece"),
        memory=layers.Add(name=MEMORY),
        start=layers.Dense(recipe.decoder, activation="tanh", name=START),
        writer=layers.GRU(recipe.decoder, return_sequences=True, name="writer"),
        writer_dropout=layers.SpatialDropout1D(recipe.dropout, name="writer_dropout"),
        query=layers.Dense(width, use_bias=False, name="query"),
        # Small weights in its place would learn as fast as large ones do, and so far too fast.
        divided=layers.Rescaling(width**-0.5, name="divided"),
        attention=layers.Attention(name="attention"),
        joined=layers.Concatenate(name="joined"),
        answer=layers.Dense(recipe.embedding, activation="tanh", name="answer"),
        answer_dropout=layers.SpatialDropout1D(recipe.dropout, name="answer_dropout"),
    )


def _of(model: keras.Model) -> _Layers:
    """The layers of a network that was built here, trained or not."""
    return _Layers(**{name: model.get_layer(name) for name in _Layers.__dataclass_fields__})


def _read(parts: _Layers, tokens: KerasTensor) -> KerasTensor:
    piece = parts.embedding_dropout(parts.scaled(parts.table(tokens)))
    state = parts.reader_dropout(parts.reader(piece))
    return parts.memory([parts.from_state(state), parts.from_piece(piece)])


def _write(
    parts: _Layers,
    tokens: KerasTensor,
    memory: KerasTensor,
    start: KerasTensor,
    there: KerasTensor | None = None,
) -> KerasTensor:
    """Scores of what follows each piece; `there` says which rows of memory count."""
    piece = parts.embedding_dropout(parts.scaled(parts.table(tokens)))
    state = parts.writer_dropout(parts.writer(piece, initial_state=start))
    masks = {} if there is None else {"mask": [None, there]}
    context = parts.attention([parts.divided(parts.query(state)), memory], **masks)
    answer = parts.answer_dropout(parts.answer(parts.joined([state, context])))
    return parts.table(answer, reverse=True)
