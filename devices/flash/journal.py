"""How far a card was written, so that an interrupted one is gone on with.

Lines of JSON: what is written to what, then each block that the card said it keeps, with its
digest. A line that a cut left half written is not believed, and neither is one whose image or card
is another.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from edgenets import places


@dataclass(frozen=True)
class Job:
    """What is written to what; another job begins anew."""

    image: str
    image_bytes: int  # of the file
    image_time: int  # ns, of its last change
    card: str  # its serial, or what stands for one
    card_bytes: int


class Journal:
    """The journal of one job."""

    def __init__(self, job: Job, place: Path | None = None) -> None:
        """Read what an earlier run of this job has written, if there was one."""
        place = place or places.state("flash")
        place.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(f"{job.card} {job.card_bytes}".encode()).hexdigest()[:16]
        self.path = place / f"{name}.jsonl"
        self._job = asdict(job)
        self.kept: dict[int, bytes] = self._read()  # offset → digest of its block
        self._file: IO[str] | None = None

    def _read(self) -> dict[int, bytes]:
        try:
            lines = [json.loads(line) for line in self._lines()]
            if not lines or lines[0] != self._job:
                return {}
            return {int(line["offset"]): bytes.fromhex(line["digest"]) for line in lines[1:]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _lines(self) -> list[str]:
        text = self.path.read_text() if self.path.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def begin(self) -> None:
        """Write down what is begun, and what of it is done already."""
        self._file = self.path.open("w")
        lines = [self._job, *(_line(offset, digest) for offset, digest in self.kept.items())]
        self._file.writelines(json.dumps(line) + "\n" for line in lines)
        self._sync()

    def keep(self, blocks: dict[int, bytes]) -> None:
        """Write down blocks that the card keeps."""
        assert self._file is not None
        self._file.writelines(json.dumps(_line(o, d)) + "\n" for o, d in blocks.items())
        self._sync()
        self.kept |= blocks

    def forget(self) -> None:
        """From now on nothing counts as kept; another run begins anew."""
        self.kept = {}
        if self._file is not None:
            self._file.close()
        self.begin()

    def close(self, done: bool) -> None:
        """End; a job that is done leaves no journal."""
        if self._file is not None:
            self._file.close()
        if done:
            self.path.unlink(missing_ok=True)

    def _sync(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())


def _line(offset: int, digest: bytes) -> dict[str, object]:
    return {"offset": offset, "digest": digest.hex()}
