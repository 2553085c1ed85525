"""Training streams: several recordings one after another, as a microphone would hear them.

A device listens without end and never resets its network between words. So the network
is trained on streams of several clips, and asked for the word of each clip over
the last steps of it; what comes before is context that it must learn to leave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.audio import pcm16_to_float
from edgenets.sound.features import TrainedInput, extractor, frame_count
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.surroundings import another_voice, mask_stretches, surround

# The answer is asked for over this long before a clip's end, and a step after it.
ANSWER_SECONDS = 0.2

# The longest pause between two clips of a stream.
LONGEST_GAP = 0.2  # s

# Widest SpecAugment stretch over bands.
MASK_BANDS = 8

# Background noise is drawn from a bank made once a training.
NOISE_SECONDS = 8.0
NOISE_COUNT = 48


class StreamMaker:
    """Draws training batches from a set of clips."""

    def __init__(
        self,
        clips: ClipSet,
        features: TrainedInput,
        recipe: AugmentRecipe,
        frames_per_step: int,
        clip_seconds: float,
        clips_per_stream: int,
        seed: int,
    ) -> None:
        self.clips = clips
        self._features = features
        self.bands = features.bands
        self._recipe = recipe
        self._frames_per_step = frames_per_step
        self._per_stream = clips_per_stream
        self._seed = seed
        rate = features.sample_rate
        self._clip_length = int(clip_seconds * rate)
        self._gap = int(LONGEST_GAP * rate)
        self.length = (self._clip_length + self._gap) * clips_per_stream  # samples a stream
        frames = frame_count(self.length, features)
        self.steps = frames // frames_per_step
        self.frames = self.steps * frames_per_step
        self._log_mel = extractor(features)
        self._noises = self._noise_bank(np.random.default_rng((seed, 0)))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Clip numbers for one epoch, (streams, clips_per_stream); every clip once."""
        rng = np.random.default_rng((self._seed, 1, epoch))
        order = rng.permutation(len(self.clips))
        usable = len(order) - len(order) % self._per_stream
        return order[:usable].reshape(-1, self._per_stream)

    def batch(self, numbers: NDArray[np.int64], epoch: int, index: int) -> Batch:
        """The streams for some rows of `order`; the same arguments give the same batch."""
        rng = np.random.default_rng((self._seed, 2, epoch, index))
        features = np.empty((len(numbers), self.frames, self._features.bands), dtype=np.float32)
        targets = np.zeros((len(numbers), self.steps, len(self.clips.labels)), dtype=np.float32)
        weights = np.zeros((len(numbers), self.steps), dtype=np.float32)
        places = self._places(rng)
        for row, clips in enumerate(numbers):
            sound = self._stream(rng, clips, places, targets[row], weights[row])
            self._log_mel.reset()
            frames = self._log_mel.push(sound)[: self.frames]
            features[row] = another_voice(rng, frames, self._recipe, self._features)
            mask_stretches(rng, features[row], self._recipe, self._features, MASK_BANDS)
        if self._recipe.mixup:
            features, targets = self._mixed(rng, features, targets)
        return Batch(features, targets, weights)

    def _places(self, rng: np.random.Generator) -> list[int]:
        """Where the clips of a batch's streams begin, in samples: in all of them alike."""
        # Half of the streams begin with a clip at once, as a recording on disk does.
        place = int(rng.integers(0, self._gap)) if rng.random() < 0.5 else 0
        places = []
        for _ in range(self._per_stream):
            places.append(min(place, self.length - self._clip_length))
            place += self._clip_length + int(rng.integers(0, self._gap))
        return places

    def _mixed(
        self, rng: np.random.Generator, features: NDArray[np.float32], targets: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Every stream mixed with another of its batch (Zhang et al. 2018, arXiv:1710.09412)."""
        alpha = self._recipe.mixup
        share = rng.beta(alpha, alpha, (len(features), 1, 1)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        other = rng.permutation(len(features))
        return (
            share * features + (1 - share) * features[other],
            share * targets + (1 - share) * targets[other],
        )

    def _stream(
        self,
        rng: np.random.Generator,
        clips: NDArray[np.int64],
        places: list[int],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """One stream of sound, (length,); fills in what is asked for."""
        recipe, rate = self._recipe, self._features.sample_rate
        sound = np.zeros(self.length, dtype=np.float32)
        for number, place in zip(clips, places, strict=True):
            piece = pcm16_to_float(self.clips.sounds[number])
            piece = augment.change_speed(piece, 1.0 + rng.uniform(-recipe.speed, recipe.speed))
            shift = int(rng.uniform(-recipe.shift, recipe.shift) * rate)
            piece = augment.fit(piece, self._clip_length, shift)
            gain = 10 ** (rng.uniform(-recipe.gain, recipe.gain) / 20)
            sound[place : place + self._clip_length] = gain * piece
            asked = self._steps_before(place + self._clip_length)
            targets[asked, self.clips.targets[number]] = 1.0
            weights[asked] = 1.0
        return surround(rng, sound, recipe, rate, self._noises)

    def _steps_before(self, sample: int) -> slice:
        """The steps that end within ANSWER_SECONDS before a sample, and the one that covers it."""
        step = self._frames_per_step * self._features.hop
        last = (sample - self._features.window) // step
        first = last - int(ANSWER_SECONDS * self._features.sample_rate / step)
        return slice(max(0, first), min(self.steps, last + 1))

    def _noise_bank(self, rng: np.random.Generator) -> list[NDArray[np.float32]]:
        """Synthetic noises, and the recordings of silence where the data has them."""
        length = int(NOISE_SECONDS * self._features.sample_rate)
        bank = [augment.colored_noise(rng, length) for _ in range(NOISE_COUNT)]
        if "_silence_" in self.clips.labels:
            silence = self.clips.labels.index("_silence_")
            found = np.flatnonzero(self.clips.targets == silence)
            bank += [pcm16_to_float(self.clips.sounds[i]) for i in found.tolist() if self._loud(i)]
        return bank

    def _loud(self, number: int) -> bool:
        return len(self.clips.sounds[number]) > 0 and bool(np.any(self.clips.sounds[number]))


class StreamBatches:
    """A `StreamMaker`'s streams as `Batches` of one size; the last of an epoch may be smaller."""

    def __init__(self, streams: StreamMaker, size: int) -> None:
        self._streams, self._size = streams, size
        self._count = -(-len(streams.order(0)) // size)

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.tasks.keywords.batches.Batches`."""
        start = number * self._size
        order = self._streams.order(epoch)[start : start + self._size]
        return self._streams.batch(order, epoch, number)
