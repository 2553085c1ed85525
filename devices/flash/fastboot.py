"""A board in its bootloader, by the program `fastboot`: what it is asked, and what it answers."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import FlashError

# A question; fastboot by itself waits for a board for ever.
_ANSWER = 10.0  # s

# The slowest eMMC there is, and what erasing and small parts take.
_SLOWEST = 1e6  # bytes/s
_WRITING = 60.0  # s

# From the command to restart until the bootloader answers again.
_RESTART = 60.0  # s

# Between two looks whether a board is there.
PAUSE = 1.0  # s

_REFUSED = re.compile(r"FAILED \((?:remote: )?'?(.*?)'?\)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Bootloader:
    """One board that listens."""

    serial: str  # as `fastboot devices` has it, or tcp:HOST[:PORT]

    def variable(self, name: str, timeout: float = _ANSWER) -> str:
        """One of its variables.

        Raises:
            FlashError: it has none of that name, or does not answer.
        """
        reply = self._call(["getvar", name], timeout)
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*)$", reply, re.MULTILINE)
        if found is None or not found[1].strip():
            raise FlashError(f"{self.serial}: does not report {name}")
        return found[1].strip()

    def flash(self, partition: str, image: Path) -> None:
        """Write an image to a partition.

        Raises:
            FlashError: the board refuses, with its own words.
        """
        patience = _WRITING + image.stat().st_size / _SLOWEST
        self._call(["flash", partition, str(image)], patience)

    def erase(self, partition: str) -> None:
        """Erase a partition; errors as `flash`."""
        self._call(["erase", partition], _WRITING)

    def restart(self) -> None:
        """Leave the bootloader; errors as `flash`."""
        self._call(["reboot"], _ANSWER)

    def restart_bootloader(self) -> None:
        """Start the bootloader anew, and wait until it answers.

        Raises:
            FlashError: it does not.
        """
        self._call(["reboot-bootloader"], _ANSWER)
        until = time.monotonic() + _RESTART
        while True:
            time.sleep(PAUSE)  # the one that is ending answers for a moment more
            try:
                self._call(["getvar", "version"], 3.0)
                return
            except FlashError as exc:
                if time.monotonic() > until:
                    raise FlashError(
                        f"{self.serial}: its bootloader did not come back within {_RESTART:.0f} s"
                    ) from exc

    def _call(self, words: list[str], timeout: float) -> str:
        what = " ".join(words[:2])
        try:
            done = subprocess.run(
                ["fastboot", "-s", self.serial, *words],
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except FileNotFoundError as exc:
            raise FlashError("boards are flashed by fastboot: apt-get install fastboot") from exc
        except subprocess.TimeoutExpired as exc:
            raise FlashError(f"{self.serial}: no answer to `{what}` after {timeout:.0f} s") from exc
        reply = done.stdout + done.stderr
        if done.returncode or "FAILED" in reply:
            refused = _REFUSED.search(reply)
            said = reply.strip().splitlines() or ["no reason was given"]
            raise FlashError(f"{self.serial}: `{what}`: {refused[1] if refused else said[-1]}")
        return reply


def bootloaders() -> list[Bootloader]:
    """The boards on USB that are in their bootloader.

    Raises:
        FlashError: there is no fastboot.
    """
    try:
        reply = subprocess.run(
            ["fastboot", "devices"], capture_output=True, text=True, timeout=_ANSWER
        ).stdout
    except (FileNotFoundError, subprocess.TimeoutExpired) as exc:
        raise FlashError("boards are flashed by fastboot: apt-get install fastboot") from exc
    lines = [line.split() for line in reply.splitlines()]
    return [Bootloader(words[0]) for words in lines if len(words) == 2 and words[1] == "fastboot"]
