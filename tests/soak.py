"""A live camera, faster than its model, for long: do results stay young, and memory flat?

    python -m tests.soak [SECONDS]        # 600 by default; `make soak`

30 images a second come as MJPEG over loopback; the shipped detector is held up so that a
image takes it 50 ms, which is slower than they come. The live page is up and somebody looks.
Prints one JSON object, and ends with 1 where a limit is not kept.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
import urllib.request
from typing import Any

import numpy as np
import psutil

from edgenets import demo_camera, zoo
from edgenets.events import Seen
from edgenets.runtime.load import load
from edgenets.runtime.sinks import Sinks
from edgenets.selection import select
from edgenets.tasks.vision.smear import Smear
from tests.runs import run_of

FRAME, MODEL = 1 / 30, 0.050  # s

# Age from an image's capture to its result, at the 95th percentile.
OLDEST = 2 * (FRAME + MODEL)  # s

# What the process may grow by once everything has been used once.
GROWTH = 8.0  # MB
SETTLED = 0.25  # of the time


def soak(seconds: float) -> dict[str, Any]:
    """Run, and say what came of it."""
    demo_camera.RATE = 1 / FRAME
    bundle = zoo.load(demo_camera.SHIPPED)
    with demo_camera.stream(Smear()) as url:
        watch = run_of(bundle, load(bundle, select(bundle)), [url], seconds=seconds)
        look = watch.pipeline.look

        def slow(image: Any) -> Any:
            begun = time.perf_counter()
            found = look(image)
            time.sleep(max(0.0, MODEL - (time.perf_counter() - begun)))
            return found

        watch.pipeline.look = slow  # type: ignore[method-assign]
        said: list[str] = []
        sinks = Sinks(["web:0"], said.append, watch)
        ended = threading.Event()
        address = said[0].removeprefix("live page: ")
        threading.Thread(target=_look, args=(address, ended), daemon=True).start()
        ages, memory, begun = [], [], time.monotonic()
        process = psutil.Process()
        for event in watch:
            sinks.write(event)
            if isinstance(event, Seen):
                ages.append(event.age)
            if time.monotonic() - begun > len(memory):
                memory.append(process.memory_info().rss / 1e6)
        ended.set()
        sinks.close()
    settled = memory[int(SETTLED * len(memory)) :]
    third = max(1, len(settled) // 3)
    growth = float(np.median(settled[-third:]) - np.median(settled[:third]))
    p50, p95 = np.percentile(ages, (50, 95))
    return {
        "seconds": round(seconds), "results": len(ages), "a_second": round(len(ages) / seconds, 2),
        "age_ms_p50": round(1e3 * p50, 1), "age_ms_p95": round(1e3 * p95, 1),
        "age_ms_limit": round(1e3 * OLDEST, 1), "passed_over": watch.dropped,
        "memory_mb": round(float(np.median(settled)), 1), "growth_mb": round(growth, 2),
        "kept": bool(p95 <= OLDEST and growth <= GROWTH),
    }  # fmt: skip


def _look(address: str, ended: threading.Event) -> None:
    """A viewer, who takes every image that he is given."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/stream/0.mjpg") as page:
        while not ended.is_set():
            page.read(65536)


if __name__ == "__main__":
    found = soak(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)
    print(json.dumps(found))
    sys.exit(0 if found["kept"] else 1)
