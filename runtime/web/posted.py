"""What viewers post: a threshold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

LONGEST = 4096  # bytes

# A body has to come within this time.
WITHIN = 10.0  # s

# So much, and so long, is read and thrown away of a body that is too long: a client that still
# sends when its connection is closed never reads why (RFC 9112, 9.6).
_READ_AWAY, _READ_AWAY_WITHIN = 16 << 20, 2.0  # bytes, s

# Below this a threshold lets everything through; whoever wants that can start a run with it.
LEAST = 0.001


class Refused(Exception):
    """A post that is not taken; with the status of the answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


async def threshold(request: Request) -> tuple[str, float]:
    """The label and its threshold that were posted.

    Raises:
        Refused: it is no threshold; the reason is for the one who posted it.
    """
    body = await _body(request)
    try:
        posted = json.loads(body, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as exc:
        raise Refused(f"not JSON: {exc}") from exc
    if not isinstance(posted, dict) or not {"label", "value"} <= posted.keys():
        raise Refused('as in {"label": "cat", "value": 0.5}')
    label, value = posted["label"], posted["value"]
    if not isinstance(label, str):
        raise Refused("the label is not a string")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        kind = {str: "a string", bool: "true or false", list: "an array", dict: "an object"}
        raise Refused(f"the value is {kind.get(type(value), 'null')}, not a number")
    if not LEAST <= value <= 1:
        raise Refused(f"the value is not between {LEAST:g} and 1")
    return label, float(value)


def _not_a_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


async def _body(request: Request) -> bytes:
    """What was posted.

    Raises:
        Refused: it is longer than a request can be, or does not come.
    """
    length = request.headers.get("content-length", "0")
    # Digits are compared by their count first: Python makes no number of very many.
    long = len(length) > 9 or not length.isascii() or not length.isdigit() or int(length) > LONGEST
    body, parts = b"", request.stream()
    try:
        async with asyncio.timeout(WITHIN):
            while not long and (part := await anext(parts, None)) is not None:
                body += part
                long = len(body) > LONGEST
    except TimeoutError as exc:
        raise Refused(f"the body did not come within {WITHIN:g} s", 408) from exc
    if long:
        await _read_away(parts)
        raise Refused(f"longer than {LONGEST} bytes", 413)
    return body


async def _read_away(parts: AsyncIterator[bytes]) -> None:
    """Take what is still sent, within limits."""
    length = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_READ_AWAY_WITHIN):
            async for part in parts:
                length += len(part)
                if length > _READ_AWAY:
                    return
