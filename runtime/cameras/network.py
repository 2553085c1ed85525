"""A camera in the network: `rtsp://host/path`, or MJPEG from `http://host/stream.mjpg`."""

from __future__ import annotations

from edgenets.uri import shown

from .capture import Capture, LiveCamera, ffmpeg


def open_camera(rest: str) -> LiveCamera:
    """The stream at a URL; errors as `edgenets.runtime.cameras.open_camera`."""
    return NetworkCamera(rest)


class NetworkCamera(LiveCamera):
    """A stream by OpenCV's FFmpeg."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__(shown(url))

    def _open(self) -> Capture:
        return ffmpeg(self._url, self.name)
