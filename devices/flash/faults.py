"""What is wrong with a card, each its own message, and what to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Literal

from edgenets.errors import FlashError

Kind = Literal["counterfeit", "damaged", "unreadable", "removed", "protected", "too small", "busy"]

_GONE = (errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM, errno.ESHUTDOWN, errno.ENOTCONN)


class CardFault(FlashError):
    """A card that cannot be trusted with an image."""

    def __init__(self, kind: Kind, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.kind = kind


def of_error(exc: OSError, path: Path, doing: str, offset: int) -> CardFault:
    """The fault behind an error of the system."""
    where = f"{path}: {doing} at {megabytes(offset)}"
    if exc.errno in _GONE or not path.exists():
        return CardFault(
            "removed",
            where,
            "the card is gone. Was it pulled out? Put it back and "
            "run the same command: it goes on where it stopped",
        )
    if exc.errno == errno.ENOSPC:
        return CardFault("too small", where, "the card ends here, before the image does")
    if exc.errno in (errno.EROFS, errno.EPERM):
        return CardFault(
            "protected", where, "the card may only be read; look for the slider at its side"
        )
    text = os.strerror(exc.errno) if exc.errno else str(exc)
    return CardFault(
        "unreadable",
        where,
        f"{text}: the card has bad sectors, or its reader is "
        "failing; try another reader, then another card",
    )


def damaged(path: Path, offset: int, bits: int | None) -> CardFault:
    """What was read is not what was written."""
    many = "" if bits is None else f" ({bits:,} bit{'s' if bits != 1 else ''} of this block differ)"
    what = f"not what was written there{many}: the card or its reader is failing; do not use it"
    return CardFault("damaged", f"{path}: at {megabytes(offset)}", what)


def counterfeit(path: Path, claimed: int, real: int | None) -> CardFault:
    """A card that says it has more memory than it has."""
    has = "less" if real is None else f"about {megabytes(real)}"
    return CardFault(
        "counterfeit",
        str(path),
        f"says that it has {megabytes(claimed)}, and has "
        f"{has}: what is written beyond comes back wrong. It is a counterfeit; give "
        "it back",
    )


def too_small(path: Path, size: int, image: int) -> CardFault:
    """An image that is larger than the card."""
    what = f"has {megabytes(size)}, and the image needs {megabytes(image)}"
    return CardFault("too small", str(path), what)


def megabytes(count: int) -> str:
    """Bytes as makers of cards count them."""
    return f"{count / 1e9:,.2f} GB" if count >= 1_000_000_000 else f"{count / 1e6:,.1f} MB"
