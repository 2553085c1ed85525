"""Scenarios on a device twin: a camera of V4L2 and a sound card of ALSA, with faults of both.

The kernel's own drivers inject what cameras do: buffers that never come, buffers with an error, a
stream that breaks, a plug that is pulled. One twin is made for all scenarios, and is gone when the
process ends.
"""

from __future__ import annotations

import atexit
import io
import itertools
import json
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgenets import zoo
from edgenets.devices.deploy.deploy import deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin.system import System
from edgenets.sound.audio import write_wav
from tests.devices.twins import CONSTRAINTS, ROOT, running, why_not
from tests.truth import images, sounds
from tests.truth.ledger import Outcome, Verdict, numbers

_PLACE = "/var/tmp/truth"

# Images that the camera shows, over and over: ten seconds of them, more than twice what an emulated
# board on a busy host loses while its process stands still.
_LOOP = 300

# An emulated board looks at an image long after a real one would have.
_LATE = 3.0  # s

# The sound card's two ends have clocks of their own, and an emulated processor serves both late.
_CLOCK = 0.4  # s

_DRIVER = "/sys/bus/platform/drivers/vivid"
_BUTTON = "v4l2-ctl -d /dev/video0 --set-ctrl {}=1"

# What becomes of the camera → as a shell does it. `wait` s go by after each.
_FAULTS = {
    "buffers lost": (
        "v4l2-ctl -d /dev/video0 --set-ctrl percentage_of_dropped_buffers=60; sleep 2; "
        "v4l2-ctl -d /dev/video0 --set-ctrl percentage_of_dropped_buffers=0"
    ),
    "a buffer with an error": _BUTTON.format("inject_v4l2_buf_flag_error"),
    "a stream that breaks": _BUTTON.format("inject_fatal_streaming_error"),
    "a plug that is pulled": (
        f"systemctl stop twin-camera; echo vivid.0 > {_DRIVER}/unbind; sleep 3; "
        f"echo vivid.0 > {_DRIVER}/bind; udevadm settle; sh {_PLACE}/show.sh"
    ),
    "a process that stands still": "kill -STOP $run; sleep 1.5; kill -CONT $run",
}

# Starts the run, plays the faults, ends it, and prints what it wrote.
_RUN = """\
cd {place}; rm -f truth.jsonl stdout.txt stderr.txt
export PYTHONPATH=$(echo /opt/edgenets/environments/edgenets-*):{place}
/opt/edgenets/environments/*/bin/python -m tests.truth.child run {place}/{bundle} {source} \\
    --backend null --sink truth:truth.jsonl --json >stdout.txt 2>stderr.txt &
run=$!
until [ -s truth.jsonl ] || ! kill -0 $run 2>/dev/null || grep -q listening stderr.txt; do
    sleep 0.2
done
{play}
kill -INT $run 2>/dev/null
wait $run
echo $? >code.txt
cat code.txt stdout.txt; echo; echo ---; cat stderr.txt; echo ---; cat truth.jsonl
"""


def missing() -> str | None:
    """Why there is no twin here, or None."""
    return why_not("system")


