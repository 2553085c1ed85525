"""Scenarios of network cameras that cut, repeat, stall, hang up and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.truth.camera import ACTS, Act, Scripted, camera
from tests.truth.ledger import Outcome, Verdict, numbers, once, run

# Longer than the product waits before it tries a camera again.
_BACK = 1.5  # s

# A stream that a busy machine delivers late is late by less.
_LATE = 0.5  # s


def stream(seed: int, out: Path, count: int = 150) -> Verdict:
    """One MJPEG stream with faults that come of a seed."""
    rng = np.random.default_rng(seed)
    acts = _script(rng, count)
    script = Scripted(acts)
    verdict = Verdict(f"MJPEG {seed}", "MJPEG", 0, sum(ACTS[act.do] for act in acts))
    with camera(script) as url:
        outcome = run(("image-classify", url, "--backend", "null"), out, until=script.done.is_set)
    verdict.items = len(script.sent)
    _hold(verdict, outcome, script)
    return verdict


def _script(rng: np.random.Generator, count: int) -> list[Act]:
    """Mostly whole images; each fault now and then, and two whole images at the end."""
    faults = [name for name, fault in ACTS.items() if fault]
    acts = [Act("send")] * 3
    while len(acts) < count:
        if rng.random() < 0.15:
            do = str(rng.choice(faults))
            wait = 1.0 if do == "stall" else 0.04
            acts.append(Act(do, wait, float(rng.uniform(0.1, 0.95))))
            if do in ("close", "torn"):
                acts.append(Act("send", _BACK))
        acts.append(Act("send", 0.04))
    return [*acts, Act("send"), Act("send")]


def _hold(verdict: Verdict, outcome: Outcome, script: Scripted) -> None:
    seen = numbers(verdict, outcome.of("seen"))
    got = [event["number"] for event in seen]
    sent = {image.number: image for image in script.sent}
    whole = [image.number for image in script.sent if image.whole]
    repeated = [image.number for image in script.sent] * 2  # a server may repeat itself
    once(verdict, got, repeated)
    broken = sorted(set(got) - set(whole))
    verdict.hold(not broken, f"broken images taken for whole: {broken[:5]}")
    for event in seen:
        off = event["at"] - event["age"] - sent[event["number"]].time
        verdict.hold(
            -0.05 <= off <= _LATE, f"image {event['number']}: captured {off:+.3f} s after it came"
        )
    unseen = len(set(whole) - set(got))
    dropped = sum(outcome.summary.get("dropped", {}).values())
    verdict.hold(unseen <= dropped, f"{unseen} whole images unseen, {dropped} counted as dropped")
    damaged = len(script.sent) - len(whole)
    counted = outcome.summary.get("lost", {}).get("images", 0)
    verdict.hold((damaged > 0) == (counted > 0), f"{damaged} images damaged, {counted} counted")
    verdict.hold_exit(outcome, bool(damaged))
