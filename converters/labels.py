"""Labels of third-party models: from a list, a line each, or from the list in their file."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from edgenets.errors import ModelError

# A list of labels in another encoding than this is rare, and says so by being unreadable.
_LONGEST_LABELS = 1 << 20  # bytes

# A line of a list of labels that begins with its number.
_NUMBERED = re.compile(r"(\d+):* (.+)")


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels from a user's file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return listed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelError(f"{path}: cannot be read as labels: {exc}") from exc


def carried_labels(path: Path, model: bytes) -> tuple[str, ...]:
    """Labels from the list that TFLite files carry along.

    Args:
        path: of the model, for messages.

    Raises:
        ModelError: there are none.
    """
    try:  # TFLite's metadata append a zip with files to the model
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".txt") and entry.file_size < _LONGEST_LABELS:
                    return listed(archive.read(entry).decode("utf-8"))
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, NotImplementedError):
        pass
    raise ModelError(f"{path}: carries no labels; give --labels FILE, one a line")


def listed(text: str) -> tuple[str, ...]:
    """Labels that can be reported apart and shown; numbers before them are no part of them."""
    found: list[str] = []
    for number, line in enumerate(_unnumbered(text.rstrip())):
        name = "".join(c if c.isprintable() else " " for c in line.replace("/", "∕")).strip()
        name = name or f"label {number}"
        same = sum(x == name or x.startswith(f"{name} (") for x in found)
        found.append(f"{name} ({same + 1})" if same else name)
    return tuple(found)


def _unnumbered(text: str) -> list[str]:
    """Lines, without the numbers before them where each has its own: `3 cat`, `3: cat`."""
    lines = [line.strip() for line in text.splitlines()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(m and int(m[1]) in (i, i + 1) for i, m in enumerate(numbered)):
        return [m[2].strip() for m in numbered if m]
    return lines
