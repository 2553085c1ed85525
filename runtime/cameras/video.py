"""A video file: every image of it, in order, at the time that its container says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import DataError, SourceError
from edgenets.extras import require
from edgenets.native import captured_stderr
from edgenets.painter import harmless
from edgenets.tasks.vision.header import read_header
from edgenets.tasks.vision.image import MOST_PIXELS, Image, Rules, checked_header
from edgenets.tasks.vision.jpeg import turned

from . import HOW, Camera, Frame, Item, SourceNotice, container, options
from .capture import Capture, as_bgr, ffmpeg_options, opened
from .decoding import Damage, JpegCapture, check_size, code_of, refuse_larger, undecoded

# A container may count a few images more than there are.
_MISCOUNTED = 3

# A rate above this is none of a camera: FFmpeg says 1000 where a stream has no times.
_USUAL_RATE, _FASTEST = 25.0, 500.0

# What OpenCV calls a quarter turn → EXIF's orientation.
_TURNS = {0: 1, 90: 6, 180: 3, 270: 8}

_CODECS = {
    "av01": "AV1",
    "v_av1": "AV1",
    "hevc": "HEVC",
    "hvc1": "HEVC",
    "hev1": "HEVC",
    "v_mpegh/iso/hevc": "HEVC",
    "vvc1": "VVC",
    "vp09": "VP9",
    "avc1": "H.264",
}


def open_camera(rest: str) -> Camera:
    """The file `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = options.of_images(rest)
    if given and Path(rest).exists():
        name, given = rest, {}
    return Video(Path(name), options.rules(given, MOST_PIXELS))


class Video(Camera):
    """A recording by OpenCV's FFmpeg."""

    def __init__(self, path: Path, rules: Rules | None = None) -> None:
        super().__init__(harmless(str(path)))
        if not path.is_file():
            raise SourceError(f"{self.name}: no such file; {HOW}")
        self._path, self._rules = path, rules or Rules()
        self._container = self._examined()
        capture = self._opened()
        cv2 = require("cv2")
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if 0 < rate <= _FASTEST else _USUAL_RATE
        self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._code = code_of(capture).decode("latin-1")
        check_size(capture, self.name, self._rules)
        self._turn = self._container.turn
        if self._turn is None:
            self._turn = _TURNS.get(round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360, 0)
        # What OpenCV does of itself differs by version, and it mirrors nothing.
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._position = cv2.CAP_PROP_POS_MSEC
        self._capture = self._with_whole_jpegs(capture)

    def _examined(self) -> container.Container:
        """The container, where it holds its own images."""
        try:
            found = container.examine(self._path)
        except OSError as exc:
            raise SourceError(f"{self.name}: cannot be read: {exc.strerror}") from exc
        if found.playlist:
            raise SourceError(
                f"{self.name}: is a list of other files or addresses, none of which is opened; "
                f"name the video itself"
            )
        if not found.kind:
            raise SourceError(f"{self.name}: is no video that OpenCV can read, or a damaged one")
        with self._path.open("rb") as file:
            head = file.read(container.HEAD)
        if found.kind == "gif" and (header := read_header(head)) is not None:
            refuse_larger(self.name, header.width, header.height, self._rules)
        if head[4:8] == b"ftyp" and found.codec == "":
            self._refuse_stills(head)
        return found

    def _refuse_stills(self, head: bytes) -> None:
        """Name HEIC and AVIF, whose container is that of videos."""
        try:
            checked_header(head, self.name)
        except DataError as exc:
            if "(a video)" not in str(exc):
                raise SourceError(str(exc)) from exc

    def _opened(self) -> Capture:
        cv2 = require("cv2")
        # Where another part has started FFmpeg before, it talks.
        with captured_stderr(), ffmpeg_options.for_files():
            capture = opened(lambda: cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG))
        if capture is None:
            codec = self._container.codec
            why = f"; its codec is {_named(codec)}" if codec else ""
            cut = f"; it is cut off: {self._container.cut}" if self._container.cut else ""
            raise SourceError(
                f"{self.name}: is no video that OpenCV can read, or a damaged one{cut}{why}"
            )
        return capture

    def _with_whole_jpegs(self, capture: Capture) -> Capture:
        """The capture, of undecoded JPEGs where it still tells times; OpenCV 4.8 does not."""
        cv2 = require("cv2")
        raw = undecoded(capture, self.name, self._rules)
        if not isinstance(raw, JpegCapture):
            return capture
        times = []
        for _ in range(2):
            capture.grab()
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
        capture.release()
        again = self._opened()
        again.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        return undecoded(again, self.name, self._rules) if times[1] > times[0] else again

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        number, found = 0, 0
        clock, damage = _Clock(self.rate), Damage(self.name)
        held: SourceNotice | None = None  # of the last image, which a cut file has in part
        waiting: Frame | None = None
        # Where damage does not show, the last image of a cut file is held back.
        unsure = bool(self._container.cut) and not isinstance(self._capture, JpegCapture)
        if not self._turn:
            yield SourceNotice("guessed", f"{self.name}: is turned by no quarter; shown as stored")
        for image, text in self._images():
            if held is not None:
                yield held
            held = damage.add(f"{text} (image {number})") if text else None
            at, jumped = clock.at(self._capture.get(self._position))
            if jumped:
                yield self._assumed(number)
            if image is not None:
                found += 1
                shown = turned(as_bgr(image), self._turn or 1)
                frame: Frame | None = Frame(shown, number, at, time.monotonic())
                if unsure:
                    frame, waiting = waiting, frame
                if frame is not None:
                    yield frame
            number += 1
        if self._closed:
            return
        if waiting is not None:
            self.damaged += 1
            held = SourceNotice("skipped", f"{self.name}: its last image may be cut")
        yield from self._end(held or damage.rest(), number, found, clock.last)

    def _images(self) -> Iterator[tuple[Image | None, str]]:
        """Each image, or what is wrong with it."""
        try:
            while not self._closed:
                try:
                    done, image = self._capture.read()
                except DataError as exc:
                    self.damaged += 1
                    yield None, str(exc)
                    continue
                if not done:
                    return
                yield image, ""
        finally:
            self._capture.release()

    def _assumed(self, number: int) -> SourceNotice:
        text = f"image {number} has no time after the last one's; from there on"
        return SourceNotice("guessed", f"{self.name}: {text} {self.rate:g} images/s are assumed")

    def _end(
        self, unsaid: SourceNotice | None, number: int, found: int, last: float
    ) -> Iterator[Item]:
        """What is to be said of what is missing."""
        if not found:
            raise SourceError(f"{self.name}: {self._nothing()}")
        missing = self._missing(number, last)
        if unsaid is not None and not missing:
            yield unsaid
        if missing:
            self.damaged += missing
            missing += unsaid.count if unsaid is not None else 0
            cut = f": {self._container.cut}" if self._container.cut else " or damaged"
            counted = self._container.samples or "more"
            yield SourceNotice(
                "skipped",
                f"{self.name}: ends after {number} of {counted} images; it is cut off{cut}",
                missing,
            )

    def _missing(self, number: int, last: float) -> int:
        """How many images of it did not come, as far as that is known: at least 1 of a cut file."""
        if number < self._container.samples - _MISCOUNTED:
            return self._container.samples - number
        if not self._container.cut:
            return 0
        # Where the rate did not vary so far, the rest is counted by it.
        steady = number > 1 and abs(last * self.rate / (number - 1) - 1) < 0.02
        return max(1, self._count - number if steady and 0 < self._count < 1e9 else 1)

    def _nothing(self) -> str:
        """Why there is no image."""
        if self._container.cut:
            return f"holds no image that can be decoded; it is cut off: {self._container.cut}"
        codec = _named(self._container.codec or self._code)
        if codec in ("AV1", "VVC") or self._count > 0:
            return (
                f"holds no image that can be decoded: it is in {codec}, which this OpenCV does not "
                f"decode, or damaged; convert it: ffmpeg -i VIDEO -c:v libx264 out.mp4"
            )
        return "holds no image that can be decoded"


class _Clock:
    """Times from the first image on, which never go back."""

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._shift: float | None = None
        self._said = False
        self.last = 0.0  # s

    def at(self, position: float) -> tuple[float, bool]:
        """The time of the image at a position in ms, in s, and whether it is the first made up."""
        seconds = 1e-3 * position
        if self._shift is None:
            self._shift = -seconds
            return 0.0, False
        jumped = seconds + self._shift <= self.last
        if jumped:
            self._shift = self.last + self._step - seconds
        self.last = seconds + self._shift
        first = jumped and not self._said
        self._said = self._said or jumped
        return self.last, first


def _named(codec: str) -> str:
    return _CODECS.get(codec.strip().lower(), harmless(codec).strip())
