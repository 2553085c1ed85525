"""What is said in a synthetic data set: the user's words, and what must not be taken for them.

Unknown words teach a model what to leave alone: other common words, above all
those that sound like the user's, short phrases, and halves of the user's words.
None of them may be one of the user's words to the ear, whatever its spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgenets.errors import DataError
from edgenets.tasks.keywords.espeak import phonemes

UNKNOWN = "_unknown_"
SILENCE = "_silence_"

# A file name holds 255 bytes, and a letter takes up to four.
LONGEST_WORD = 60  # characters

# Common words that count as sounding most like a word of the user's.
NEAR_WORDS = 12  # a word

_COMMON = """
    about above accept across action after again against air almost alone along also always
    animal answer apple april area around ask august autumn away baby back bad ball bank bed
    before begin behind below beside best better between big bird black blue board boat body
    book both bottom box boy bread bridge bring brother brown build bus busy butter button buy
    call camera car care carry cat catch chair change cheese chicken child church city class
    clean clear clock close cloud coat coffee cold colour come common cook copy corner cost
    could country cover cow cross cup dance dark daughter day dead deep dinner doctor dog dollar
    door down draw dream dress drink drive dry early east easy eat egg eight electric empty end
    engine enough evening every eye face fall family far farm fast father feel field fight fill
    find finger finish fire first fish five floor flower fly follow food foot forest forget
    forward four free friday friend from fruit full game garden gate girl give glass go gold
    good grass great green ground group grow hair half hand happy hard hat head hear heart heavy
    hello help here high hold home hope horse hospital hot hotel hour house hundred hurry idea
    if inside iron island january job june jump just keep key kitchen knife know lady lake lamp
    land language large late laugh leaf learn leave left leg lemon letter light like line lion
    listen little live long look love low lunch machine make man many map march market marvin
    matter may maybe meat meet middle milk mind minute monday money month moon more morning
    mother mountain mouth move much music name near neck need never new next night nine no noise
    north nose nothing now number ocean off offer office often oil old on once one only open
    orange other out over page paint paper parent park party pay pen people perhaps person phone
    piece place plan plane plant play please point poor potato power pretty price problem pull
    push question quick quiet radio rain read ready red remember repeat rest rice rich right
    ring river road rock roof room round run sad salt same sand saturday save say school sea
    second see seven shape share sheila ship shirt shoe shop short shut sick side silver simple
    sing sister sit six skin sky sleep slow small smile snow soap some song soon sorry soup south
    speak spoon spring square stand star start stay stone stop story street strong student sugar
    summer sun sunday sure sweet swim table tail take talk tall tea teacher tell ten thank thing
    think three through thunder thursday ticket time tired today together tomorrow tooth top
    touch towel town toy train travel tree true try tuesday turn twenty two ugly umbrella uncle
    under until up use very village visit voice wait walk wall want warm wash watch water way
    weather wednesday week well west wet wheel when where white why wide wife wind window wine
    winter woman wonder wood word work world worry write wrong yard year yellow yes yesterday
    young zebra zero
"""
_PHRASES = """
    thank you; good morning; good night; how are you; see you later; what time is it; over there;
    I do not know; come here; wait a minute; not today; of course; that is right; excuse me;
    never mind; a cup of tea; in the morning; on the table; at home; let me see; what is this;
    all of them; it was nothing; we will see; he said so; she came back; look at that; going home;
    the other one; up and down; left and right; yes and no; once again; no problem; just now;
    out of order; time to go; stop it; turn around; go ahead; keep going; right here; be quiet
"""
_FUNCTION = """
    the a of to and in is it you that he was for on are with as I his they at be this from have or
    by had not but what all were we when your can said there use an each which she do how their if
    will many then them these so some her would like him into has two more could people my than been
    who its did get part
"""
COMMON = tuple(_COMMON.split())
FUNCTION = tuple(_FUNCTION.split())  # such as every sentence has
PHRASES = tuple(" ".join(phrase.split()) for phrase in _PHRASES.split(";"))

_HYPHENS_AND_SPACES = re.compile(r"[\s-]+")


@dataclass(frozen=True)
class Half:
    """The beginning or the end of one of the user's words."""

    word: str
    first: bool


@dataclass(frozen=True)
class Vocabulary:
    """The user's words, and all that is unknown beside them."""

    words: tuple[str, ...]  # as they are said
    labels: tuple[str, ...]  # one a word; safe as names of folders
    others: tuple[str, ...]  # common words
    near: tuple[str, ...]  # the others that sound most like the user's, and parts of their phrases
    phrases: tuple[str, ...]  # without any of the user's words
    halves: tuple[Half, ...]  # those that are no other word of the user's


