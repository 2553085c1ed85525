"""A process for `edgenets.child.Standing` that answers, refuses, raises or crashes, as asked."""

from __future__ import annotations

import os
import signal

from edgenets import child
from edgenets.errors import BackendError
from edgenets.files import Json


def answer(question: Json) -> int:
    how = question["how"]
    if how == "refuses":
        raise BackendError("it is refused")
    if how == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    return {"number": os.getpid()}[how]


if __name__ == "__main__":
    child.answer_each(answer)
