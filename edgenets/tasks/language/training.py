"""Training of networks that say what comes next in a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgenets import models
from edgenets.data.split import SPLITS, Split, SplitShares
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.files import Json
from edgenets.metrics import NATS
from edgenets.progress import Progress
from edgenets.stepspec import StepSpec
from edgenets.tasks.language.crops import CropBatches, Tokens, sequences
from edgenets.tasks.language.likelihood import nats
from edgenets.tasks.language.recipe import LanguageRecipe
from edgenets.tasks.language.spec import LanguageSpec, TextInput
from edgenets.tasks.language.texts import read_corpus, split_text
from edgenets.tasks.language.tokens import UNKNOWN, Tokenizer, divided, vocabulary_of
from edgenets.tasks.task import Trained
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras
    from keras.layers import Layer

# Subwords that are evaluated at once.
EVALUATION_BATCH = 64

# The test part is read as one stream; pieces of it go through Keras, the state with them.
_PIECE = 1024  # tokens


def train_language(recipe: LanguageRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png`."""
    text = read_corpus(data, recipe.data.files)
    input = _input(recipe, text)
    train, validation, test = (part_of(recipe, input, text, split) for split in SPLITS)
    if min(map(len, (train, validation, test))) <= recipe.data.length:
        raise DataError(
            f"{data}: its {len(text):,} characters leave a part with no whole crop of "
            f"{recipe.data.length} tokens; more text, or a smaller [data] length, is needed"
        )
    progress.say(
        f"{len(train):,} tokens to train on, {len(validation):,} and {len(test):,} to measure by; "
        f"{len(input.vocabulary):,} in the vocabulary"
    )
    count = len(input.vocabulary)
    job = Job(
        build=lambda: models.build_tokens(recipe.model, count, count),
        batches=CropBatches(
            train, recipe.data.length, recipe.data.crops, recipe.schedule.batch, recipe.seed
        ),
        loss=require("keras").losses.SparseCategoricalCrossentropy(from_logits=True),
        judge=lambda model: _judge(model, validation, recipe.data.length),
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric=NATS.name,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves(f"validation, {NATS.name}")
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "metric": NATS.name,
        "train": {"tokens": len(train)},
        "validation": _figures(trainer.model, validation),
        "test": _figures(trainer.model, test),
    }
    spec = LanguageSpec(
        recipe.name, "language", (), input, recipe.decoding, StepSpec(input="tokens"),
        SplitShares(recipe.data.validation, recipe.data.test),
    )  # fmt: skip
    return Trained(trainer.model, spec, metrics)


def part_of(recipe: LanguageRecipe, input: TextInput, text: str, split: Split) -> Tokens:
    """A part of a text as the numbers of tokens, (tokens,)."""
    part = split_text(text, split, recipe.data.validation, recipe.data.test)
    return Tokenizer(input).encode(part)


def _input(recipe: LanguageRecipe, text: str) -> TextInput:
    """How text becomes tokens: the vocabulary is that of the whole text.

    Which letters there are tells nobody how a text goes on, and one that the end alone has would
    otherwise be refused there. Of words those of the part that is trained on count.
    """
    wanted = recipe.data
    if wanted.units == "characters" and wanted.vocabulary is None:
        letters = tuple(sorted(set(divided(text, wanted.units, wanted.lower))))
        return TextInput("text", letters, "characters", "", wanted.lower)
    seen = split_text(text, "train", wanted.validation, wanted.test)
    units = divided(seen, wanted.units, wanted.lower)
    vocabulary = vocabulary_of([units], most=wanted.vocabulary, unknown=UNKNOWN)
    return TextInput("text", vocabulary, wanted.units, UNKNOWN, wanted.lower)


def _judge(model: keras.Model, tokens: Tokens, length: int) -> float:
    """Nats a token over pieces that each begin anew, as training sees them."""
    came, following = sequences(tokens, length)
    logits = model.predict(came, batch_size=EVALUATION_BATCH, verbose=0)
    scores = logits.reshape(-1, logits.shape[-1])
    return float(nats(scores, following.ravel()).mean())


def _figures(model: keras.Model, tokens: Tokens) -> Json:
    """Nats a token of a text as one stream, from its first token to its last."""
    return {NATS.name: stream_nats(model, tokens), "tokens": len(tokens)}


def stream_nats(model: keras.Model, tokens: Tokens) -> float:
    """How well a Keras model foresees (tokens,) as one stream: the state goes through all of it."""
    rolling = _stateful(model)
    total = 0.0
    for at in range(0, len(tokens) - 1, _PIECE):
        came = tokens[at : min(at + _PIECE, len(tokens) - 1)]
        logits = rolling.predict_on_batch(came[None])[0]
        total += float(nats(logits, tokens[at + 1 : at + 1 + len(came)]).sum())
    return total / (len(tokens) - 1)


def _stateful(model: keras.Model) -> keras.Model:
    """The same network with recurrent layers that remember from call to call."""
    keras = require("keras")

    def changed(layer: Layer) -> Layer:
        config = layer.get_config()
        if "stateful" in config:
            config["stateful"] = True
        return type(layer).from_config(config)

    tokens = keras.layers.Input((None,), batch_size=1, dtype="int32")
    rolling = keras.models.clone_model(model, input_tensors=tokens, clone_function=changed)
    rolling.set_weights(model.get_weights())
    return rolling
