"""An image becomes a model's input: resized, its colors in order, normalized, quantized.

Resizing is one pass over the source; the rest is a look-up table of 256 entries
a channel that turns a pixel into the very number that the input tensor holds,
whatever its type, and writes it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgenets.arrays import Array
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.quantization import Quantization, quantize
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.spec import ImageInput

# What lies around an image that does not fill the frame.
GREY = 114

# 16 bits are no 8-bit image's depth: OpenCV has tables of these types alone.
_TABLE_TYPES = ("uint8", "int8", "int16", "int32", "float32")


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the model's frame: frame = image × scale + offset, in pixels."""

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    width: int  # of the image
    height: int

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes of the frame as boxes of the image, cut off at its edges.

        Args:
            boxes: (n, 4) left, top, right, bottom.
        """
        most = np.array((self.width, self.height), np.float32)
        points = self.points_to_image(boxes.reshape(-1, 2, 2))
        out: NDArray[np.float32] = np.clip(points, 0, most).reshape(-1, 4)
        return out

    def points_to_image(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the frame as points of the image, which may lie outside of it.

        Args:
            points: (…, 2) x, y.
        """
        offset = np.array((self.offset_x, self.offset_y), np.float32)
        scale = np.array((self.scale_x, self.scale_y), np.float32)
        out: NDArray[np.float32] = (points - offset) / scale
        return out

    def to_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """The opposite, without cutting off."""
        offset = np.array((self.offset_x, self.offset_y) * 2, np.float32)
        scale = np.array((self.scale_x, self.scale_y) * 2, np.float32)
        out: NDArray[np.float32] = (boxes * scale + offset).astype(np.float32)
        return out


def place(spec: ImageInput, width: int, height: int) -> Placement:
    """Where an image of a size goes, by the model's rule."""
    x, y = spec.width / width, spec.height / height
    if spec.resize == "stretch":
        return Placement(x, y, 0.0, 0.0, width, height)
    if spec.resize == "crop" and spec.antialias:  # resized, then cut, as torchvision does it
        wide, high = spec.width, spec.width * height // width
        if x < y:
            wide, high = spec.height * width // height, spec.height
        wide, high = max(wide, spec.width), max(high, spec.height)
        left, top = round((wide - spec.width) / 2), round((high - spec.height) / 2)
        return Placement(wide / width, high / height, -float(left), -float(top), width, height)
    if spec.resize == "crop":  # a whole number of the image's pixels, so that boxes are exact
        wide = max(1, min(width, round(spec.width / max(x, y))))
        high = max(1, min(height, round(spec.height / max(x, y))))
        left, top = (width - wide) // 2, (height - high) // 2
        x, y = spec.width / wide, spec.height / high
        return Placement(x, y, -left * x, -top * y, width, height)
    scale = min(x, y)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (spec.width - wide) // 2, (spec.height - high) // 2
    return Placement(wide / width, high / height, float(left), float(top), width, height)


