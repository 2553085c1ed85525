"""What the keeper remembers: what is being tried, what failed and why, and what was done."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import disk
from .layout import Home

# Lines of the log that are kept.
_LOG = 100

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Trial:
    """A switch that is under way."""

    release: str
    previous: str | None  # what served before, and will again if this fails
    boots: list[str] = field(default_factory=list)  # in which it began, and did not end in order
    failed: str | None = None  # why, once that is known; then the way back is under way


@dataclass
class State:
    """All of it."""

    previous: str | None = None  # what `rollback` goes back to
    trial: Trial | None = None
    failed: dict[str, str] = field(default_factory=dict)  # release → why it was not kept
    log: list[dict[str, object]] = field(default_factory=list)  # newest last
    newest: int = 0  # the highest number of a published release that was ever kept

    def note(self, event: str, release: str | None, text: str = "") -> None:
        """Add a line to the log."""
        line = {"time": round(time.time(), 1), "event": event, "release": release, "text": text}
        self.log = [*self.log, line][-_LOG:]


def load(home: Home) -> State:
    """The state; a new one where there is none, or none that can be read."""
    try:
        data = json.loads(home.state.read_bytes())
        trial = Trial(**data["trial"]) if data.get("trial") else None
        return State(**{**data, "trial": trial})
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, TypeError, KeyError) as exc:
        # `current` says what serves; a lost state costs the way back by name, not the service.
        state = State()
        state.note("state lost", home.serving(), repr(exc))
        return state


def save(home: Home, state: State) -> None:
    """Write it down, whole or not at all."""
    disk.write(home.state, (json.dumps(asdict(state), indent=1) + "\n").encode())


def boot_id() -> str:
    """Which start of the board this is."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
