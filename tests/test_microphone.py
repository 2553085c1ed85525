"""`mic:` on a real PulseAudio without hardware, and on a PortAudio of straw."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.errors import SourceError
from edgenets.runtime.sources import Block, SourceNotice, microphone, open_source, portaudio
from edgenets.runtime.sources.capture import Chunk
from edgenets.runtime.sources.overflow import OverflowGauge
from edgenets.sound import audio
from tests import pulse as pulse_server

MISSING = pulse_server.missing()
needs_pulse = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

RATE = 16_000  # Hz, the model's
TONE = 1_000  # Hz

# The first sound of a null sink may be 2 s late, retries are up to 5 s apart, and the machine
# may be busy; nothing here waits that long when all is well.
PATIENCE = 90.0  # s; a test machine may have other things to do

# PortAudio is one to a process, and ours must not meet the tests' sound servers.
LISTEN = f"""
import json, signal, sys, time
import numpy as np
from edgenets.sound.audio import as_float
from edgenets.errors import EdgenetsError
from edgenets.runtime.sources import Block, open_source

def say(**event):
    print(json.dumps(dict(event, at=time.monotonic())), flush=True)

try:
    source = open_source(sys.argv[1], {RATE})
except EdgenetsError as exc:
    print(exc, file=sys.stderr)
    sys.exit(exc.exit_code)
