"""What is synthesized for a training of speech: more voices, and what is heard behind them."""

from __future__ import annotations

from itertools import cycle, islice

import numpy as np

from edgenets.data.split import SplitShares
from edgenets.progress import Progress
from edgenets.tasks.keywords.augment import Sound, colored_noise
from edgenets.tasks.keywords.noises import noises
from edgenets.tasks.keywords.running import cast_of, said, sentences
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.strings import NOISE_SECONDS
from edgenets.tasks.speech.symbols import symbols_of
from edgenets.tasks.speech.utterances import Spoken

# Sentences that are babbled; none holds what sounds like a symbol.
SENTENCES = 400

# Colored noises beside all that people, dishes and engines make: a third of what is heard.
COLORED = 200

# How digits are said; other symbols are said as they are spelled.
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SAID = dict(zip("0123456789", _WORDS, strict=True))


def text_of(symbol: str) -> str:
    """What a speaker is given to say."""
    return _SAID.get(symbol, symbol)


def with_synthetic(recipe: SpeechRecipe, spoken: Spoken, progress: Progress) -> Spoken:
    """The same recordings, and as many synthesized ones of each symbol as the recipe asks for.

    Raises:
        MissingExtra: espeak-ng or hibari is not installed or does not load.
    """
    data = recipe.data
    speakers = cycle(cast_of("train", SplitShares(), recipe.seed))
    symbols = [s for s in data.symbols if text_of(s).strip()]
    count = len(symbols) * data.synthetic
    texts = islice(cycle(symbols), count)
    every = said(((text_of(s), next(speakers)) for s in texts), spoken.sample_rate)
    sounds = []
    with progress.task("speaking") as task:
        for pcm in every:
            sounds.append(pcm)
            task.update(len(sounds), count)
    numbers = [symbols_of(s, data.symbols, data.units) for s in islice(cycle(symbols), count)]
    return Spoken(
        (*spoken.sounds, *sounds), (*spoken.symbols, *map(tuple, numbers)), spoken.sample_rate
    )


def behind(recipe: SpeechRecipe, progress: Progress) -> tuple[Sound, ...]:
    """What strings are heard through; errors as `with_synthetic`."""
    rate = recipe.features.sample_rate
    cast = cast_of("train", SplitShares(), recipe.seed)
    words = [text_of(symbol) for symbol in recipe.data.symbols if text_of(symbol).strip()]
    spoken = []
    with progress.task("speaking what is behind") as task:
        for pcm in sentences(words, SENTENCES, cast, recipe.seed, rate):
            spoken.append(pcm)
            task.update(len(spoken), SENTENCES)
    length = int((NOISE_SECONDS + recipe.data.seconds) * rate)
    rng = np.random.default_rng((recipe.seed, 9))
    colored = (colored_noise(rng, length) for _ in range(COLORED))
    return (*noises(spoken, (), length, rate), *colored)
