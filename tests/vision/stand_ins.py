"""What stands in for a camera and for who reads it."""

from __future__ import annotations

import time
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np

from edgenets.runtime.cameras import Camera
from edgenets.runtime.cameras.feed import Feed

from . import servers


class Reader:
    """Takes what a feed has."""

    def __init__(self, camera: Camera) -> None:
        self.ready: SimpleQueue[Any] = SimpleQueue()
        self.feed = Feed(camera, self.ready)
        self.feed.start()

    def next(self, timeout: float = servers.PATIENCE) -> Any:
        self.ready.get(timeout=timeout)
        return self.feed.take()

    def wait_for(self, kind: type, timeout: float = servers.PATIENCE) -> Any:
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            item = self.next(max(0.01, until - time.monotonic()))
            if isinstance(item, kind):
                return item
        raise AssertionError(f"no {kind.__name__} in {timeout} s")

    def close(self) -> None:
        self.feed.close()
        assert self.feed.join(10)


class FakeCapture:
    """A cv2.VideoCapture that gives what it is told to."""

    def __init__(self, images: list[Any], size: tuple[int, int] = (640, 480)) -> None:
        self.images, self.size = list(images), size
        self.released = False
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.002)
        if not self.images:
            return False, None
        image = self.images.pop(0)
        if isinstance(image, Exception):
            raise image
        return True, image

    def set(self, name: int, value: float) -> bool:
        self.asked[name] = value
        return True

    def get(self, name: int) -> float:
        return {
            cv2.CAP_PROP_FRAME_WIDTH: self.size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self.size[1],
        }.get(name, 0.0)

    def release(self) -> None:
        self.released = True


PICTURE = np.full((4, 6, 3), 7, np.uint8)
