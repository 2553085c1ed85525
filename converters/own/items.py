"""Items to calibrate on and to be judged on, from folders of a user's own files.

Images, recordings, texts and tables become a model's input as they will on a device, by the same
options; `.npy` and `.npz` files are taken as they are (`edgenets.data.items`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import OPEN, TensorInfo
from edgenets.data.items import Items, read_items
from edgenets.errors import DataError, ModelError
from edgenets.sound import audio
from edgenets.sound.features import SoundInput, frames_of
from edgenets.tasks.language.texts import find_texts
from edgenets.tasks.language.tokens import Tokenizer
from edgenets.tasks.series.table import find_table, read_table
from edgenets.tasks.vision import image
from edgenets.tasks.vision.preprocess import Preprocessor

from ..image_input import input_of
from ..labels import read_labels
from . import front
from .options import Preparation
from .window import geometry

# Items of a folder take no more memory than this; of more, some are taken at equal distances.
_MOST_BYTES = 1 << 30

# Recordings for models of any length are taken to have so many frames, before they are read.
_USUAL_FRAMES = 1000

# A table has as many windows as it has readings, nearly all the same.
_MOST_WINDOWS = 2000

# Whose input it is, for messages.
_WHO = "the model"

_ARRAYS = (".npy", ".npz")

Say = Callable[[str], None]


def items_of(
    path: Path, inputs: Sequence[TensorInfo], how: Preparation, say: Say = lambda _: None
) -> Items:
    """Read items for a model.

    Args:
        path: arrays, see `read_items`; or a folder of images, recordings or texts.
        inputs: of one item each.
        how: what is said of them.
        say: given what is guessed, and what is left out.

    Raises:
        DataError: it holds none, or they are not what the model takes.
        ModelError: the model takes no such items.
        RecordError: the front file says something wrong.
    """
    if path.is_file() and path.suffix.lower() in _ARRAYS:
        return read_items(path, inputs)
    if len(inputs) != 1:
        names = ", ".join(info.name for info in inputs)
        raise DataError(f"{path}: the model takes {names}; give a .npz with an array for each")
    said = front.read(how.front)
    reader = _Reader(path, inputs[0], how, said, say)
    if said.kind == "text":
        return reader.texts()
    if said.kind == "series":
        return reader.series()
    if path.is_file():
        raise DataError(f"{path}: is no .npy, no .npz and no folder of images or recordings")
    return reader.recordings() if said.kind else reader.images()


@dataclass(frozen=True)
class _Reader:
    """Makes items of files."""

    root: Path
    info: TensorInfo  # what the model takes, of one item
    how: Preparation
    said: front.Front
    say: Say

    def images(self) -> Items:
        """Of images, resized and normalized as `how` says."""
        one, guesses = self._one, list[str]()
        frame = input_of(_WHO, one, self.how.image, guesses)
        for guess in guesses:
            self.say(f"guessed: {guess}")
        paths = self._files(image.is_image, "images", 4 * one.elements)
        preprocessor = Preprocessor(frame)
        values = np.empty((len(paths), *frame.shape[1:]), np.float32)
        for place, path in enumerate(paths):
            preprocessor.into(image.read(path), values[place : place + 1])
        return self._items(values, self._folders(paths))

    def recordings(self) -> Items:
        """Of recordings: a window of each, where most is to be heard, or all of it."""
        item, sized = self.info.item, OPEN not in self.info.item
        input = self.said.sound(math.prod(item) if sized else abs(item[-1]))
        size = 4 * self.info.elements * (1 if sized else _USUAL_FRAMES)
        paths = self._files(_is_sound, "recordings", size)
        heard = [_frames(path, input) for path in paths]
        if sized:
            place = geometry(_WHO, self._one, input.width, self.how.layout)
            cut = [_loudest(frames, place.frames) for frames in heard]
            values = np.stack([frames.T if place.turned else frames for frames in cut])
            return self._items(values.reshape(len(values), *item), self._folders(paths))
        if item[-1] not in (OPEN, input.width):
            raise ModelError(
                f"{self.root}: '{self.info.name}' takes {item[-1]} numbers a frame; "
                f"{self.said.where} makes {input.width}"
            )
        length = int(np.median([len(frames) for frames in heard]))
        seconds = length * input.frame_seconds
        self.say(f"{self.root}: recordings are cut, or repeated, to {seconds:.2f} s")
        values = np.stack([np.resize(frames, (length, input.width)) for frames in heard])
        return self._items(values, self._folders(paths))

    def texts(self) -> Items:
        """Of texts: their tokens, padded as the front file says."""
        input, pad = self.said.text()
        tokenizer, item = Tokenizer(input), self.info.item
        found = find_texts(self.root, None, None, self.say)
        tokens = [tokenizer.encode(text.text) for text in found]
        (side, *_) = [d for d in item if d != 1] or [1]
        length = max(map(len, tokens)) if side == OPEN else side
        rows = np.stack([_padded(row, length, pad or "after") for row in tokens])
        shape = [length if d == OPEN else d for d in item]
        return self._items(rows.reshape(len(rows), *shape), [text.label for text in found])

    def series(self) -> Items:
        """Of a table: windows of its columns at equal distances, scaled."""
        input = self.said.series()
        table = read_table(find_table(self.root), input.columns, input.longest_gap, input.format)
        for notice in table.notices:
            self.say(notice)
        values = (table.values - np.array(input.mean)) / np.array(input.std)
        place = geometry(_WHO, self._one, len(input.columns), self.how.layout)
        if len(values) < place.frames:
            raise DataError(
                f"{self.root}: {len(values)} readings; the model takes {place.frames} at once"
            )
        first = len(values) - place.frames
        starts = np.unique(np.linspace(0, first, min(_MOST_WINDOWS, first + 1)).astype(int))
        windows = np.stack([values[s : s + place.frames] for s in starts])
        turned = windows.transpose(0, 2, 1) if place.turned else windows
        return self._items(turned.reshape(len(starts), *self.info.item), None)

    @property
    def _one(self) -> TensorInfo:
        return TensorInfo(self.info.name, (1, *self.info.item), self.info.dtype)

    def _files(self, chosen: Callable[[Path], bool], what: str, size: int) -> list[Path]:
        """Files below the folder, no more than memory has room for.

        Args:
            size: bytes of an item.
        """
        there = sorted(p for p in self.root.rglob("*") if p.is_file())
        every = [p for p in there if chosen(p)]
        if not every:
            kinds = ", ".join(sorted({p.suffix.lower() or p.name for p in there})[:5])
            hint = "; of recordings say --front" if any(map(_is_sound, there)) else ""
            raise DataError(f"{self.root}: holds no {what} ({kinds or 'nothing'}){hint}")
        most = max(1, _MOST_BYTES // size)
        if len(every) <= most:
            return every
        self.say(f"{self.root}: {most:,} of {len(every):,} {what} are taken, at equal distances")
        return [every[i] for i in np.linspace(0, len(every) - 1, most).astype(int)]

    def _folders(self, paths: Sequence[Path]) -> list[str]:
        """The folder below the root that each file is in; nothing: it lies in none."""
        parts = [path.relative_to(self.root).parts for path in paths]
        return [inside[0] if len(inside) > 1 else "" for inside in parts]

    def _items(self, values: Array, found: Sequence[str] | None) -> Items:
        """Items, with the number of each one's label where labels are given, and all are known."""
        samples = {self.info.name: values.astype(self.info.dtype)}
        if self.how.labels is None or found is None:
            return Items(samples)
        labels = read_labels(Path(self.how.labels))
        if unknown := sorted(set(found) - set(labels)):
            which = ", ".join(filter(None, unknown[:5])) or "files in no folder"
            self.say(f"{self.root}: {which}: no label; what is right is not known")
            return Items(samples)
        return Items(samples, np.array([labels.index(label) for label in found], np.int64))