def label_of(word: str) -> str:
    """The label of a word or phrase: in lower case, `_` for spaces and hyphens, no apostrophes.

    Raises:
        DataError: it is empty or too long, or holds what an English voice would not read.
    """
    text = " ".join(unicodedata.normalize("NFC", word).lower().split())
    if text in (UNKNOWN, SILENCE):
        raise DataError(f"{word!r} is the name of the label for what is no word; choose another")
    if not any(c.isalnum() for c in text):
        raise DataError(f"{word!r}: no word; letters or digits are needed")
    strange = sorted({c for c in text if not (_is_letter(c) or c in "0123456789 '’-")})
    if strange:
        raise DataError(
            f"{word!r}: only Latin letters, digits, spaces, apostrophes and hyphens can be said, "
            f"not {' '.join(map(ascii, strange))}"
        )
    if len(text) > LONGEST_WORD:
        raise DataError(f"{word!r}: longer than {LONGEST_WORD} characters")
    bare = text.replace("'", "").replace("’", "")
    return _HYPHENS_AND_SPACES.sub("_", bare).strip("_")


def _labels(words: Sequence[str]) -> tuple[str, ...]:
    """The labels of words, each there once."""
    if isinstance(words, str) or not words:
        raise DataError("a list of one or more words is needed")
    labels = tuple(label_of(word) for word in words)
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise DataError(f"the same word more than once: {', '.join(twice)}")
    return labels


def vocabulary(words: Sequence[str]) -> Vocabulary:
    """Find what is unknown beside the user's words.

    Raises:
        DataError: no words, one that `label_of` refuses, or two that are the same or sound it.
        MissingExtra: espeak-ng is not installed or does not load.
    """
    labels = _labels(words)
    said = tuple(" ".join(unicodedata.normalize("NFC", word).split()) for word in words)
    parts = {part: None for word in said for part in _parts(word)}
    sounds = _sounds([*said, *parts, *COMMON, *PHRASES])
    mine = {word: sounds[word] for word in said}
    _refuse_homophones(mine)

    def unknown(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(t for t in texts if not any(_holds(sounds[t], own) for own in mine.values()))

    others = unknown(COMMON)
    if not others:
        raise DataError("no common word is left that is not one of yours")
    near = {o: None for own in mine.values() for o in _nearest(own, others, sounds)}
    return Vocabulary(
        words=said,
        labels=labels,
        others=others,
        near=(*near, *unknown(parts)),
        phrases=unknown(PHRASES),
        halves=_halves(said, mine),
    )


class Ear:
    """Knows which texts hold one of some words, whatever their spelling."""

    def __init__(self, words: Sequence[str], vocabulary: Sequence[str]) -> None:
        """Listen for words in texts that are made of a vocabulary; errors as `vocabulary`."""
        self._own = list(_sounds(words).values())
        self._known = _sounds(vocabulary)

    def hears(self, text: Sequence[str]) -> bool:
        """Whether a text, word by word, holds one."""
        sounds = tuple(part for word in text for part in self._known[word])
        return any(_holds(sounds, own) for own in self._own)


def _halves(said: Sequence[str], mine: dict[str, _Sounds]) -> tuple[Half, ...]:
    """The first and the second half of every word, where it is none of the words itself."""
    every = (Half(word, first) for word in said for first in (True, False))
    return tuple(half for half in every if _free(half, mine))


# How a text sounds: a word's phonemes, for each of its words.
_Sounds = tuple[tuple[str, ...], ...]


def _parts(text: str) -> list[str]:
    """The words of a phrase; espeak-ng itself slurs `of the` and the like into one."""
    return _HYPHENS_AND_SPACES.split(text.strip("- "))


def _sounds(texts: Sequence[str]) -> dict[str, _Sounds]:
    every = list({part: None for text in texts for part in _parts(text)})
    known = dict(zip(every, phonemes(every), strict=True))
    return {text: tuple(known[part] for part in _parts(text)) for text in texts}


def _flat(sounds: _Sounds) -> tuple[str, ...]:
    return tuple(phoneme for word in sounds for phoneme in word)


def _refuse_homophones(mine: dict[str, _Sounds]) -> None:
    heard: dict[tuple[str, ...], str] = {}
    for word, sounds in mine.items():
        other = heard.setdefault(_flat(sounds), word)
        if other != word:
            raise DataError(f"{other!r} and {word!r} sound the same: no model can tell them apart")


def _holds(sounds: _Sounds, own: _Sounds) -> bool:
    """Whether a text is, or holds as words of its own, what sounds like `own`."""
    places = range(len(sounds) - len(own) + 1)
    return _flat(sounds) == _flat(own) or any(sounds[i : i + len(own)] == own for i in places)


def _free(half: Half, mine: dict[str, _Sounds]) -> bool:
    """Whether half a word may count as unknown: no other word of the user's stands there."""
    whole = _flat(mine[half.word])
    owns = [_flat(sounds) for word, sounds in mine.items() if word != half.word]
    return not any(own == (whole[: len(own)] if half.first else whole[-len(own) :]) for own in owns)


def _nearest(own: _Sounds, others: Sequence[str], sounds: dict[str, _Sounds]) -> list[str]:
    target = _flat(own)

    def far(other: str) -> float:
        sound = _flat(sounds[other])
        return edits(target, sound) / max(len(target), len(sound))

    return sorted(others, key=far)[:NEAR_WORDS]


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """The fewest phonemes to insert, drop or replace (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for i, phoneme in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, against in enumerate(other, 1):
            replaced = corner + (phoneme != against)
            corner = row[j]
            row[j] = min(row[j] + 1, row[j - 1] + 1, replaced)
    return row[-1]


def _is_letter(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN ")
