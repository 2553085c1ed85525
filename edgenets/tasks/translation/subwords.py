"""Text as sub-words, and back, by sentencepiece (Kudo and Richardson 2018, arXiv:1808.06226).

One set of pieces serves both languages, so that one table of embeddings does, too.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.tasks.translation.spec import BEGIN, END, PADDING, PIECES, UNKNOWN, TokensInput

if TYPE_CHECKING:
    from edgenets.bundle import Bundle

# Seen in sentencepiece 0.2: its own messages about a model that is no model name its source files.
_REFUSED = "is no sentencepiece model"


def learn(sentences: Iterable[str], count: int) -> bytes:
    """The sub-words of sentences, as a sentencepiece model of the unigram kind (Kudo 2018).

    Args:
        sentences: of both languages.
        count: pieces that there are to be, the four that mean something included.

    Raises:
        DataError: there are no sentences, or they do not hold so many.
    """
    library, made = require("sentencepiece"), io.BytesIO()
    kept = list(filter(None, sentences))
    if not kept:
        raise DataError("there are no sentences to learn sub-words of")
    try:
        library.SentencePieceTrainer.train(
            sentence_iterator=iter(kept), model_writer=made, vocab_size=count,
            # It skips longer ones in silence, and with them what only they hold.
            max_sentence_length=max(len(text.encode()) for text in kept) + 1,
            model_type="unigram", character_coverage=1.0, normalization_rule_name="nmt_nfkc",
            pad_id=PADDING, bos_id=BEGIN, eos_id=END, unk_id=UNKNOWN, num_threads=1,
            minloglevel=2,
        )  # fmt: skip
    except (RuntimeError, OSError) as exc:
        said = str(exc).strip().splitlines()[-1].partition("] ")[2] or str(exc)
        raise DataError(f"no {count:,} pieces can be made of the sentences: {said}") from exc
    return made.getvalue()


class Subwords:
    """Divides text, and puts it together again."""

    def __init__(
        self, model: bytes, input: TokensInput | None = None, where: str = "what divides text"
    ) -> None:
        """Read a sentencepiece model.

        Args:
            model: its bytes.
            input: what it is said to be; None: it is not checked.
            where: what to call it, should it be none.

        Raises:
            DataError: it is none, or another one.
        """
        self._processor: Any = require("sentencepiece").SentencePieceProcessor()
        try:
            read = self._processor.LoadFromSerializedProto(bytes(model))
        except RuntimeError as exc:
            raise DataError(f"{where} {_REFUSED}") from exc
        special = [
            self._processor.pad_id(),
            self._processor.bos_id(),
            self._processor.eos_id(),
            self._processor.unk_id(),
        ]
        if not read or special != [PADDING, BEGIN, END, UNKNOWN]:
            raise DataError(f"{where} {_REFUSED} of edgenets")
        if input is not None and self.count != input.count:
            raise DataError(
                f"{where} has {self.count:,} pieces where the model has {input.count:,}; it is of "
                f"another model"
            )

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> NDArray[np.int32]:
        """The pieces of a sentence without its end, (pieces,) int32."""
        return np.array(self._processor.encode(text), np.int32)

    def encode_all(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The pieces of many sentences."""
        return [np.array(found, np.int32) for found in self._processor.encode(list(texts))]

    def refusal(self, pieces: NDArray[np.int32], input: TokensInput) -> str:
        """Why a sentence cannot be translated; nothing where it can."""
        if len(pieces) > input.longest:
            return (
                f"{len(pieces):,} pieces are more than the {input.longest} of the longest sentence "
                f"that it was taught; give a sentence a line"
            )
        known = self._processor.decode([int(piece) for piece in pieces if piece > UNKNOWN])
        if not known.strip():
            return f"there is nothing in it that the model can read; it reads {input.source}"
        return ""

    def decode(self, pieces: Iterable[int]) -> str:
        """The text of pieces."""
        text: str = self._processor.decode([int(piece) for piece in pieces])
        return text


def subwords_of(bundle: Bundle) -> Subwords:
    """What divides text for the model of a bundle.

    Raises:
        BundleError: it is missing or damaged.
        DataError: it is none, or that of another model.
    """
    input = bundle.spec.input
    assert isinstance(input, TokensInput), "no other bundle has a translator"
    return Subwords(bytes(bundle.read(PIECES)), input, f"{bundle.path}: {PIECES}")
