"""A PulseAudio server of the test's own: a microphone without hardware.

What is played into it comes out of the ALSA device `mic`, which PortAudio lists (and
`default`, which is the same). It listens on a socket under the test's folder, is stopped
by its process id, and neither finds nor disturbs a server that the user may be running.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path

# A busy machine with two cores needs about a second for any of this.
PATIENCE = 20.0  # s

SINK = ("module-null-sink", "sink_name=spk", "rate=48000")
MICROPHONE = ("module-remap-source", "source_name=mic", "master=spk.monitor")

ALSA = """\
pcm.mic { type pulse device mic }
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


def missing() -> str | None:
    """Why there can be no PulseAudio here, or None."""
    tools = [tool for tool in ("pulseaudio", "pactl", "paplay") if shutil.which(tool) is None]
    if tools:
        return f"not installed: {', '.join(tools)} (Debian: pulseaudio, pulseaudio-utils)"
    if not list(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA has no PulseAudio plugin (Debian: libasound2-plugins)"
    # Looked for, not imported: that would start PortAudio on the machine's own sound system.
    if find_spec("sounddevice") is None or find_library("portaudio") is None:
        return "sounddevice or its C library is not installed (Debian: libportaudio2)"
    return None


class Pulse:
    """A server with one microphone, `mic`, at 48 kHz in stereo. `env` is for its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        socket = folder / "S"
        assert len(str(socket)) < 108, f"{socket}: too long for the address of a socket"
        home, run = folder / "home", folder / "run"
        for private in (home, run):
            private.mkdir(mode=0o700, exist_ok=True)
        # This file alone, so that PortAudio sees no sound card of the machine either.
        (folder / "asound.conf").write_text(ALSA)
        # A client that finds no server must not start one.
        (folder / "client.conf").write_text("autospawn = no\n")
        self.socket = socket
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULSE_")},
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(run),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
            "PULSE_SERVER": f"unix:{socket}",
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Pulse:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until its microphone is there."""
        assert self._server is None
        self.socket.unlink(missing_ok=True)
        modules = (
            ("module-native-protocol-unix", f"socket={self.socket}", "auth-anonymous=1"),
            SINK,
            MICROPHONE,
        )
        command = ["pulseaudio", "-n", "--system=false", "--daemonize=no", "--use-pid-file=no"]
        command += ["--disallow-exit=false", "--exit-idle-time=-1"]
        for module in modules:
            command += ["-L", " ".join(module)]
        env = {key: value for key, value in self.env.items() if key != "PULSE_SERVER"}
        with (self.folder / "pulse.log").open("ab") as log:
            self._server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while "mic" not in self._sources():
            if self._server.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(
                    f"PulseAudio did not start:\n{(self.folder / 'pulse.log').read_text()}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the server and all players; nothing happens where there are none."""
        for process in (*self._players, *([self._server] if self._server else [])):
            process.kill()  # also ends one that is frozen
            process.wait(PATIENCE)
        self._players, self._server = [], None

    def restart(self) -> None:
        """Kill the server, as a crash would, and start a new one."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Make the server stand still, its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Make it go on."""
        self._signal(signal.SIGCONT)

    def unplug(self) -> None:
        """Unload the microphone and what it hears; the server stays. Sound being played ends."""
        self.pactl("unload-module", MICROPHONE[0])
        self.pactl("unload-module", SINK[0])

    def plug(self) -> None:
        """Load them again."""
        self.pactl("load-module", *SINK)
        self.pactl("load-module", *MICROPHONE)

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Play a sound file to the microphone; it goes on while the test does."""
        player = subprocess.Popen(
            ["paplay", "--device=spk", "--latency-msec=40", str(path)],
            env=self.env,
            stderr=subprocess.DEVNULL,
        )
        self._players.append(player)
        return player

    def pactl(self, *arguments: str) -> str:
        """Ask the server something."""
        done = subprocess.run(
            ["pactl", *arguments], env=self.env, timeout=PATIENCE, check=True, capture_output=True
        )
        return done.stdout.decode()

    def _sources(self) -> list[str]:
        try:
            listed = self.pactl("list", "short", "sources")
        except subprocess.CalledProcessError:
            return []
        return [line.split("\t")[1] for line in listed.splitlines()]

    def _signal(self, number: int) -> None:
        assert self._server is not None
        self._server.send_signal(number)
