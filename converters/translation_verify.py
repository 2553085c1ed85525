"""Verification of models that translate: both networks by themselves, and what they do together.

The encoder is held against the Keras model's memory, the decoder against its scores for given
translations, from the Keras model's memory; a form's metric is that of the translations which its
two artifacts find together, greedily, as are those of the Keras model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import Part
from edgenets.errors import DataError, EdgenetsError
from edgenets.metrics import BLEU
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.tasks.text.batches import by_length
from edgenets.tasks.translation import model as translation_rnn
from edgenets.tasks.translation.batches import Sentences, Tokens
from edgenets.tasks.translation.bleu import similarity
from edgenets.tasks.translation.spec import BEGIN, END, MEMORY, START, TranslationSpec
from edgenets.tasks.translation.subwords import Subwords
from edgenets.tasks.translation.training import translated
from edgenets.tasks.translation.translator import Translator

from .closeness import Closeness, closeness, verdict
from .formats import Written
from .verdicts import Report, Verdict, broken
from .verify import long_stream

Numbers = NDArray[np.float32]  # (steps, numbers)
Given = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class _Judged:
    """What a form's two artifacts do together."""

    bleu: float
    agreement: float  # of the likeliest next pieces, in given translations


def verify_translation(
    model: Any, spec: TranslationSpec, written: Sequence[Written], sentences: Sentences,
    texts: Sequence[str], pieces: Subwords, gate: GateRecipe, missing: tuple[str, ...],
    progress: Progress,
) -> Report:  # fmt: skip
    """Hold the artifacts of both networks against the Keras model that they were made of.

    Args:
        model: as `edgenets.tasks.translation.model.build` makes it.
        sentences: that the model was not trained on, with their translations.
        texts: the translations as they are written.

    Raises:
        DataError: there are no sentences.
    """
    if not len(sentences):
        raise DataError("there is nothing to verify on: no sentence is kept for it")
    judge = _Judge(model, spec, sentences, texts, pieces, gate)
    forms: dict[str, list[Written]] = {}
    for item in written:
        forms.setdefault(item.artifact.form, []).append(item)
    verdicts: list[Verdict] = []
    with progress.task("verifying") as task:
        for done, (form, items) in enumerate(forms.items(), 1):
            verdicts += judge.verdicts(items)
            task.update(done, len(forms), form)
    return Report(
        spec.name, (), BLEU.name, judge.reference, judge.count, "sentences", tuple(verdicts),
        missing,
    )  # fmt: skip


class _Judge:
    """The Keras model's answers, computed once for all artifacts."""

    def __init__(
        self, model: Any, spec: TranslationSpec, sentences: Sentences, texts: Sequence[str],
        pieces: Subwords, gate: GateRecipe,
    ) -> None:  # fmt: skip
        self._spec = replace(spec, decoding=replace(spec.decoding, beam=1))
        self._pieces, self._gate = pieces, gate
        self.count = min(gate.samples, len(sentences))
        # From the shortest on: an interpreter that was laid out for little then meets much.
        order = sorted(range(self.count), key=lambda i: len(sentences.sources[i]))
        self._sources = [sentences.sources[i] for i in order]
        self._texts = [texts[i] for i in order]
        self._read = [np.append(s, END).astype(np.int32) for s in self._sources]
        self._came = [np.insert(sentences.targets[i], 0, BEGIN).astype(np.int32) for i in order]
        self._reader = translation_rnn.encoder(model)
        self._writer = translation_rnn.decoder(model)
        self._given = self._memories()
        self._scores = self._answers()
        self._streams = [long_stream([item[:, None] for item in items], gate.stream_steps)[:, 0]
                         for items in (self._read, self._came)]  # fmt: skip
        read = self._reader.predict_on_batch(self._streams[0][None])
        self._read_whole = _joined(read[MEMORY][0], read[START][0])
        first = {name: value[None] for name, value in self._given[0].items()}
        self._scored_whole = self._writer.predict_on_batch(
            [self._streams[1][None], first[MEMORY], first[START][0]]
        )[0]
        found = translated(model, self._sources, self._spec.decoding)
        self.reference = self._bleu(found)

    def verdicts(self, items: Sequence[Written]) -> list[Verdict]:
        """Run the two artifacts of a form, and judge them."""
        parts = {item.artifact.part: item for item in items}
        if absent := {"encoder", "decoder"} - parts.keys():
            why = f"the form has no {' and no '.join(sorted(absent))} beside it"
            return [broken(item, why) for item in items]
        sessions: dict[Part, backend.Session] = {}
        measures: dict[Part, Closeness] = {}
        errors: dict[Part, str] = {}
        measured: tuple[tuple[Part, Callable[[backend.Session], Closeness]], ...] = (
            ("encoder", self._encoder), ("decoder", self._decoder),
        )  # fmt: skip
        for part, measure in measured:
            item = parts[part]
            try:
                name = backend.backend_of(item.artifact)
                sessions[part] = backend.load(name, item.artifact, item.files)
                measures[part] = measure(sessions[part])
            except EdgenetsError as exc:
                errors[part] = str(exc)
        if errors:
            return [
                broken(item, errors.get(part) or f"its {next(iter(errors))} cannot be run")
                for part, item in parts.items()
            ]
        judged = self._together(sessions["encoder"], sessions["decoder"])
        return [
            verdict(
                item, sessions[part].runs_on, judged.bleu, self.reference, judged.agreement,
                measures[part], BLEU, self._gate,
            )
            for part, item in parts.items()
        ]  # fmt: skip

    def _encoder(self, session: backend.Session) -> Closeness:
        found = [backend.answers(session, item[:, None]) for item in self._read]
        wanted = [_joined(given[MEMORY], given["starts"]) for given in self._given]
        stream = backend.answers(session, self._streams[0][:, None])
        return closeness(
            [(np.concatenate(found), np.concatenate(wanted))], (stream, self._read_whole)
        )

    def _decoder(self, session: backend.Session) -> Closeness:
        found = [
            self._score(session, given, came)
            for given, came in zip(self._given, self._came, strict=True)
        ]
        stream = self._score(session, self._given[0], self._streams[1])
        return closeness(
            [(np.concatenate(found), np.concatenate(self._scores))], (stream, self._scored_whole)
        )

    def _together(self, encoder: backend.Session, decoder: backend.Session) -> _Judged:
        translator = Translator(self._spec, encoder, decoder)
        found = [list(translator.translate(source).pieces) for source in self._sources]
        equal = []
        for source, came, wanted in zip(self._sources, self._came, self._scores, strict=True):
            scores = self._score(decoder, translator.read(source), came)
            equal.append(scores.argmax(axis=-1) == wanted.argmax(axis=-1))
        return _Judged(self._bleu(found), float(np.mean(np.concatenate(equal))))

    def _score(
        self, session: backend.Session, given: Mapping[str, NDArray[np.float32]], came: Tokens
    ) -> Numbers:
        """A decoder's scores for a given translation, (steps, scores)."""
        decoder_inputs = {name: given[name] for name in (MEMORY, START)}
        return backend.answers(session, came[:, None], decoder_inputs)

    def _bleu(self, found: Sequence[Sequence[int]]) -> float:
        return similarity([self._pieces.decode(p) for p in found], self._texts).bleu

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
        found: list[Numbers] = [np.empty(0, np.float32)] * self.count
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
