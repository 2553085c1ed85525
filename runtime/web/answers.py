"""Answers of the page."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from edgenets.files import Json

if TYPE_CHECKING:
    from starlette.responses import Response

JSON = "application/json"


def answer(body: bytes, kind: str | None, status: int = 200) -> Response:
    """Bytes of a media type."""
    from starlette.responses import Response

    # By a header: Starlette would add its own charset to a text's.
    return Response(body, status, None if kind is None else {"Content-Type": kind})


def text(said: str, status: int) -> Response:
    """A line for people."""
    return answer(said.encode(errors="replace"), "text/plain; charset=utf-8", status)


def streamed(parts: AsyncIterator[str] | AsyncIterator[bytes], kind: str) -> Response:
    """What goes on until the viewer leaves."""
    from starlette.responses import StreamingResponse

    return StreamingResponse(parts, media_type=kind)


def encoded(plain: Json) -> bytes:
    """JSON as browsers read it: what is not a number is null."""
    try:
        return json.dumps(plain, allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(plain), allow_nan=False).encode()


def _finite(plain: object) -> object:
    if isinstance(plain, dict):
        return {key: _finite(value) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_finite(value) for value in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
