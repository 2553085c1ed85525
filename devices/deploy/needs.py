"""What a bundle needs on a board: extras of edgenets, devices, and the arguments of its run."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgenets.bundle import Bundle
from edgenets.errors import BackendError, DeviceError
from edgenets.selection import Availability, Request, Selection, select
from edgenets.tasks import task_of, usual_source
from edgenets.uri import URI_FILE, shown

from ..keeper.release import FOLDER, SECRET, Health

# The extra that brings a backend's interpreter has its name, but for these: what an accelerator's
# maker brings to the board comes on top.
_EXTRAS = {"edgetpu": "tflite"}

# Beginnings of sinks' URIs that need an extra.
_SINKS = {"mqtt": "mqtt", "mqtts": "mqtt", "web": "web"}


@dataclass(frozen=True)
class ServeOptions:
    """How a bundle is to be run on a board."""

    sources: tuple[str, ...] = ()  # none: the first microphone or camera
    sinks: tuple[str, ...] = ()  # none: the journal
    backend: str | None = None  # none: as `edgenets.selection` has it for the board
    arguments: tuple[str, ...] = ()  # more of `edgenets run`
    files: dict[str, Path] = field(
        default_factory=dict
    )  # that the arguments name as {release}/NAME
    extras: tuple[str, ...] = ()  # more of edgenets
    health: Health = field(default_factory=Health)
    memory_mb: int | None = None


def arguments_of(bundle: Bundle, serve: ServeOptions) -> list[str]:
    """The arguments of `edgenets run`, after the bundle.

    Raises:
        DeviceError: there is no source that a service could read.
    """
    source = usual_source(bundle.spec)
    if not serve.sources and source == "-":
        raise DeviceError(
            f"{bundle.path}: reads lines, and a service has no standard input; say where they come "
            f"from, as in --source mqtt://broker/topic"
        )
    sources = serve.sources or (source,)
    sinks = [word for sink in serve.sinks or ("console:",) for word in ("--sink", sink)]
    # Without one the board selects by itself: what was recorded, with its number of threads.
    backend = ["--backend", serve.backend] if serve.backend else []
    return [*sources, *sinks, *backend, *serve.arguments]


def without_secrets(serve: ServeOptions, folder: Path) -> ServeOptions:
    """The same, with URIs that hold secrets in files of the release.

    Its record and the arguments of its process are read by others than its user.

    Args:
        folder: where the files are written.
    """
    files = dict(serve.files)

    def hidden(uri: str) -> str:
        if shown(uri) == uri:
            return uri
        name = f"uri-{len(files) - len(serve.files) + 1}{SECRET}"
        files[name] = folder / name
        files[name].touch(mode=0o600)
        files[name].write_text(f"{uri}\n", encoding="utf-8")
        return f"{URI_FILE}{FOLDER}/{name}"

    sources, sinks = tuple(map(hidden, serve.sources)), tuple(map(hidden, serve.sinks))
    return replace(serve, sources=sources, sinks=sinks, files=files)


def selection_of(bundle: Bundle, serve: ServeOptions, why_not: Availability) -> Selection:
    """What the board will run, of a bundle.

    Args:
        why_not: what is available on the board.

    Raises:
        DeviceError: nothing of what is requested is in the bundle, or is available there.
    """
    try:
        return select(bundle, Request(serve.backend), why_not)
    except BackendError as exc:
        raise DeviceError(str(exc)) from exc


def extras_of(bundle: Bundle, serve: ServeOptions, backend: str) -> list[str]:
    """The extras that this run needs on the board.

    Args:
        backend: that was selected.

    Raises:
        DeviceError: one is requested that edgenets has not.
    """
    known = importlib.metadata.metadata("edgenets").get_all("Provides-Extra") or []
    if unknown := set(serve.extras) - set(known):
        raise DeviceError(
            f"edgenets has no extra {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    found = {_EXTRAS.get(backend, backend), *serve.extras}
    found |= {extra for start, extra in _SINKS.items() if _any(serve.sinks, start)}
    if any(source.startswith(("mqtt:", "mqtts:")) for source in serve.sources):
        found.add("mqtt")
    wanted = {*task_of(bundle.spec.task).extras, *bundle.spec.extras}
    if serve.sources and all(re.match(r"null:|-$", s) for s in serve.sources):
        wanted -= {"mic"}  # no sound card is opened
    return sorted(found | wanted)


def devices_of(arguments: Sequence[str]) -> tuple[str, ...]:
    """The units of systemd that a run starts after: the cameras that it names."""
    cameras = [re.fullmatch(r"camera:(\d+)(\?.*)?", word) for word in arguments]
    return tuple(f"dev-video{found[1]}.device" for found in cameras if found)


def _any(uris: Sequence[str], start: str) -> bool:
    return any(uri.startswith(f"{start}:") for uri in uris)
