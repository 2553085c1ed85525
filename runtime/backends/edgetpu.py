"""TFLite files that were compiled for Coral's Edge TPU, by its delegate.

Source of the library's face: edgetpu_c.h of libedgetpu 16.0.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from edgenets.artifact import Artifact
from edgenets.backend import Options
from edgenets.errors import BackendError, MissingExtra

from . import tflite
from .checks import file_of

FORMAT = "edgetpu"
PRECISIONS = ("int8",)

LIBRARY = "libedgetpu.so.1"

_KINDS = {0: "PCIe", 1: "USB"}


class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("path", ctypes.c_char_p))


def version() -> str:
    """What would run an artifact; MissingExtra where the library or the accelerator is not there.

    An accelerator that was unplugged comes back: it is asked for anew each time.
    """
    found = devices()
    if not found:
        raise MissingExtra(
            f"an Edge TPU is needed to run edgetpu artifacts; {LIBRARY} sees none. Plug it in; on "
            f"USB its user must be in the group plugdev"
        )
    return f"{LIBRARY}, {', '.join(found)}; {tflite.version()}"


def devices() -> list[str]:
    """The accelerators that are there, by how they are connected.

    Raises:
        MissingExtra: the library is not installed.
    """
    library = _library()
    count = ctypes.c_size_t()
    first = library.edgetpu_list_devices(ctypes.byref(count))
    try:
        return [_KINDS.get(first[i].kind, "unknown") for i in range(count.value)]
    finally:
        library.edgetpu_free_devices(first)


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> EdgeTpuSession:
    """Load a `*_edgetpu.tflite` file; errors as `edgenets.backend.load`."""
    return EdgeTpuSession(artifact, file_of(artifact, files), options)


class EdgeTpuSession(tflite.TFLiteSession):
    """An interpreter in which the Edge TPU computes what was compiled for it, the CPU the rest."""

    def __init__(self, artifact: Artifact, model: bytes, options: Options) -> None:
        self._held_delegates: list[Any] = []
        super().__init__(artifact, model, options)
        self.runs_on = f"Edge TPU ({', '.join(devices())}) by {self.runs_on}"

    def _delegates(self) -> list[Any]:
        # Of an interpreter that is opened anew, the accelerator stays the same.
        if not self._held_delegates:
            try:
                self._held_delegates.append(self._module.load_delegate(LIBRARY))
            except (OSError, ValueError) as exc:  # ValueError: what the library says itself
                why = str(exc).strip().splitlines()[-1]
                raise BackendError(
                    f"{LIBRARY}: the Edge TPU cannot be opened, perhaps because another process "
                    f"has it: {why}"
                ) from exc
        return self._held_delegates


def _library() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise MissingExtra(
            f"{LIBRARY} is needed to run edgetpu artifacts and does not load ({exc}). On Debian, "
            f"from Coral's packages: apt-get install libedgetpu1-std"
        ) from exc
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
    library.edgetpu_list_devices.argtypes = (ctypes.POINTER(ctypes.c_size_t),)
    library.edgetpu_free_devices.restype = None
    library.edgetpu_free_devices.argtypes = (ctypes.POINTER(_Device),)
    return library
