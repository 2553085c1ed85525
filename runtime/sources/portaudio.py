"""PortAudio at arm's length: one daemon thread makes every call that may never return.

PortAudio talks to a sound server or a driver, and these can freeze. While a
PulseAudio server is stopped (SIGSTOP), `Pa_CloseStream`, `Pa_Initialize` and
opening a stream do not return; called from a second thread meanwhile,
`Pa_Terminate` does not return even when the server goes on. So the calls are
errands: done one at a time, in order, by a thread that nobody has to wait for.

PortAudio is one to a process, and so is this thread. A program that uses
sounddevice itself beside a microphone source may lose its streams to `refresh`.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

from edgenets.extras import optional, require

# Closing a stream that works takes milliseconds; one that takes this long is stuck, and the
# program must end all the same.
EXIT_PATIENCE = 2.0  # s

Errand = Callable[[], None]

_errands: SimpleQueue[Errand] = SimpleQueue()
_lock = threading.Lock()  # around the two below; never taken by `ask`, which signal handlers call
_thread: threading.Thread | None = None
_stderr: int | None = None  # where stderr really goes, while sounddevice hides it

open_streams: set[Any] = set()  # for errands only


def start() -> None:
    """Have the thread run. Not for signal handlers."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="portaudio", daemon=True)
            _thread.start()


def ask(errand: Errand) -> None:
    """Have an errand done, some time. It never blocks; an errand raises nothing."""
    _errands.put(errand)


def library() -> Any:
    """The module sounddevice, with PortAudio initialised. For errands only.

    Raises:
        MissingExtra: it is not installed, or libportaudio is not.
    """
    with _remembering_stderr():
        sounddevice = require("sounddevice")
    with _lock:
        atexit.unregister(_let_go)
        atexit.register(_let_go)  # after sounddevice's own handler, so it runs before that
    return sounddevice


def refresh() -> None:
    """Make PortAudio read its list of devices again, which it does only as it starts.

    For errands only. While another stream is open it is left alone: terminating
    PortAudio would free that stream under its owner.

    Raises:
        sounddevice.PortAudioError: PortAudio does not start again.
    """
    sounddevice = library()
    again = optional(
        "sounddevice",
        ("_terminate", "_initialize"),
        without="a microphone that is plugged in later is not found before a restart",
    )
    if open_streams or again is None:
        return
    terminate, initialize = again
    with suppress(sounddevice.PortAudioError):  # it did not start the last time either
        terminate()
    with _remembering_stderr():
        initialize()


def give_back_stderr() -> None:
    """Let stderr be seen again, in case PortAudio hangs while it starts.

    sounddevice points descriptor 2 at /dev/null for that time, to hide the chatter of
    ALSA; everything else that the program had to say would be hidden for good with it.
    """
    with _lock:
        if _stderr is not None:
            os.dup2(_stderr, 2)


@contextmanager
def _remembering_stderr() -> Iterator[None]:
    global _stderr
    try:
        kept = os.dup(2)
    except OSError:  # a service may have no stderr
        yield
        return
    with _lock:
        _stderr = kept
    try:
        yield
    finally:
        with _lock:
            _stderr = None
        os.close(kept)


def _run() -> None:
    while True:
        _errands.get()()


def _let_go() -> None:
    """At exit: close what is open, or keep sounddevice from waiting for it without end."""
    done = threading.Event()
    ask(_close_all)
    ask(done.set)
    if done.wait(EXIT_PATIENCE):
        return
    handler = optional(
        "sounddevice",
        ("_exit_handler",),
        without="this program may hang at its end while the sound server does",
    )
    if handler is not None:
        atexit.unregister(*handler)


def _close_all() -> None:
    sounddevice = require("sounddevice")
    for stream in list(open_streams):
        with suppress(sounddevice.PortAudioError):
            stream.close()
        open_streams.discard(stream)
