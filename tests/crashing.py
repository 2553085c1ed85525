"""A module that is asked in a process of its own, and ends as it is told: see `test_child`."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from edgenets import child
from edgenets.errors import GateFailed


def ended() -> Any:
    """End as the first argument says."""
    how = sys.argv[1]
    if how == "killed":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hangs":
        time.sleep(60)
    if how == "quits":
        sys.exit("why")
    if how == "raises":
        raise KeyError("a library's")
    if how == "is full":
        raise OSError(28, "No space left on device")
    if how == "refuses":
        raise GateFailed("it is refused")
    print("a library talks")
    return {"how": how, "variable": os.environ.get("ASKED")}


if __name__ == "__main__":
    child.answer(ended)