signal.signal(signal.SIGTERM, lambda *_: source.close())
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3.5))  # the reader stalls
say(kind="open", name=source.name, live=source.live)
sound = np.zeros(0, np.float32)
for item in source:
    if not isinstance(item, Block):
        say(kind=item.kind, text=item.text, count=item.count, samples=item.samples)
        sound = sound[:0]
        continue
    age = time.monotonic() - item.captured
    if item.lost:
        say(kind="gap", samples=item.lost)
    sound = np.concatenate((sound, as_float(item.samples)))
    if len(sound) >= {RATE // 4}:
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        peak = float(spectrum.argmax() * {RATE} / len(sound))
        say(kind="sound", rms=float(sound.std()), peak=peak, age=age, dtype=str(sound.dtype))
        sound = sound[:0]
counters = source.counters
say(kind="end", overruns=counters.overruns, lost=counters.lost, reconnects=counters.reconnects)
"""


class Ear:
    """A process that listens, and tells what it hears."""

    def __init__(self, uri: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, uri],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen: list[dict[str, Any]] = []
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._stderr: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def wait_for(self, kind: str, fits: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """The next event of a kind that fits; whatever comes before it is dropped."""
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except queue.Empty:
                break
            if event is None:
                pytest.fail(f"ended while '{kind}' was waited for\n{self.story()}")
            self.seen.append(event)
            if event["kind"] == kind and fits(event):
                return event
        pytest.fail(f"'{kind}' did not come in {PATIENCE} s\n{self.story()}")

    def hear_tone(self) -> dict[str, Any]:
        """A quarter of a second of the tone, as loud as it was played and in one piece."""
        loud = 0.5 / np.sqrt(2)
        return self.wait_for(
            "sound", lambda e: abs(e["rms"] / loud - 1) < 0.05 and abs(e["peak"] - TONE) < 8
        )

    def end(self) -> dict[str, Any]:
        """Close it by a signal, and wait until it is gone."""
        self.process.send_signal(signal.SIGTERM)
        event = self.wait_for("end")
        assert self.process.wait(PATIENCE) == 0, self.story()
        return event

    def story(self) -> str:
        return "\n".join(
            [*map(str, self.seen[:10]), *map(str, self.seen[-10:]), *self._stderr[-20:]]
        )

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._stderr.extend(self.process.stderr)


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[pulse_server.Pulse]:
    with pulse_server.Pulse(tmp_path / "pulse") as server:
        yield server


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A minute of 1 kHz at half of full scale, at a rate of its own."""
    path, rate = tmp_path / "tone.wav", 44_100
    audio.write_wav(path, 0.5 * np.sin(2 * np.pi * TONE * np.arange(60 * rate) / rate), rate)
    return path


@needs_pulse
def test_a_tone_arrives_whoever_resamples_it(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:MI", pulse.env) as by_device, Ear("mic:mic?rate=48000", pulse.env) as by_us:
        for ear in (by_device, by_us):
            assert ear.wait_for("open")["live"]
            heard = ear.hear_tone()
            assert heard["dtype"] == "float32"
            assert 0 <= heard["age"] < 5
            assert ear.end()["reconnects"] == 0


@needs_pulse
def test_the_default_microphone(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:default", pulse.env) as ear:
        ear.hear_tone()
        ear.end()


@needs_pulse
def test_a_killed_server_is_waited_for(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:mic", pulse.env) as ear:
        ear.hear_tone()
        killed = time.monotonic()
        pulse.stop()
        lost = ear.wait_for("lost")
        assert lost["at"] - killed < 5
        pulse.start()
        started = time.monotonic()
        pulse.play(tone)
        back = ear.wait_for("back")
        print(f"lost {lost['at'] - killed:.2f} s, back {back['at'] - started:.2f} s")
        away = back["at"] - killed
        assert back["samples"] == pytest.approx(away * RATE, abs=3 * RATE)
        assert ear.wait_for("gap")["samples"] >= back["samples"]
        ear.hear_tone()
        end = ear.end()
    assert end["reconnects"] == 1
    assert end["lost"] >= back["samples"]


@needs_pulse
def test_an_unplugged_microphone_is_waited_for(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:mic", pulse.env) as ear:
        ear.hear_tone()
        unplugged = time.monotonic()
        pulse.unplug()
        lost = ear.wait_for("lost")
        pulse.plug()
        plugged = time.monotonic()
        pulse.play(tone)
        back = ear.wait_for("back")
        print(f"lost {lost['at'] - unplugged:.2f} s, back {back['at'] - plugged:.2f} s")
        ear.hear_tone()
        assert ear.end()["reconnects"] == 1


@needs_pulse
def test_a_frozen_server_hangs_nobody(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:mic", pulse.env) as patient, Ear("mic:mic", pulse.env) as leaving:
        patient.hear_tone()
        leaving.hear_tone()
        pulse.freeze()
        patient.wait_for("lost")
        leaving.wait_for("lost")
        asked = time.monotonic()
        leaving.end()  # while closing its stream does not return
        assert time.monotonic() - asked < 15
        pulse.thaw()
        patient.wait_for("back")
        patient.hear_tone()
        patient.end()


@needs_pulse
def test_a_stalled_reader_is_told_what_it_missed(pulse: pulse_server.Pulse, tone: Path) -> None:
    pulse.play(tone)
    with Ear("mic:mic", pulse.env) as ear:
        ear.hear_tone()
        ear.process.send_signal(signal.SIGUSR1)
        overrun = ear.wait_for("overrun", lambda e: e["samples"] > 0)
        assert 0.5 * RATE < overrun["samples"] < 3.5 * RATE  # 3.5 s, of which 2 s were kept
        assert ear.wait_for("gap")["samples"] >= overrun["samples"]
        ear.hear_tone()
        end = ear.end()
    assert end["overruns"] >= 1
    assert end["lost"] >= overrun["samples"]


@needs_pulse
def test_a_server_frozen_from_the_start_is_an_error(pulse: pulse_server.Pulse) -> None:
    pulse.freeze()
    said = listen_and_fail(
        "mic:mic",
        pulse.env,
        "from edgenets.runtime.sources import microphone; microphone.OPEN_PATIENCE = 1\n",
    )
    assert "has not answered" in said  # although sounddevice hides stderr while PortAudio starts


@needs_pulse
def test_a_wrong_name_lists_the_right_ones(pulse: pulse_server.Pulse) -> None:
    conf = Path(pulse.env["ALSA_CONFIG_PATH"])
    conf.write_text(conf.read_text() + "pcm.mic2 { type pulse device mic }\n")
    for wrong in ("nosuch", "mi"):
        said = listen_and_fail(f"mic:{wrong}", pulse.env)
        assert all(f"mic:{right} " in said for right in ("mic", "mic2", "default")), said


@needs_pulse
def test_no_microphone_is_said_at_once(tmp_path: Path) -> None:
    env = pulse_server.Pulse(tmp_path).env  # never started
    assert "lists no input device" in listen_and_fail("mic:default", env)


def listen_and_fail(uri: str, env: dict[str, str], prelude: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", prelude + LISTEN, uri],
        env=env,
        timeout=PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


class StrawError(Exception):
    pass


class Straw:
    """As much of sounddevice as a microphone uses, with devices made by the test."""

    PortAudioError = StrawError

    def __init__(self) -> None:
        # name → (channels, the rates and channel counts that it opens with)
        self.devices: dict[str, tuple[int, set[tuple[int, int]]]] = {"Straw": (2, {(RATE, 2)})}
        self.default = SimpleNamespace(device=(0, 0))
        self.opened: list[StrawStream] = []
        self.starts = 1
        self.over = threading.Event()  # the test is

    def send_to(self, number: int) -> None:
        """Send blocks to a stream as soon as it is opened, as a device does."""

        def send() -> None:
            while not self.over.wait(0.02):
                if len(self.opened) > number:
                    self.opened[number].send_seconds(0.04)

        threading.Thread(target=send, daemon=True).start()

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "index": index,
                "name": name,
                "hostapi": 0,
                "max_input_channels": channels,
                "default_samplerate": 44_100.0,
            }
            for index, (name, (channels, _)) in enumerate(self.devices.items())
        ]

    def RawInputStream(self, **options: Any) -> StrawStream:
        _, formats = list(self.devices.values())[options["device"]]
        if (options["samplerate"], options["channels"]) not in formats:
            raise StrawError("Invalid sample rate")
        self.opened.append(StrawStream(options))
        return self.opened[-1]

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.starts += 1

    def _exit_handler(self) -> None:
        pass


class StrawStream:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options, self.closed = options, threading.Event()

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    def send(self, frames: np.ndarray, overflow: bool = False) -> None:
        """A callback with (n, channels) int16."""
        status = SimpleNamespace(input_overflow=overflow)
        self.options["callback"](frames.tobytes(), len(frames), None, status)

    def send_seconds(self, seconds: float, left: int = 0, right: int = 0) -> None:
        for _ in range(round(seconds / 0.04)):
            self.send(np.tile(np.int16([left, right]), (self.options["blocksize"], 1)))

    def fail(self) -> None:
        self.options["finished_callback"]()


@pytest.fixture
def straw(monkeypatch: pytest.MonkeyPatch) -> Iterator[Straw]:
    straw = Straw()
    monkeypatch.setitem(sys.modules, "sounddevice", straw)
    monkeypatch.setattr(microphone, "RETRY_FIRST", 0.01)
    yield straw
    straw.over.set()
    done = threading.Event()  # what is still to be done is done with straw, too
    portaudio.ask(done.set)
    assert done.wait(PATIENCE)


def test_a_device_of_another_rate_is_resampled_and_mixed(straw: Straw) -> None:
    straw.devices = {"Other": (1, set()), "USB Audio: - (hw:1,0)": (2, {(44_100, 2)})}
    with open_source("mic:usb", RATE) as source:
        tried, stream = straw.opened  # what is better is tried once more
        assert tried.closed.is_set()
        stream.send_seconds(1, left=16_384, right=0)
        items = iter(source)
        blocks = [next(items) for _ in range(20)]
    assert all(isinstance(b, Block) and b.samples.dtype == np.float32 for b in blocks)
    sound = np.concatenate([b.samples for b in blocks])
    assert sound[RATE // 4 : -RATE // 8] == pytest.approx(0.25, abs=1e-3)  # of 0.5 and 0
    assert stream.closed.wait(PATIENCE)


def test_overruns_are_counted(straw: Straw) -> None:
    with open_source("mic:default", RATE) as source:
        stream = straw.opened[0]
        stream.send_seconds(3.0)  # 2 s fit
        items = iter(source)
        assert all(not next(items).lost for _ in range(50))
        stream.send_seconds(0.04)
        stream.send(np.zeros((640, 2), np.int16), overflow=True)
        notice, block = next(items), next(items)
        assert (
            isinstance(notice, SourceNotice)
            and notice.kind == "overrun"
            and "1.00 s" in notice.text
        )
        assert notice.samples == RATE and isinstance(block, Block) and block.lost == RATE
        stream.send_seconds(1.0)
        notice, block = next(items), next(items)
        assert notice.kind == "overrun" and notice.samples == 0 and block.lost == 0
        assert "what is lost is not known" in notice.text
        assert source.counters.overruns == 2 and source.counters.lost == RATE


def test_sound_before_a_loss_is_heard_also_where_an_overflow_was_not_yet_measured(
    straw: Straw,
) -> None:
    with open_source("mic:default", RATE) as source:
        stream, items = straw.opened[0], iter(source)
        stream.send_seconds(0.08)
        stream.send(np.zeros((640, 2), np.int16), overflow=True)
        stream.fail()
        kinds = [getattr(next(items), "kind", "block") for _ in range(5)]
        assert kinds == ["block", "block", "overrun", "block", "lost"]


MONO = cast(Any, SimpleNamespace(channels=1))


class TestOverflow:
    """What the clock says of an overflow."""

    @settings(deadline=None, max_examples=60)
    @given(
        losses=st.lists(st.tuples(st.floats(0.5, 900.0), st.booleans()), max_size=3),
        bursts=st.integers(1, 4), late=st.floats(0.0, 0.17), seed=st.integers(0, 99),
    )  # fmt: skip
    def test_what_is_lost_is_measured(
        self, losses: list[tuple[float, bool]], bursts: int, late: float, seed: int
    ) -> None:
        rng, block = np.random.default_rng(seed), 0.04
        gauge = OverflowGauge(RATE)
        now, called, number, found, passed = 7.0, 0.0, 0, [], 0
        for lost, said in ((0.0, False), *losses):
            now += lost
            for place in range(75):  # 3 s
                now += block
                number += 1
                # Some come at once with the next, some late, as on a busy machine.
                behind = (-number % bursts) * block + (rng.random() < 0.2) * late * rng.random()
                called = max(called, now + behind)
                chunk = Chunk(MONO, bytes(2 * 640), called, 0, int(place == 0 and said))
                for _, length in gauge.push(chunk):
                    passed += 1
                    found += [length] if length else []
        passed += len(list(gauge.rest()))
        assert passed == number, "one is held back for good"
        jitter = (bursts - 1) * block + late
        assert sum(found) == pytest.approx(sum(lost for lost, _ in losses), abs=jitter + block)
        assert bool(found) == bool(losses)

    def test_one_of_unknown_length_has_none(self) -> None:
        gauge = OverflowGauge(RATE)
        chunks = [Chunk(MONO, bytes(1280), 0.04 * n, 0, int(n == 40)) for n in range(80)]
        found = [length for chunk in chunks for _, length in gauge.push(chunk)]
        assert found == [0.0] * 80

    def test_at_the_beginning_there_is_nothing_to_hold_it_against(self) -> None:
        gauge = OverflowGauge(RATE)
        (first,) = gauge.push(Chunk(MONO, bytes(1280), 1.0, 0, 1))
        assert first[1] == 0.0


def test_a_device_that_comes_back_is_listed_anew(straw: Straw) -> None:
    with open_source("mic:straw", RATE) as source:
        straw.opened[0].send_seconds(0.04)
        items = iter(source)
        next(items)
        straw.devices, there = {}, straw.devices
        straw.opened[0].fail()
        assert next(items).kind == "lost"
        assert straw.opened[0].closed.wait(PATIENCE)
        threading.Timer(0.1, lambda: straw.devices.update({"New": (1, set()), **there})).start()
        straw.send_to(1)
        back, block = next(items), next(items)
        assert back.kind == "back" and straw.opened[1].options["device"] == 1
        assert block.lost == back.samples == source.counters.lost > 0
        assert straw.starts > 1 and source.counters.reconnects == 1


def test_another_microphone_is_left_alone(straw: Straw) -> None:
    """Starting PortAudio anew would free the stream of the other one."""
    with open_source("mic:straw", RATE) as source, open_source("mic:straw", RATE):
        items = iter(source)
        straw.opened[0].fail()
        assert next(items).kind == "lost"
        straw.send_to(2)
        assert next(items).kind == "back"
        assert straw.starts == 1 and not straw.opened[1].closed.is_set()


def test_close_ends_the_wait_for_sound_and_for_a_device(straw: Straw) -> None:
    for lose in (False, True):
        with open_source("mic:", RATE) as source:
            items = iter(source)
            if lose:
                straw.devices = {}
                straw.opened[-1].fail()
                assert next(items).kind == "lost"
            threading.Timer(0.1, source.close).start()
            assert list(items) == []
            source.close()


def test_a_device_that_refuses_is_named(straw: Straw) -> None:
    straw.devices = {"Busy": (2, set())}
    with pytest.raises(SourceError, match=r"Busy .*cannot be opened: Invalid sample rate"):
        open_source("mic:busy", RATE)
    with pytest.raises(SourceError, match="one"):
        open_source("mic:busy?channels=none", RATE)
