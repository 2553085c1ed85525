"""Models that translate, along the conversion path: two networks, an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.artifact import Format, Part, Precision
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.translation import model as translation_rnn
from edgenets.tasks.translation.batches import Sentences
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.samples import pairs_of, subwords_of
from edgenets.tasks.translation.spec import BEGIN, END, MEMORY, START, TranslationSpec
from edgenets.tasks.translation.training import divided

from .formats import Converted, Written, activation_type
from .step.calibrate import Rolls
from .step.convert import convert
from .translation_verify import verify_translation
from .verdicts import Report

# Sentences of one length each that are rolled through the networks together.
_ROLL = 16


class Translation:
    """See `Family`."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        recipe, model = run.recipe_as(TranslationRecipe), run.model()
        reader, writer = translation_rnn.encoder(model), translation_rnn.decoder(model)
        rolls: tuple[list[Rolls] | None, list[Rolls] | None] = (None, None)
        if data is not None and any(activation_type(p) for p in precisions):
            sentences = divided(pairs_of(run, data, "train"), subwords_of(run))
            rolls = _rolls(reader, sentences, recipe.quantize.samples)
        nets: tuple[tuple[Any, list[Rolls] | None, Part], ...] = (
            (reader, rolls[0], "encoder"), (writer, rolls[1], "decoder"),
        )  # fmt: skip
        parts = [
            convert(net, clips, to, precisions, recipe.quantize, progress, part)
            for net, clips, part in nets
        ]
        # Form by form, the two networks of each after one another.
        written = [item for both in zip(*(p.written for p in parts), strict=True) for item in both]
        return Converted(tuple(written), parts[0].missing)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        pairs, pieces = pairs_of(run, data, "validation"), subwords_of(run)
        gate = run.recipe_as(TranslationRecipe).gate
        return verify_translation(
            run.model(), run.spec_as(TranslationSpec), written, divided(pairs, pieces),
            [pair.target for pair in pairs], pieces, gate, tuple(missing), progress,
        )  # fmt: skip


def _rolls(reader: Any, sentences: Sentences, count: int) -> tuple[list[Rolls], list[Rolls]]:
    """What calibration rolls through the encoder and through the decoder.

    Sentences go side by side where they and their translations are as long: those from evenly
    spread places of the order of lengths.
    """
    sides = zip(sentences.sources, sentences.targets, strict=True)
    lengths = [(len(source), len(target)) for source, target in sides]
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    groups = [list(group) for _, group in groupby(order, key=lambda place: lengths[place])]
    starts = np.cumsum([0, *map(len, groups[:-1])])
    rolls = -(-min(count, len(order)) // _ROLL)
    wanted = (np.arange(rolls) + 0.5) * len(order) / rolls  # one alone is of the middle
    read, written = [], []
    for number in sorted(set(np.searchsorted(starts, wanted, side="right") - 1)):
        chosen = groups[number][:_ROLL]
        rows = np.stack([np.append(sentences.sources[i], END) for i in chosen])
        came = np.stack([np.insert(sentences.targets[i], 0, BEGIN) for i in chosen])
        known = reader.predict_on_batch(rows)
        read.append(Rolls(rows[..., None]))
        written.append(Rolls(came[..., None], {MEMORY: known[MEMORY], START: known[START][:, -1:]}))
    return read, written
