"""A system twin's camera and microphone, as a test wants them to see and hear.

The kernel's own drivers: vivid, whose HDMI input shows what is written to its output, and
snd-aloop, whose capture hears what is played. Programs on the twin cannot tell them from a camera
and a sound card.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import TwinError
from edgenets.extras import require

# Runs a command on the twin, as `Twin.ssh`.
Shell = Callable[..., object]

# The mode of vivid's HDMI that small cameras have; its first one.
WIDTH, HEIGHT = 640, 480

_FRAMES, _SOUND = "/var/tmp/twin-frames.yuyv", "/var/tmp/twin-sound.wav"

# Frames come back through the loop only once both ends speak the same mode; v4l2-ctl sets it.
_SHOW = f"""set -e
systemctl stop twin-camera 2>/dev/null || true
v4l2-ctl -d /dev/video1 --set-dv-bt-timings index=0 >/dev/null
v4l2-ctl -d /dev/video0 --set-dv-bt-timings index=0 >/dev/null 2>&1 || true
v4l2-ctl -d /dev/video0 --set-ctrl loop_video=1,osd_text_mode=2
v4l2-ctl -d /dev/video1 --set-fmt-video-out=width={WIDTH},height={HEIGHT},pixelformat=YUYV
systemd-run --quiet --collect --unit=twin-camera v4l2-ctl -d /dev/video1 \\
    --stream-out-mmap=4 --stream-from={_FRAMES} --stream-loop
"""


class Camera:
    """What a twin's camera sees."""

    # Has it see again what was injected last, as after its driver was bound anew.
    script = _SHOW

    def __init__(self, ssh: Shell) -> None:
        self._ssh = ssh

    def inject(self, images: Sequence[NDArray[np.uint8]]) -> None:
        """Have it see images, over and over, one every frame.

        Args:
            images: (height, width, 3) uint8 BGR; they are resized to 640 × 480.

        Raises:
            DeviceError: the twin is not up.
        """
        data = b"".join(_yuyv(image) for image in images)
        self._ssh(f"cat > {_FRAMES}", data=data, timeout=300)
        self._ssh(self.script)


class Microphone:
    """What a twin's microphone hears."""

    def __init__(self, ssh: Shell) -> None:
        self._ssh = ssh

    def play(self, sound: Path) -> None:
        """Have it hear a WAV file, once; returns when it was played.

        Raises:
            TwinError: it is no 16-bit WAV file.
            DeviceError: the twin is not up.
        """
        try:
            with wave.open(str(sound)) as file:
                seconds = file.getnframes() / file.getframerate()
        except (OSError, EOFError, wave.Error) as exc:
            raise TwinError(f"{sound}: no WAV file: {exc}") from exc
        self._ssh(f"cat > {_SOUND}", data=sound.read_bytes(), timeout=300)
        # The loop joins device 1 to the capture side of device 0, which is what `default` records.
        self._ssh(f"aplay -q -D plughw:Twin,1,0 {_SOUND}", timeout=60 + 3 * seconds)


def _yuyv(image: NDArray[np.uint8]) -> bytes:
    """An image as cameras give it: (height, width, 2), luma and every other chroma in turn."""
    cv2 = require("cv2")
    sized = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    yuv = cv2.cvtColor(sized, cv2.COLOR_BGR2YUV)
    out = np.empty((HEIGHT, WIDTH, 2), np.uint8)
    out[..., 0] = yuv[..., 0]
    out[:, 0::2, 1], out[:, 1::2, 1] = yuv[:, 0::2, 1], yuv[:, 0::2, 2]
    return out.tobytes()
