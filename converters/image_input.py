"""How a model of images takes them: the colors' order, the shape, the normalisation.

What a file does not say is guessed, and every guess is reported with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgenets.artifact import OPEN, TensorInfo
from edgenets.errors import ModelError
from edgenets.tasks.vision.spec import ImageInput


@dataclass(frozen=True)
class Preprocessing:
    """What the user says of how images go in; None: guessed."""

    color: str | None = None
    resize: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    antialias: bool | None = None


def input_of(
    where: str, info: TensorInfo, options: Preprocessing, guesses: list[str]
) -> ImageInput:
    """How a model takes images; what is guessed is written down.

    Args:
        where: the model, for messages.
        info: its input, of one image.

    Raises:
        ModelError: it is no input of images.
    """
    layout = _layout(where, info)
    if OPEN in info.shape:
        example = "3,224,224" if layout == "nchw" else "224,224,3"
        raise ModelError(
            f"{where}: '{info.name}' takes images of any size; say which: --shape {example}"
        )
    _, *rest = info.shape
    height, width, channels = rest if layout == "nhwc" else (rest[1], rest[2], rest[0])
    mean, std = _normalisation(info, options, guesses)
    color: Any = options.color  # `ImageInput` refuses what is none
    resize: Any = options.resize
    if color is None:
        color = "grey" if channels == 1 else "rgb"
        guesses.append(f"color {color}: what nearly all models take")
    if resize is None:
        resize = "stretch"
        guesses.append("resize stretch: both sides to the model's size")
    try:
        return ImageInput(
            name=info.name,
            height=height,
            width=width,
            color=color,
            resize=resize,
            mean=mean,
            std=std,
            layout=layout,
            antialias=bool(options.antialias),
        )
    except ValueError as exc:
        raise ModelError(f"{where}: {exc}") from exc


def _layout(file: str, info: TensorInfo) -> Literal["nhwc", "nchw"]:
    if len(info.shape) == 4 and info.shape[0] == 1:
        if info.shape[3] in (1, 3):
            return "nhwc"
        if info.shape[1] in (1, 3):
            return "nchw"
    raise ModelError(
        f"{file}: takes '{info.name}' {list(info.shape)}; one image of 1 or 3 channels is needed"
    )


def _normalisation(
    info: TensorInfo, options: Preprocessing, guesses: list[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation that make the input what it was trained on."""
    if options.mean is not None or options.std is not None:
        return options.mean or (0.0,), options.std or (1.0,)
    mean, std, why = _usual_normalisation(info)
    guesses.append(f"normalisation (pixel − {mean:g}) / {std:g}: {why}")
    return (mean,), (std,)


def _usual_normalisation(info: TensorInfo) -> tuple[float, float, str]:
    """A mean and a deviation, and why it is these."""
    q = info.quantization
    if q is not None:  # the integers of the tensor are the pixels themselves, moved for int8
        first = -128 if info.dtype == "int8" else 0
        mean, std = float(q.zero_point - first), 1 / q.scale
        return mean, std, "its input's quantization says that pixels go in as they are"
    if info.dtype != "float32":
        return 0.0, 1.0, f"its input is {info.dtype} without a scale"
    if info.shape[1] in (1, 3):
        return 0.0, 255.0, "usual for models with the channels first: 0 … 1"
    return 127.5, 127.5, "usual for TensorFlow's models: −1 … 1"
