"""What the processor of this machine can do."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_SAID = Path("/proc/cpuinfo")

_X86 = ("x86_64", "AMD64", "i686", "i386")


@cache
def sums_may_overflow() -> bool:
    """Whether kernels of eight bits add pairs of products in 16 bits here: x86 without VNNI.

    Of a system that does not say what its processor has, they may.
    """
    if platform.machine() not in _X86:
        return False
    try:
        said = _SAID.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return "_vnni" not in said
