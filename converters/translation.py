"""Models that translate, along the road: two nets, an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artefact import Format, Part, Precision
from edgenets.bundle import GOLDEN_TOKENS, given_name
from edgenets.data.split import Split
from edgenets.metrics import BLEU
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.spec import ModelSpec
from edgenets.tasks.translation import model as translation_rnn
from edgenets.tasks.translation.batches import Sentences
from edgenets.tasks.translation.golden import answers, given_of, golden_tokens
from edgenets.tasks.translation.pairs import Pair
from edgenets.tasks.translation.pieces import Pieces
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.spec import BEGIN, END, MEMORY, PIECES, START, TranslationSpec
from edgenets.tasks.translation.training import divided, part_of

from .formats import Converted, Written, activation_type
from .step.calibrate import Rolls
from .step.convert import convert
from .translation_verify import verify_translation
from .verdicts import Report

# Sentences of one length each that are rolled through the nets together.
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
            sentences = divided(_pairs(run, data, "train"), _pieces(run))
            rolls = _rolls(reader, sentences, recipe.quantize.clips)
        nets: tuple[tuple[Any, list[Rolls] | None, Part], ...] = (
            (reader, rolls[0], "encoder"), (writer, rolls[1], "decoder"),
        )  # fmt: skip
        parts = [
            convert(net, clips, to, precisions, recipe.quantize, progress, part)
            for net, clips, part in nets
        ]
        # Form by form, the two nets of each after one another.
        written = [item for both in zip(*(p.written for p in parts), strict=True) for item in both]
        return Converted(tuple(written), parts[0].missing)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        pairs, pieces = _pairs(run, data, "validation"), _pieces(run)
        gate = run.recipe_as(TranslationRecipe).gate
        return verify_translation(
            run.model(), _spec(run.spec), written, divided(pairs, pieces),
            [pair.target for pair in pairs], pieces, gate, tuple(missing), progress,
        )  # fmt: skip

    def golden(self, spec: ModelSpec) -> dict[str, bytes]:
        """See `Family.golden`."""
        known = _spec(spec)
        members = {GOLDEN_TOKENS: golden_tokens(known).astype("<i4").tobytes()}
        given = given_of(known)
        return members | {given_name(n): v.astype("<f4").tobytes() for n, v in given.items()}

    def golden_output(self, spec: ModelSpec, written: Written) -> NDArray[np.float32]:
        """See `Family.golden_output`."""
        known, artefact = _spec(spec), written.artefact
        session = backend.load(backend.backend_of(artefact), artefact, written.files)
        return answers(session, golden_tokens(known), given_of(known))

    def card(self, run: Run, report: Report) -> list[str]:
        """See `Family.card`."""
        metrics, spec, recipe = run.metrics, _spec(run.spec), run.recipe_as(TranslationRecipe)
        test, validation = metrics["test"], metrics["validation"]
        return [
            f"- **Task**: translation from {spec.input.source} to {spec.input.target}.",
            f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
            f"step of the encoder for every piece that is read, one of the decoder for every piece "
            f"that is written.",
            f"- **Input**: sentences in {spec.input.count:,} sub-words of both languages.",
            f"- **Data**: {metrics['train']['sentences']:,} pairs to train on. "
            f"{recipe.bundle.data_licence}",
            f"- **Figures**: float Keras model, greedy: BLEU {test[BLEU.name]:.2f}, chrF "
            f"{test['chrF']:.2f} on {test['sentences']:,} sentences that training never saw, BLEU "
            f"{validation[BLEU.name]:.2f} on the {validation['sentences']:,} that it was chosen "
            f"by. Artefacts below: greedy, on {report.items} of the latter.",
            "- **Limits**: it knows the language of its training sentences. What it cannot "
            "translate it makes up, fluently, with no sign of it.",
        ]


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


def _pairs(run: Run, data: Path, split: Split) -> list[Pair]:
    return part_of(run.recipe_as(TranslationRecipe), data, split)


def _pieces(run: Run) -> Pieces:
    return Pieces(run.assets()[PIECES], _spec(run.spec).input)


def _spec(spec: ModelSpec) -> TranslationSpec:
    assert isinstance(spec, TranslationSpec), "family_of gives no other"
    return spec
