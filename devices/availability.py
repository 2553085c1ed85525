"""Which backends are available on a board, for `edgenets.selection`."""

from __future__ import annotations

from collections.abc import Collection

from edgenets.selection import Availability

from .board import Board

# What every board with a 64-bit Linux gets by wheels.
_USUAL = ("tflite", "onnx", "openvino")

_TENSORRT = (
    "a release has a Python environment of its own, in which JetPack's TensorRT is not; on the "
    "board itself `edgenets run BUNDLE --backend tensorrt` uses the GPU"
)


def of_profile(board: Board) -> Availability:
    """What a release on a board that is only named can run on."""
    return available_on(board, [accelerator.name for accelerator in board.accelerators], board.name)


def available_on(board: Board | None, accelerators: Collection[str], where: str) -> Availability:
    """What a release on a board can run on.

    Args:
        board: its profile; None: it has none.
        accelerators: what the board has, or is sold with, by name.
        where: the board, as messages name it.
    """
    backends = {*(board.backends if board else _USUAL)}
    if any("Coral" in name for name in accelerators):
        backends.add("edgetpu")

    def why_not(backend: str) -> str | None:
        if backend in backends:
            return None
        return _TENSORRT if backend == "tensorrt" else f"{backend} is not available on {where}"

    return why_not
