"""espeak-ng by ctypes: text to sound, and text to phonemes.

espeak-ng keeps everything in global variables: it is not thread-safe, and what
it said before (the phase of its flutter, its random numbers) colors what it
says next. So every call here loads the library, uses it and unloads it, one
call at a time: the same text by the same voice is the same samples, in any
process and after any other text. That costs about a millisecond.

Where the C library never unloads anything (musl), or other code of the process
holds espeak-ng too, the speech is as good, but not the same to the last bit.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError, MissingExtra
from edgenets.extras import require

# The rate of every voice that is not MBROLA's.
SAMPLE_RATE = 22_050  # Hz

# Of 100: at full volume some variants saturate inside espeak-ng; at this, none of ours comes
# near it, and the quietest still leaves 16-bit rounding 70 dB below itself.
VOLUME = 30

# Limits of espeak-ng, beyond which it takes the nearest value without a word.
SPEEDS = range(80, 451)  # words a minute
PERCENT = range(100)  # pitch, and how much intonation changes it

# Any seed does, so long as it is always the same.
_SEED = 1

# From espeak-ng's speak_lib.h, revision 12.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_POSITION_CHARACTER = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_PHONEMES_IPA = 0x02
_READS_PHONEMES = 0x100
_SEPARATOR = "_"

# Stress is no sound of its own.
_STRESS = str.maketrans("", "", "ˈˌ")

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_LOCK = threading.Lock()


def synthesize(
    text: str, voice: str, speed: int, pitch: int, pitch_range: int, phonemes: bool = False
) -> NDArray[np.int16]:
    """Speak a text: (n,) samples at SAMPLE_RATE, with the silence that espeak-ng puts around it.

    Args:
        text: without NUL characters; SSML is not interpreted.
        voice: a language, and a variant where one is wanted: `en-us` or `en-us+f2`.
        speed: one of SPEEDS, words a minute.
        pitch: one of PERCENT; 50 is the variant's own.
        pitch_range: one of PERCENT; 0 is monotonous, 50 the variant's own.
        phonemes: the text is phonemes, as `mnemonics` gives them, one after another.

    Raises:
        DataError: there is no such voice, or espeak-ng fails.
        MissingExtra: espeak-ng is not installed or does not load.
    """
    flags = _UTF8 | _READS_PHONEMES if phonemes else _UTF8
    text = f"[[{text}]]" if phonemes else text
    blocks: list[bytes] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if samples and count > 0:  # a null pointer marks the end
            blocks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _CALLBACK(collect)  # must live as long as espeak-ng may call it
    with _library() as library:
        library.espeak_SetSynthCallback(callback)
        _select(library, voice)
        settings = {_RATE: speed, _VOLUME: VOLUME, _PITCH: pitch, _RANGE: pitch_range}
        for parameter, value in settings.items():
            library.espeak_SetParameter(parameter, value, 0)
        _seed(library)
        data = text.encode()
        # The length counts the NUL that ctypes puts at the end of bytes.
        status = library.espeak_Synth(
            ctypes.c_char_p(data),
            ctypes.c_size_t(len(data) + 1),
            0,
            _POSITION_CHARACTER,
            0,
            flags,
            None,
            None,
        )
    if status != 0:
        raise DataError(f"espeak-ng cannot speak {text!r} as {voice} (status {status})")
    return np.frombuffer(b"".join(blocks), dtype=np.int16)


def phonemes(texts: Sequence[str], voice: str = "en-us") -> list[tuple[str, ...]]:
    """How each text sounds: its phonemes in IPA, without stress, spaces or pauses.

    Raises as `synthesize`.
    """
    with _library() as library:
        _select(library, voice)
        return [_phonemes(library, text, _PHONEMES_IPA) for text in texts]


def mnemonics(texts: Sequence[str], voice: str = "en-us") -> list[tuple[str, ...]]:
    """The phonemes of each text as espeak-ng itself writes and reads them, with their stress.

    Raises as `synthesize`.
    """
    with _library() as library:
        _select(library, voice)
        return [_phonemes(library, text, 0) for text in texts]


def check_voices(voices: Iterable[str]) -> None:
    """Load each voice once, without speaking.

    Raises as `synthesize`.
    """
    with _library() as library:
        for voice in voices:
            _select(library, voice)


@contextmanager
def _library() -> Iterator[ctypes.CDLL]:
    """espeak-ng as if it had never been used; nobody else uses it meanwhile."""
    loader = require("espeakng_loader")
    with _LOCK:
        try:
            library = ctypes.CDLL(loader.get_library_path())
            data = loader.get_data_path()
        except (OSError, RuntimeError) as exc:
            raise MissingExtra(f"espeakng_loader is installed, but does not load: {exc}") from exc
        try:
            _start(library, data)
            yield library
        finally:
            library.espeak_Terminate()
            _unload(library)


def _start(library: ctypes.CDLL, data: str) -> None:
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _DONT_EXIT)
    if rate != SAMPLE_RATE:
        raise MissingExtra(
            f"espeak-ng does not read its voices in {data}: reinstall espeakng-loader, "
            f"in a shorter path if this one is longer than 150 bytes, which espeak-ng cuts off"
        )


def _unload(library: ctypes.CDLL) -> None:
    close = ctypes.CDLL(None).dlclose  # ctypes itself never closes a library
    close.argtypes = [ctypes.c_void_p]
    close(library._handle)


def _select(library: ctypes.CDLL, voice: str) -> None:
    language, _, variant = voice.partition("+")
    # espeak-ng passes over a variant that it does not have, and takes a path for a language.
    known = Path(require("espeakng_loader").get_data_path()) / "voices" / "!v"
    if variant and variant not in {path.name for path in known.iterdir()}:
        raise DataError(f"{voice}: espeak-ng has no variant {variant!r}; see {known}")
    named = language.isascii() and language.replace("-", "").isalnum()
    if not named or library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise DataError(
            f"{voice}: espeak-ng has no language {language!r} (British English is 'en' alone)"
        )


def _seed(library: ctypes.CDLL) -> None:
    """Fix both sources of chance; a few variants (Reed, caleb) draw from the C library's."""
    library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
    ctypes.CDLL(None).srand(_SEED)


def _phonemes(library: ctypes.CDLL, text: str, kind: int) -> tuple[str, ...]:
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    buffer = ctypes.create_string_buffer(text.encode())
    rest = ctypes.c_void_p(ctypes.addressof(buffer))
    found: list[str] = []
    while rest.value:  # one clause a call; null at the end of the text
        mode = kind | ord(_SEPARATOR) << 8
        clause = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode).decode()
        found += clause.translate(_STRESS).replace(" ", _SEPARATOR).split(_SEPARATOR)
    return tuple(p for p in found if p)