class Preprocessor:
    """Turns images of any size into one model's input. Not for several threads at once."""

    def __init__(
        self,
        spec: ImageInput,
        dtype: DTypeLike = np.float32,
        quantization: Quantization | None = None,
    ) -> None:
        """Make the table.

        Args:
            spec: what the model wants.
            dtype: of its input tensor.
            quantization: of its input tensor, where it has one.
        """
        self._cv2: Any = require("cv2")
        self.spec, self._dtype = spec, np.dtype(dtype)
        self._table = table(spec, self._dtype, quantization)
        self._flips = _flips(self._table) if spec.layout == "nhwc" else None
        channels = (spec.channels,) if spec.channels > 1 else ()
        size = (spec.height, spec.width)
        self._frame = np.full((*size, 3), GREY, np.uint8)
        self._ordered = np.empty((*size, *channels), np.uint8)
        self._planes = np.empty((*size, *channels), self._dtype)
        self._codes = {"rgb": self._cv2.COLOR_BGR2RGB, "grey": self._cv2.COLOR_BGR2GRAY}
        self._placements: dict[tuple[int, int], Placement] = {}

    def into(self, image: Image, out: Array) -> Placement:
        """Write an image to the model's input.

        Args:
            image: (height, width, 3) uint8, blue, green, red.
            out: of the input's shape and type, contiguous; the input's own memory, best.

        Returns:
            where the image lies in the frame.

        Raises:
            DataError: it is no such image.
        """
        self._check(image)
        height, width = image.shape[:2]
        placement = self._placement(width, height)
        cv2, spec = self._cv2, self.spec
        self._resize(image, placement)
        frame = self._frame
        if self._flips is not None:
            # The pixels themselves, or 128 below them: no table is needed, nor a buffer.
            pixels = out.reshape(self._ordered.shape).view(np.uint8)
            if spec.color == "bgr":
                pixels[...] = frame
            else:
                cv2.cvtColor(frame, self._codes[spec.color], dst=pixels)
            if self._flips:
                np.bitwise_xor(pixels, 128, out=pixels)
            return placement
        if spec.color != "bgr":
            cv2.cvtColor(frame, self._codes[spec.color], dst=self._ordered)
            frame = self._ordered
        if spec.layout == "nchw":
            cv2.LUT(frame, self._table, dst=self._planes)
            out[0] = self._planes.transpose(2, 0, 1) if spec.channels > 1 else self._planes
            return placement
        # The view has the very type and shape that OpenCV would make, so it writes there.
        view = out.reshape(self._planes.shape)
        made = cv2.LUT(frame, self._table, dst=view)
        if made is not view:
            view[...] = made.reshape(view.shape)
        return placement

    def _check(self, image: Image) -> None:
        ok = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
        if not ok or image.shape[2] != 3 or not image.size:
            found = getattr(image, "shape", type(image).__name__)
            raise DataError(f"an image is (height, width, 3) uint8; found {found}")

    def _placement(self, width: int, height: int) -> Placement:
        size = (width, height)
        if size not in self._placements:
            # Another size: what the last one left of itself around the image goes.
            self._placements = {size: place(self.spec, width, height)}
            self._frame[...] = GREY
        return self._placements[size]

    def _resize(self, image: Image, placement: Placement) -> None:
        cv2, spec = self._cv2, self.spec
        if spec.antialias:
            self._resize_antialiased(image, placement)
            return
        if spec.resize == "stretch":
            cv2.resize(image, (spec.width, spec.height), dst=self._frame)
            return
        p = placement
        if spec.resize == "crop":  # only what is seen of it is resized
            x, y = round(-p.offset_x / p.scale_x), round(-p.offset_y / p.scale_y)
            wide, high = round(spec.width / p.scale_x), round(spec.height / p.scale_y)
            part = image[y : y + high, x : x + wide]
            cv2.resize(part, (spec.width, spec.height), dst=self._frame)
            return
        wide, high = round(p.width * p.scale_x), round(p.height * p.scale_y)
        left, top = int(p.offset_x), int(p.offset_y)
        self._frame[top : top + high, left : left + wide] = cv2.resize(image, (wide, high))

    def _resize_antialiased(self, image: Image, p: Placement) -> None:
        pillow = require("PIL.Image")
        size = (round(p.width * p.scale_x), round(p.height * p.scale_y))
        whole = np.asarray(pillow.fromarray(image).resize(size, pillow.Resampling.BILINEAR))
        # Of what is larger than the frame its middle; what is smaller lies in the frame's.
        x, y = max(0, round(-p.offset_x)), max(0, round(-p.offset_y))
        seen = whole[y : y + self.spec.height, x : x + self.spec.width]
        left, top = max(0, round(p.offset_x)), max(0, round(p.offset_y))
        self._frame[top : top + seen.shape[0], left : left + seen.shape[1]] = seen


def _flips(values: Array) -> bool | None:
    """Whether a table moves pixels by 128 (True), leaves them (False), or does more (None)."""
    if values.size != 256 or values.dtype.itemsize != 1:
        return None
    bits, pixels = values.view(np.uint8).reshape(-1), np.arange(256, dtype=np.uint8)
    if (bits == pixels).all():
        return False
    return True if (bits == pixels ^ 128).all() else None


def table(spec: ImageInput, dtype: DTypeLike, quantization: Quantization | None = None) -> Array:
    """What each of 256 pixel values becomes in the input tensor.

    Returns:
        (1, 256) where all channels are treated alike, else (1, 256, channels), of `dtype`.

    Raises:
        DataError: the tensor has a type that no image can be written to.
    """
    if np.dtype(dtype).name not in _TABLE_TYPES:
        raise DataError(f"an input of {np.dtype(dtype).name} takes no image")
    pixels = np.arange(256, dtype=np.float64)[:, None]
    real = (pixels - np.array(spec.mean)) / np.array(spec.std)
    if quantization is not None:
        values: Array = quantize(real.astype(np.float32), quantization)
    elif np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        values = np.clip(np.rint(real), info.min, info.max)
    else:
        values = real
    values = np.ascontiguousarray(values.astype(dtype))
    if (values == values[:, :1]).all():
        return values[:, 0].reshape(1, 256)
    return values.reshape(1, 256, -1)