def _is_sound(path: Path) -> bool:
    return path.suffix.lower() in audio.SUFFIXES and not path.name.startswith(".")


def _frames(path: Path, input: SoundInput) -> Array:
    """The frames of a recording; one that is shorter than a frame is padded with silence."""
    sound = audio.read(path, input.sample_rate)
    rest = np.zeros(max(input.window, input.hop), np.float32)
    frames = frames_of(np.concatenate([sound, rest]), input)
    if not len(frames):
        frames = frames_of(np.concatenate([sound, np.resize(rest, 4 * len(rest))]), input)
    return frames


def _loudest(frames: Array, count: int) -> Array:
    """So many frames of a recording: where most is to be heard; padded by its last one."""
    if len(frames) <= count:
        return np.concatenate([frames, np.repeat(frames[-1:], count - len(frames), axis=0)])
    level = np.concatenate([[0.0], np.cumsum(frames.mean(axis=1, dtype=np.float64))])
    first = int(np.argmax(level[count:] - level[:-count]))
    return frames[first : first + count]


def _padded(tokens: Array, length: int, pad: str) -> Array:
    """Tokens of a length; see `Window.holds`."""
    row = np.zeros(length, tokens.dtype)
    if pad == "after":
        row[: len(tokens)] = tokens[:length]
    elif len(tokens):
        kept = tokens[-length:]
        row[length - len(kept) :] = kept
    return row
