"""`jsonl:PATH` or `jsonl:-`: one JSON object a line, flushed at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO

from edgenets.events import Remark, Result


def open_sink(rest: str) -> JsonlSink:
    """Append to a file, or write to stdout for `-` or nothing."""
    if rest in ("", "-"):
        return JsonlSink(sys.stdout, owned=False)
    return JsonlSink(Path(rest).open("a", encoding="utf-8"), owned=True)


class JsonlSink:
    """Events as lines of JSON; each has an `event` field with its kind."""

    def __init__(self, out: IO[str], owned: bool) -> None:
        self._out, self._owned = out, owned

    def write(self, event: Result | Remark) -> None:
        """One line."""
        if isinstance(event, Result):
            line = {
                "event": "detection", "source": event.source, "word": event.label,
                "score": round(event.score, 4), "time": round(event.time, 3),
                "age_ms": round(1e3 * event.age, 2),
            }  # fmt: skip
        else:
            line = {
                "event": event.kind, "source": event.source, "text": event.text,
                "time": round(event.time, 3),
            }  # fmt: skip
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Close a file that was opened here."""
        if self._owned:
            self._out.close()
