"""Training of networks that translate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split, SplitShares
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.metrics import BLEU, NATS
from edgenets.progress import Progress
from edgenets.stepspec import StepSpec
from edgenets.tasks.language.likelihood import nats
from edgenets.tasks.task import Trained
from edgenets.tasks.text.batches import by_length
from edgenets.tasks.translation import model as translation_rnn
from edgenets.tasks.translation.batches import SentenceBatches, Sentences, Tokens, padded
from edgenets.tasks.translation.bleu import similarity
from edgenets.tasks.translation.pairs import Pair, split_pairs
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.search import longest
from edgenets.tasks.translation.spec import (
    BEGIN,
    END,
    NEVER,
    PADDING,
    PIECES,
    TokensInput,
    TranslationDecoding,
    TranslationSpec,
)
from edgenets.tasks.translation.subwords import Subwords, learn
from edgenets.training import losses
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Sentences that are evaluated at once.
EVALUATION_BATCH = 128


def train_translation(
    recipe: TranslationRecipe, data: Path, out: Path, progress: Progress
) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png`."""
    parts = {split: part_of(recipe, data, split) for split in ("train", "validation", "test")}
    for split, part in parts.items():
        if not part:
            raise DataError(f"{data}: the {split} split has no pair; more of them are needed")
    progress.say("learning sub-words")
    asset = learn(
        (text for pair in parts["train"] for text in (pair.source, pair.target)), recipe.data.pieces
    )
    pieces = Subwords(asset)
    train, validation = (divided(parts[split], pieces) for split in ("train", "validation"))
    batches = SentenceBatches(
        train, recipe.schedule.batch, recipe.data.longest, recipe.data.word_dropout, recipe.seed
    )
    if not len(batches):
        raise DataError(f"{data}: no pair is as short as {recipe.data.longest} pieces")
    progress.say(
        f"{batches.items:,} pairs to train on, {len(validation):,} and {len(parts['test']):,} to "
        f"measure by; {pieces.count:,} pieces"
    )
    job = Job(
        build=lambda: translation_rnn.build(recipe.model, pieces.count),
        batches=batches,
        loss=losses.smoothed(recipe.schedule.label_smoothing),
        judge=lambda model: teacher_forced(model, validation),
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric=NATS.name,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves(f"validation, {NATS.name}")
    metrics: Json = {
        "parameters": int(trainer.model.count_params()),
        "metric": BLEU.name,
        "train": {"sentences": batches.items},
    }
    for split in ("validation", "test"):
        found = translated(trainer.model, divided(parts[split], pieces).sources, recipe.decoding)
        near = similarity([pieces.decode(t) for t in found], [p.target for p in parts[split]])
        metrics[split] = {BLEU.name: near.bleu, "chrF": near.chrf, "sentences": len(found)}
    input = TokensInput(
        "pieces", pieces.count, recipe.data.source, recipe.data.target, recipe.data.longest
    )
    spec = TranslationSpec(
        recipe.name, "translation", (), input, recipe.decoding, StepSpec(input="tokens"),
        SplitShares(recipe.data.validation, 0.0), recipe.model.memory, recipe.model.decoder,
        (recipe.data.train, recipe.data.test),
    )  # fmt: skip
    return Trained(trainer.model, spec, metrics, {PIECES: asset})


def part_of(recipe: TranslationRecipe, data: Path, split: Split) -> list[Pair]:
    """The pairs of a split: the test pairs have files of their own."""
    wanted = recipe.data
    files = wanted.train, wanted.test
    return split_pairs(data, split, files, wanted.source, wanted.target, wanted.validation)


def divided(pairs: Sequence[Pair], pieces: Subwords) -> Sentences:
    """Pairs in pieces."""
    return Sentences(
        tuple(pieces.encode_all([pair.source for pair in pairs])),
        tuple(pieces.encode_all([pair.target for pair in pairs])),
    )


def teacher_forced(model: keras.Model, sentences: Sentences) -> float:
    """Nats a piece of the given translations."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences.sources[i]))
    total, count = 0.0, 0
    for at in range(0, len(order), EVALUATION_BATCH):
        chosen = order[at : at + EVALUATION_BATCH]
        both = (len(s[i]) for i in chosen for s in (sentences.sources, sentences.targets))
        batch = padded(sentences, chosen, max(both) + 1)
        logits = model.predict_on_batch(batch.inputs)
        there = batch.targets != PADDING
        total += float(nats(logits[there], batch.targets[there]).sum())
        count += int(there.sum())
    return total / count


def translated(
    model: keras.Model, sources: Sequence[Tokens], decoding: TranslationDecoding
) -> list[list[int]]:
    """The greedy translation of each sentence by the Keras model, in pieces."""
    reader, step = translation_rnn.encoder(model), translation_rnn.writer_step(model)
    found: list[list[int]] = [[] for _ in sources]
    for length, places in sorted(by_length(sources).items()):
        for at in range(0, len(places), EVALUATION_BATCH):
            chosen = places[at : at + EVALUATION_BATCH]
            rows = np.stack([np.append(sources[i], END) for i in chosen]).astype(np.int32)
            read = reader.predict_on_batch(rows)
            written = _greedy(step, read["memory"], read["start"][:, -1], longest(decoding, length))
            for place, pieces in zip(chosen, written, strict=True):
                found[place] = pieces
    return found


def _greedy(
    step: keras.Model, memory: NDArray[np.float32], state: NDArray[np.float32], most: int
) -> list[list[int]]:
    """The likeliest piece every time, of sentences side by side."""
    came = np.full((len(memory), 1), BEGIN, np.int32)
    written: list[list[int]] = [[] for _ in memory]
    going = np.ones(len(memory), bool)
    for _ in range(most):
        logits, state = step.predict_on_batch([came, memory, state])
        logits[:, list(NEVER)] = -np.inf
        best = logits.argmax(axis=-1)
        going &= best != END
        if not going.any():
            break
        for row in np.flatnonzero(going):
            written[row].append(int(best[row]))
        came = best[:, None].astype(np.int32)
    return written
