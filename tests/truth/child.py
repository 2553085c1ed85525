"""`edgenets run` with one more sink, `truth:FILE`, which reads the number of every image again.

    python -m tests.truth.child run image-classify SOURCE --backend null --sink truth:FILE

The sink writes one line of JSON an event: its kind, and for an image the number that stands in it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from edgenets import backend
from edgenets.cli.main import main
from edgenets.events import Event, Seen
from edgenets.runtime.sinks import SINKS
from tests.truth import images, sounds


class TruthSink:
    """Writes down what it is given."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("w", encoding="utf-8", buffering=1)

    def write(self, event: Event) -> None:
        line = event.plain()
        line["at"] = time.monotonic()
        if isinstance(event, Seen):
            assert event.image is not None
            line["age"], line["found"] = event.age, None
            line["number"] = images.number_of(event.image)
            line["shape"] = event.image.shape
        self._out.write(json.dumps(line) + "\n")

    def close(self) -> None:
        self._out.close()


def open_sink(rest: str) -> TruthSink:
    return TruthSink(Path(rest))


if __name__ == "__main__":
    if Path(sys.argv[2]).stem == "kws-gru":
        sounds.bundle, backend.BACKENDS["null"] = sys.argv[2], "tests.truth.sounds"
    SINKS["truth"] = "tests.truth.child"
    sys.exit(main())
