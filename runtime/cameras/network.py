"""A camera in the network: `rtsp://host/path`, or MJPEG from `http://host/stream.mjpg`.

Where the URL names no user, EDGENETS_SOURCE_USER and EDGENETS_SOURCE_PASSWORD do, in the
environment or in files (`edgenets.credentials`).
"""

from __future__ import annotations

from edgenets.credentials import with_user
from edgenets.errors import SourceError
from edgenets.painter import harmless
from edgenets.tasks.vision.image import MOST_PIXELS_OF_NETWORK
from edgenets.uri import shown

from . import capture, options, rtsp, web
from .capture import Capture, LiveCamera
from .decoding import check_size, undecoded


def open_camera(rest: str) -> LiveCamera:
    """The stream at a URL; errors as `edgenets.runtime.cameras.open_camera`."""
    return NetworkCamera(rest)


class NetworkCamera(LiveCamera):
    """A stream: by HTTP read here, by RTSP through OpenCV's FFmpeg."""

    def __init__(self, url: str) -> None:
        url, given = options.without_limit(url)
        self._url = with_user(url, "SOURCE")
        rules = options.rules(given, MOST_PIXELS_OF_NETWORK)
        super().__init__(harmless(shown(url)), rules)

    def _open(self) -> Capture:
        if self._url.startswith("http"):
            return web.open_url(self._url, self.name, capture.ANSWER_PATIENCE, self._rules)
        try:
            stream = capture.ffmpeg(self._url, self.name)
        except SourceError as exc:
            why = rtsp.why_not(self._url, capture.ANSWER_PATIENCE)
            raise SourceError(f"{self.name}: {why}") from exc
        check_size(stream, self.name, self._rules)
        return undecoded(stream, self.name, self._rules)