@cache
def board() -> System:
    """A twin on which the product is installed, with this world beside it.

    A release is what brings an environment; it is stopped before anything is measured.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    (twin,) = stack.enter_context(running("system", "truth"))
    assert isinstance(twin, System)
    serve = ServeOptions(
        ("null:96x96?rate=1",), extras=("camera", "mic"), health=Health(2, 20_000.0, 180.0)
    )
    bundle = zoo.load("image-classify")
    outcome = deploy(bundle, twin.address(), serve, supply=Supply(CONSTRAINTS), accept_new=True)
    assert outcome.verdict == "kept", outcome
    twin.ssh(f"systemctl stop edgenets edgenets-guard; mkdir -p {_PLACE}")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in (ROOT / "tests/__init__.py", *(ROOT / "tests/truth").glob("*.py")):
            tar.add(path, path.relative_to(ROOT))
        for name in ("image-classify", "kws-gru"):
            tar.add(zoo.find(name), f"{name}.edge")
    twin.ssh(f"tar xz -C {_PLACE}", data=packed.getvalue())
    return twin


def camera(seed: int, out: Path) -> Verdict:
    """A camera of V4L2 with each fault once, in an order that comes of a seed."""
    rng = np.random.default_rng(seed)
    faults = [str(name) for name in rng.permutation(list(_FAULTS))]
    verdict = Verdict(f"V4L2 {seed}: {', '.join(faults)}", "V4L2", faults=len(faults))
    twin = board()
    twin.ssh(f"cat > {_PLACE}/show.sh", data=twin.camera.script.encode())
    twin.camera.inject([images.drawn(n) for n in range(_LOOP)])
    steps = ["sleep 3"]
    for name in faults:
        steps += [_FAULTS[name], f"sleep {rng.uniform(4, 6):.1f}"]
    outcome = _play(twin, "image-classify.edge", "'camera:0?format=YUYV'", steps)
    _hold_camera(verdict, outcome, faults)
    return verdict


def _hold_camera(verdict: Verdict, outcome: Outcome, faults: Sequence[str]) -> None:
    shown = outcome.of("seen")
    verdict.items = len(shown)
    verdict.hold(len(shown) > 30, f"{len(shown)} images seen; {outcome.stderr[-300:]}")
    seen = numbers(verdict, _after_the_plug(outcome))
    for one, other in itertools.pairwise(seen):
        step = (other["number"] - one["number"]) % _LOOP
        verdict.hold(step < _LOOP / 2, f"{other['number']} after {one['number']}: another order")
        verdict.hold(other["time"] > one["time"], f"{other['time']:.3f} s after {one['time']:.3f}")
    for event in shown:
        verdict.hold(0 <= event["age"] < _LATE, f"{event['age']:.3f} s old when looked at")
    summary = outcome.summary
    frames, lost = sum(summary.get("frames", {}).values()), summary.get("lost", {})
    verdict.hold(
        frames == len(shown) + lost.get("results", 0),
        f"{frames} looked at, {len(shown)} delivered, {lost} counted as lost",
    )
    for kind in ("lost", "back"):
        verdict.hold(bool(outcome.of(kind)), f"the plug was pulled, and no '{kind}' was said")
    verdict.hold_exit(outcome, bool(lost))


def _after_the_plug(outcome: Outcome) -> list[dict[str, Any]]:
    """Images without those that the driver draws itself before it is told what to show."""
    seen, its_own = [], False
    for event in outcome.events:
        if event["event"] == "back":
            its_own = True
        elif event["event"] == "seen":
            its_own = its_own and event["number"] is None
            if not its_own:
                seen.append(event)
    return seen


def microphone(seed: int, out: Path, count: int = 20) -> Verdict:
    """A sound card of ALSA; the process that listens stands still now and then."""
    rng = np.random.default_rng(seed)
    first, stops = int(rng.integers(10)), 2
    verdict = Verdict(f"ALSA {seed}", "ALSA", count, stops)
    twin = board()
    write_wav(out / "words.wav", sounds.spoken(count, first, 48_000), 48_000)
    twin.ssh(f"cat > {_PLACE}/words.wav", data=(out / "words.wav").read_bytes())
    steps = ["sleep 3", f"aplay -q -D plughw:Twin,1,0 {_PLACE}/words.wav & player=$!"]
    for _ in range(stops):
        steps += [f"sleep {rng.uniform(4, 7):.1f}", _FAULTS["a process that stands still"]]
    steps += ["wait $player", "sleep 3"]
    outcome = _play(twin, "kws-gru.edge", "mic:default", steps)
    _hold_microphone(verdict, outcome, first, count)
    return verdict


def _hold_microphone(verdict: Verdict, outcome: Outcome, first: int, count: int) -> None:
    events = outcome.of("detection")
    verdict.hold(len(events) > count // 2, f"{len(events)} heard; {outcome.stderr[-300:]}")
    places = [0] if events else []
    for one, other in itertools.pairwise(events):
        apart = other["time"] - one["time"]
        places.append(places[-1] + round(apart / sounds.EVERY))
        off = apart - sounds.EVERY * (places[-1] - places[-2])
        verdict.hold(abs(off) <= _CLOCK, f"{other['word']}: {off:+.3f} s off")
    if events:
        begun = sounds.LABELS.index(events[0]["word"])
        for place, event in zip(places, events, strict=True):
            label = sounds.LABELS[(begun + place) % 10]
            verdict.hold(event["word"] == label, f"word {place} was {label}, not {event['word']}")
    unheard = count - len(events)
    lost = outcome.summary.get("lost", {})
    verdict.hold(unheard <= 0 or bool(lost), f"{unheard} words unheard, nothing counted as lost")
    verdict.hold_exit(outcome, bool(lost))


def _play(twin: System, bundle: str, source: str, steps: Sequence[str]) -> Outcome:
    script = _RUN.format(place=_PLACE, bundle=bundle, source=source, play="\n".join(steps))
    twin.ssh(f"cat > {_PLACE}/run.sh", data=script.encode())
    told = twin.ssh(f"sh {_PLACE}/run.sh", timeout=400.0)
    head, stderr, events = told.out.split("\n---\n", 2)
    code, _, stdout = head.partition("\n")
    return Outcome(
        int(code),
        [json.loads(line) for line in events.splitlines() if line.startswith("{")],
        json.loads(stdout) if stdout.startswith("{") else {},
        stderr,
    )
