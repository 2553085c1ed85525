"""Models that translate: two networks, an encoder and a decoder.

The encoder is held against the Keras model's memory, the decoder against its scores for given
translations, from the Keras model's memory; the metric of both is that of the translations which
they find together, greedily, as are those of the Keras model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import Artifact, Part
from edgenets.errors import BackendError, ConversionError, DataError, EdgenetsError
from edgenets.metrics import BLEU
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.runs import Run
from edgenets.tasks.text.batches import by_length
from edgenets.tasks.translation import model as translation_rnn
from edgenets.tasks.translation.batches import Sentences, Tokens
from edgenets.tasks.translation.bleu import similarity
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.samples import pairs_of, subwords_of
from edgenets.tasks.translation.spec import BEGIN, END, MEMORY, START, TranslationSpec
from edgenets.tasks.translation.subwords import Subwords
from edgenets.tasks.translation.training import divided, translated
from edgenets.tasks.translation.translator import Translator

from ..formats import Converted, Written, activation_type
from ..step.calibrate import Rolls
from ..step.convert import convert
from ..verify.comparison import Pair
from ..verify.judge import Outputs
from ..verify.mixed_precision import Subject
from ..verify.verdicts import Report
from .family import Wanted
from .steps import long_stream

Numbers = NDArray[np.float32]  # (steps, numbers)
Given = dict[str, NDArray[np.float32]]

# Sentence by sentence what a network gives and what the model does; both of the long stream.
_Compared = tuple[list[Numbers], list[Numbers], Pair]

# Sentences of one length each that are rolled through the networks together.
_ROLL = 16


class Translation:
    """See `Family`."""

    def convert(self, run: Run, data: Path | None, wanted: Wanted, progress: Progress) -> Converted:
        """See `Family.convert`."""
        recipe, model = run.recipe_as(TranslationRecipe), run.model()
        reader, writer = translation_rnn.encoder(model), translation_rnn.decoder(model)
        rolls: tuple[list[Rolls] | None, list[Rolls] | None] = (None, None)
        if data is not None and any(activation_type(p) for p in wanted.precisions):
            sentences = divided(pairs_of(run, data, "train"), subwords_of(run))
            rolls = _rolls(reader, sentences, recipe.quantize.samples)
        networks: tuple[tuple[Any, list[Rolls] | None, Part], ...] = (
            (reader, rolls[0], "encoder"),
            (writer, rolls[1], "decoder"),
        )
        parts = [
            convert(
                network, clips, wanted.formats, wanted.precisions, recipe.quantize, progress, part
            )
            for network, clips, part in networks
        ]
        # Form by form, the two networks of each after one another.
        written = [item for both in zip(*(p.written for p in parts), strict=True) for item in both]
        return Converted(tuple(written), parts[0].missing)

    def reference(self, run: Run, data: Path, progress: Progress) -> TranslationReference:
        """See `Family.reference`."""
        pairs, subwords = pairs_of(run, data, "validation"), subwords_of(run)
        corpus = Corpus(divided(pairs, subwords), [pair.target for pair in pairs], subwords)
        gate = run.recipe_as(TranslationRecipe).gate
        return TranslationReference(run.model(), run.spec_as(TranslationSpec), corpus, gate)

    def subjects(self, run: Run, data: Path, progress: Progress) -> Callable[[Artifact], Subject]:
        """See `Family.subjects`."""
        raise ConversionError(
            f"{run.folder}: a model of two networks has no layers that are kept float one by one; "
            f"leave out what fails, or train it with qat = true"
        )


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


@dataclass(frozen=True)
class Corpus:
    """Sentences that a model was not trained on, with their translations."""

    sentences: Sentences
    texts: Sequence[str]  # the translations as they are written
    subwords: Subwords


class TranslationReference:
    """The Keras model's answers, computed once for all artifacts; see `Reference`."""

    def __init__(self, model: Any, spec: TranslationSpec, corpus: Corpus, gate: GateRecipe) -> None:
        """Take a model.

        Args:
            model: as `edgenets.tasks.translation.model.build` makes it.

        Raises:
            DataError: there are no sentences.
        """
        sentences = corpus.sentences
        if not len(sentences):
            raise DataError("there is nothing to verify on: no sentence is kept for it")
        self._spec = replace(spec, decoding=replace(spec.decoding, beam=1))
        self._subwords, self.gate = corpus.subwords, gate
        count = min(gate.samples, len(sentences))
        # From the shortest on: an interpreter that was laid out for little then meets much.
        order = sorted(range(count), key=lambda i: len(sentences.sources[i]))
        self._sources = [sentences.sources[i] for i in order]
        self._texts = [corpus.texts[i] for i in order]
        self._read = [np.append(s, END).astype(np.int32) for s in self._sources]
        self._came = [np.insert(sentences.targets[i], 0, BEGIN).astype(np.int32) for i in order]
        self._reader = translation_rnn.encoder(model)
        self._writer = translation_rnn.decoder(model)
        self._given = self._memories()
        self._scores = self._answers()
        self._streams = [
            long_stream([item[:, None] for item in items], gate.stream_steps)[:, 0]
            for items in (self._read, self._came)
        ]
        read = self._reader.predict_on_batch(self._streams[0][None])
        self._read_whole = _joined(read[MEMORY][0], read[START][0])
        first = {name: value[None] for name, value in self._given[0].items()}
        self._scored_whole = self._writer.predict_on_batch(
            [self._streams[1][None], first[MEMORY], first[START][0]]
        )[0]
        found = translated(model, self._sources, self._spec.decoding)
        self.header = Report(spec.name, (), BLEU.name, self._bleu(found), count, "sentences")

    def run(self, items: Sequence[Written]) -> list[Outputs]:
        """See `Reference.run`."""
        parts = {item.artifact.part: item for item in items}
        if absent := {"encoder", "decoder"} - parts.keys():
            raise BackendError(f"the variant has no {' and no '.join(sorted(absent))} beside it")
        compare: dict[Part, Callable[[backend.Session], _Compared]] = {
            "encoder": self._encoder,
            "decoder": self._decoder,
        }
        sessions: dict[Part, backend.Session] = {}
        compared: dict[Part, _Compared] = {}
        for part, item in parts.items():
            try:
                name = backend.backend_of(item.artifact)
                sessions[part] = backend.load(name, item.artifact, item.files)
                compared[part] = compare[part](sessions[part])
            except EdgenetsError as exc:
                raise BackendError(f"its {part} cannot be run: {exc}") from exc
        together = self._together(sessions["encoder"], sessions["decoder"])
        return [
            Outputs(sessions[part].runs_on, found, wanted, lambda: together, stream)
            for part, (found, wanted, stream) in compared.items()
        ]

    def _encoder(self, session: backend.Session) -> _Compared:
        found = [backend.answers(session, item[:, None]) for item in self._read]
        wanted = [_joined(given[MEMORY], given["starts"]) for given in self._given]
        stream = backend.answers(session, self._streams[0][:, None])
        return found, wanted, (stream, self._read_whole)

    def _decoder(self, session: backend.Session) -> _Compared:
        found = [
            self._score(session, given, came)
            for given, came in zip(self._given, self._came, strict=True)
        ]
        stream = self._score(session, self._given[0], self._streams[1])
        return found, self._scores, (stream, self._scored_whole)

    def _together(self, encoder: backend.Session, decoder: backend.Session) -> tuple[float, float]:
        """BLEU, and the agreement of the likeliest next token in given translations."""
        translator = Translator(self._spec, encoder, decoder)
        found = [list(translator.translate(source).pieces) for source in self._sources]
        equal = []
        for source, came, wanted in zip(self._sources, self._came, self._scores, strict=True):
            scores = self._score(decoder, translator.read(source), came)
            equal.append(scores.argmax(axis=-1) == wanted.argmax(axis=-1))
        return self._bleu(found), float(np.mean(np.concatenate(equal)))

    def _score(
        self, session: backend.Session, given: Mapping[str, NDArray[np.float32]], came: Tokens
    ) -> Numbers:
        """A decoder's scores for a given translation, (steps, scores)."""
        decoder_inputs = {name: given[name] for name in (MEMORY, START)}
        return backend.answers(session, came[:, None], decoder_inputs)

    def _bleu(self, found: Sequence[Sequence[int]]) -> float:
        return similarity([self._subwords.decode(p) for p in found], self._texts).bleu

    def _memories(self) -> list[Given]:
        """What the Keras model knows after each sentence; `starts` is that after each piece."""
        found: list[Given] = [{} for _ in self._read]
        for places in by_length(self._read).values():
            read = self._reader.predict_on_batch(np.stack([self._read[i] for i in places]))
            for place, memory, start in zip(places, read[MEMORY], read[START], strict=True):
                found[place] = {MEMORY: memory, START: start[-1:], "starts": start}
        return found

    def _answers(self) -> list[Numbers]:
        """The Keras model's scores for the given translations."""
        found: list[Numbers] = [np.empty(0, np.float32)] * len(self._read)
        lengths = [f"{len(r)} {len(c)}" for r, c in zip(self._read, self._came, strict=True)]
        for both in sorted(set(lengths)):
            places = [i for i, length in enumerate(lengths) if length == both]
            scores = self._writer.predict_on_batch(
                [
                    np.stack([self._came[i] for i in places]),
                    np.stack([self._given[i][MEMORY] for i in places]),
                    np.concatenate([self._given[i][START] for i in places]),
                ]
            )
            for place, answer in zip(places, scores, strict=True):
                found[place] = answer
        return found


def _joined(memory: Numbers, start: Numbers) -> Numbers:
    return np.concatenate([memory, start], axis=-1)
