"""One GPU, by the library of its driver; nothing else of CUDA is needed.

Source: CUDA Driver API, sections 6.2 to 6.13 (docs.nvidia.com/cuda/cuda-driver-api).
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import BackendError, MissingExtra

LIBRARY = "libcuda.so.1"

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…

_NONE = (100, 101)  # CUDA_ERROR_NO_DEVICE, CUDA_ERROR_INVALID_DEVICE

_POINTER = ctypes.c_uint64


class Gpu:
    """The first GPU, with a stream of its own; give everything back by `close`."""

    def __init__(self) -> None:
        """Open it.

        Raises:
            MissingExtra: there is no driver, or no GPU.
        """
        self._cuda = _driver()
        device = _device(self._cuda)
        self._context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self.enter()
        stream = ctypes.c_void_p()
        self._call("cuStreamCreate", ctypes.byref(stream), 1)  # not held up by the default one
        self.stream: int = stream.value or 0
        self._places: list[int] = []
        self._pinned: list[int] = []
        self._finalizer = weakref.finalize(
            self, _give_back, self._cuda, self._context, device, stream, self._places, self._pinned
        )

    def close(self) -> None:
        """Free what was allocated; arrays of `host` must not be used any more."""
        self._finalizer()

    def enter(self) -> None:
        """Let the calling thread speak to this GPU."""
        self._call("cuCtxSetCurrent", self._context)

    def allocate(self, size: int) -> int:
        """Memory on the GPU: its address."""
        place = _POINTER()
        self._call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(max(size, 1)))
        self._places.append(place.value)
        return place.value

    def host(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Zeros in the CPU's memory that the GPU reads and writes without a copy in between."""
        kind = np.dtype(dtype)
        size = max(int(np.prod(shape)) * kind.itemsize, 1)
        place = ctypes.c_void_p()
        self._call("cuMemHostAlloc", ctypes.byref(place), ctypes.c_size_t(size), 0)
        self._pinned.append(place.value or 0)
        memory: Any = (ctypes.c_byte * size).from_address(place.value or 0)
        memory.owner = self  # as long as somebody has the array, it is not given back
        array: Array = np.frombuffer(memory, kind, int(np.prod(shape))).reshape(shape)
        array[...] = 0
        return array

    def put(self, place: int, values: Array) -> None:
        """Copy to the GPU, in the order of the stream."""
        self._call(
            "cuMemcpyHtoDAsync_v2",
            _POINTER(place),
            ctypes.c_void_p(values.ctypes.data),
            ctypes.c_size_t(values.nbytes),
            ctypes.c_void_p(self.stream),
        )

    def take(self, values: Array, place: int) -> None:
        """Copy from the GPU, in the order of the stream; it is there after `wait`."""
        self._call(
            "cuMemcpyDtoHAsync_v2",
            ctypes.c_void_p(values.ctypes.data),
            _POINTER(place),
            ctypes.c_size_t(values.nbytes),
            ctypes.c_void_p(self.stream),
        )

    def wait(self) -> None:
        """Wait until all that was asked for is done."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.stream))

    def _call(self, name: str, *arguments: Any) -> None:
        _check(self._cuda, name, getattr(self._cuda, name)(*arguments))


@cache
def name_of_gpu() -> str:
    """What a GPU is, as far as engines that were built for it are concerned: its name, its compute
    capability and its driver's version.

    Raises:
        MissingExtra: there is no driver, or no GPU.
    """
    cuda = _driver()
    device, name = _device(cuda), ctypes.create_string_buffer(256)
    _check(cuda, "cuDeviceGetName", cuda.cuDeviceGetName(name, 256, device))
    numbers = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        found = cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        _check(cuda, "cuDeviceGetAttribute", found)
        numbers.append(value.value)
    driver = ctypes.c_int()
    _check(cuda, "cuDriverGetVersion", cuda.cuDriverGetVersion(ctypes.byref(driver)))
    major, minor = numbers
    return (
        f"{name.value.decode('utf-8', 'replace')}, sm_{major}{minor}, CUDA "
        f"{driver.value // 1000}.{driver.value % 1000 // 10}"
    )


def _driver() -> Any:
    try:
        cuda = ctypes.CDLL(LIBRARY)
    except OSError as exc:
        raise MissingExtra(
            f"an NVIDIA GPU is needed, and its driver's library does not load ({exc})"
        ) from exc
    _check_found(cuda, cuda.cuInit(0))
    return cuda


def _device(cuda: Any) -> ctypes.c_int:
    device = ctypes.c_int()
    _check_found(cuda, cuda.cuDeviceGet(ctypes.byref(device), 0))
    return device


def _check_found(cuda: Any, status: int) -> None:
    if not status:
        return
    why = "finds none"
    if status not in _NONE:  # such as a driver that was updated under a kernel that was not
        why = f"cannot use it: {_text(cuda, status)} ({status})"
    raise MissingExtra(f"an NVIDIA GPU is needed; {LIBRARY} {why}")


def _check(cuda: Any, name: str, status: int) -> None:
    if not status:
        return
    raise BackendError(f"the GPU fails: {name}: {_text(cuda, status)} ({status})")


def _text(cuda: Any, status: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(status, ctypes.byref(text))
    return (text.value or b"unknown").decode("utf-8", "replace")


def _give_back(
    cuda: Any, context: ctypes.c_void_p, device: ctypes.c_int, stream: ctypes.c_void_p,
    places: list[int], pinned: list[int],
) -> None:  # fmt: skip
    """Errors are nobody's any more: the process may be ending."""
    cuda.cuCtxSetCurrent(context)
    cuda.cuStreamSynchronize(stream)
    for place in places:
        cuda.cuMemFree_v2(_POINTER(place))
    for address in pinned:
        cuda.cuMemFreeHost(ctypes.c_void_p(address))
    cuda.cuStreamDestroy_v2(stream)
    cuda.cuDevicePrimaryCtxRelease_v2(device)
