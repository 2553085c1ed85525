"""The front end of a model of one's own: how sound, texts or readings become its input.

    like = "librosa"              [decoding]
    sample_rate = 16000           threshold = 0.7
    …

Every key but `like` is a field of the input's record; `[decoding]` has fields of the task's.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from edgenets import records
from edgenets.errors import RecordError
from edgenets.files import Json
from edgenets.sound import like
from edgenets.sound.features import SoundInput
from edgenets.tasks.language.spec import TextInput
from edgenets.tasks.series.spec import SeriesInput

# Front ends that are a kind of their own, by the name that a user knows.
_KINDS = {"micro-frontend": "micro-frontend", "raw": "raw", "edgenets": "audio"}


# Sound that is taken as it is comes in frames of about this.
_RAW_FRAME = 0.01  # s


@dataclass(frozen=True)
class Front:
    """What a front file says, in plain values."""

    where: str  # for messages
    input: Json = field(default_factory=dict)
    decoding: Json = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of the input; nothing: it is not said."""
        if "kind" in self.input:
            return str(self.input["kind"])
        return "text" if "vocabulary" in self.input else "series" if "columns" in self.input else ""

    def sound(self, elements: int) -> SoundInput:
        """The input of a model of sound.

        Args:
            elements: numbers of its input; frames of raw sound are a whole number of them.

        Raises:
            RecordError: it says something wrong.
        """
        plain = self.input
        if self.kind == "raw" and "hop" not in plain:
            most = round(_RAW_FRAME * plain.get("sample_rate", 16_000))
            hop = max(n for n in range(1, max(2, most + 1)) if elements % n == 0)
            plain = {**plain, "hop": hop}
        return records.parse(_Sound, {"input": plain}, self.where).input

    def series(self) -> SeriesInput:
        """The input of a model of series, whose columns go in together.

        Raises:
            RecordError: it says something wrong, or too little.
        """
        if missing := [k for k in ("columns", "mean", "std") if k not in self.input]:
            raise RecordError(
                f"{self.where}: which readings does the model take? A TOML file says it: columns, "
                f"and mean and std of each, as it was trained; {', '.join(missing)} is missing"
            )
        plain = {"kind": "series", "together": True, "segment": 1, **self.input}
        return records.parse(SeriesInput, plain, self.where)

    def text(self) -> tuple[TextInput, str | None]:
        """The input of a model of texts, and where it wants them padded.

        Raises:
            RecordError: it says something wrong, or no vocabulary.
        """
        plain = {"kind": "text", **self.input}
        pad = plain.pop("pad", None)
        if pad not in (None, "before", "after"):
            raise RecordError(f"{self.where}: pad is 'before' or 'after', not {pad!r}")
        if isinstance(listed := plain.get("vocabulary"), str):
            plain["vocabulary"] = _vocabulary(Path(self.where).parent / listed)
        if "vocabulary" not in plain:
            raise RecordError(
                f"{self.where}: which tokens does the model know? A TOML file says it: vocabulary "
                f'= "vocabulary.txt", a line a token; see docs/own-models.md'
            )
        return records.parse(TextInput, plain, self.where), pad


@dataclass(frozen=True)
class _Sound:
    """For `records.parse`, which tells front ends apart by their kind."""

    input: SoundInput


def _vocabulary(path: Path) -> list[str]:
    """Tokens, a line each; an empty line is a token of no text, which is called so."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise RecordError(f"{path}: cannot be read as a vocabulary: {exc}") from exc
    lines = lines[:-1] if lines[-1] == "" else lines
    return [line.rstrip("\r") or f"<{number}>" for number, line in enumerate(lines)]


def names() -> tuple[str, ...]:
    """The libraries whose features are known."""
    return (*like.known(), *_KINDS)


def read(front: str | None) -> Front:
    """A front file, or the front end of a library.

    Args:
        front: a path, or one of `names`; None: nothing is said.

    Raises:
        RecordError: it is neither, or cannot be read.
    """
    if front is None:
        return Front("--front")
    if front in names():
        return Front(f"--front {front}", _of_library(front))
    path = Path(front)
    if not path.is_file():
        raise RecordError(
            f"--front {front}: is no file, nor one of the front ends {', '.join(names())}"
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise RecordError(f"{path}: cannot be read as TOML: {exc}") from exc
    decoding, given = data.pop("decoding", {}), data.pop("input", None)
    if not isinstance(decoding, dict) or not isinstance(given, dict | None):
        raise RecordError(f"{path}: [input] and [decoding] are tables")
    if given is not None and data:
        raise RecordError(f"{path}: '{min(data)}' stands outside of [input]")
    own = data if given is None else given
    library = own.pop("like", None)
    if library is None:
        return Front(str(path), own, decoding)
    if library not in names():
        raise RecordError(f"{path}: like: '{library}' is not one of {', '.join(names())}")
    return Front(str(path), {**_of_library(library), **_lists(own)}, decoding)


def _of_library(name: str) -> Json:
    return {"kind": _KINDS[name]} if name in _KINDS else {"kind": "mel", **like.known()[name]}


def _lists(own: Json) -> Json:
    """One number where a field has several: `mean = -6.5`."""
    return {
        k: [v] if k in ("mean", "std") and isinstance(v, int | float) else v for k, v in own.items()
    }
