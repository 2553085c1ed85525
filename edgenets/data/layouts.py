"""What to say of data that are in none of the layouts that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

# Files that are looked at to say what was found.
_LOOKED_AT = 10_000


def unknown_layout(root: Path, why: str, layouts: Sequence[str]) -> str:
    """The message of an error.

    Args:
        root: the folder or file.
        why: what is wrong with it.
        layouts: an example of each that is known.
    """
    known = "".join(f"\n  {layout}" for layout in layouts)
    return f"{root}: {why}. Known layouts, an example each:{known}\nFound: {_found(root)}"


def _found(root: Path) -> str:
    if root.is_file():
        return f"a file, {root.name}"
    files = list(islice((p for p in sorted(root.rglob("*")) if p.is_file()), _LOOKED_AT))
    kinds = Counter(path.suffix.lower() or "no suffix" for path in files)
    examples = {path.suffix.lower() or "no suffix": path for path in reversed(files)}
    parts = [
        f"{count:,} {kind} ({examples[kind].relative_to(root)})"
        for kind, count in kinds.most_common(5)
    ]
    return ", ".join(parts) or "no files"
