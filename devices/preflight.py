"""`preflight`: will a bundle run on a board? Asked before anything is written.

Of a board that can be asked, what it says of itself counts; of one that is only named, its
profile. Nothing here is measured: a finding is what is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgenets.bundle import Bundle
from edgenets.findings import Finding
from edgenets.selection import Selection
from edgenets.tasks import task_of

from .board import dotted
from .deploy import needs
from .place import LEAST_FREE_MB, OLDEST_PYTHON, Place, obstacles, of_board
from .requirements import packages_of

__all__ = ["of_board", "preflight"]

# Peak memory of a service by backend, with kws-gru, and what images add (object-detect), measured
# on x86-64; docs/measurements.md. Arm's differ little: most of it is NumPy and the interpreter.
# An accelerator's own library adds to its interpreter's; how much was not measured.
_SERVICE_MB = {"tflite": 60, "onnx": 75, "openvino": 115, "edgetpu": 60}
_IMAGES_MB = 50

# Of an accelerator: artifacts that it takes, what has it run them, and how to come to one.
_RUNNERS = {
    "Coral": (
        ("edgetpu-int8",),
        "--backend edgetpu has the accelerator do it",
        "`edgenets attach` makes one",
    ),
    "NVIDIA": (
        ("onnx-fp16", "onnx-fp32"),
        "on the board itself, `edgenets run --backend tensorrt` has the GPU do it",
        "`edgenets convert --to onnx --precision fp16` makes one",
    ),
}

# What an OS and its file cache need beside it.
_SYSTEM_MB = 160


def preflight(
    bundle: Bundle, place: Place, serve: needs.ServeOptions | None = None
) -> list[Finding]:
    """Look at everything that is known to stop a bundle on a board.

    Raises:
        DeviceError: nothing of what is requested is in the bundle, or is available there.
    """
    return list(_findings(bundle, place, serve or needs.ServeOptions()))


def _findings(bundle: Bundle, place: Place, serve: needs.ServeOptions) -> Iterator[Finding]:
    selected = needs.selection_of(bundle, serve, place.why_not)
    yield from _system(place)
    text = f"{selected.artifact.form} on {selected.backend}: {selected.reason}"
    yield Finding("well", "artifact", text)
    yield from _wheels(bundle, place, serve, selected.backend)
    yield _memory(bundle, place, selected)
    yield from _senses(bundle, place)
    yield from _accelerators(bundle, place, selected.backend)
    for hint in place.hints:
        yield Finding("note", "board", hint)


def _system(place: Place) -> Iterator[Finding]:
    """What any release needs; what a board lacks of it stops it."""
    stops = dict(obstacles(place))
    yield from (Finding("stop", about, text) for about, text in stops.items())
    have = {
        "architecture": place.architecture,
        "Python": dotted(place.python) + (", brought" if place.own else "") if place.python else "",
        "disk": ""
        if place.free_mb is None
        else f"{place.free_mb:,} MB are free; {LEAST_FREE_MB} MB are needed",
    }
    for about, text in have.items():
        if text and about not in stops:
            yield Finding("well", about, text)


def _wheels(
    bundle: Bundle, place: Place, serve: needs.ServeOptions, backend: str
) -> Iterator[Finding]:
    wanted = packages_of(needs.extras_of(bundle, serve, backend), place.python or OLDEST_PYTHON)
    if place.wheels is None:
        yield Finding(
            "note",
            "wheels",
            f"not known beforehand: {', '.join(wanted)}; `edgenets "
            f"deploy` asks the index before it changes anything",
        )
        return
    missing = [package for package in wanted if package not in place.wheels]
    if missing:
        yield Finding("stop", "wheels", f"none for this board: {', '.join(missing)}")
    else:
        yield Finding("well", "wheels", ", ".join(wanted))


def _memory(bundle: Bundle, place: Place, selected: Selection) -> Finding:
    parts = [a for a in bundle.artifacts if a.form == selected.artifact.form]
    weights = sum(map(bundle.size, parts)) >> 20
    images = _IMAGES_MB if task_of(bundle.spec.task).medium == "images" else 0
    need = _SERVICE_MB[selected.backend] + images + 3 * weights
    text = f"{place.memory_mb:,} MB; about {need} MB for the service by {selected.backend}"
    return Finding("well" if need + _SYSTEM_MB <= place.memory_mb else "stop", "memory", text)


def _senses(bundle: Bundle, place: Place) -> Iterator[Finding]:
    medium = task_of(bundle.spec.task).medium
    image = medium == "images"
    if medium == "lines":
        yield Finding("note", "source", "this model reads lines: `--source mqtt://broker/topic`")
        return
    count = place.cameras if image else place.microphones
    sense = "camera" if image else "microphone"
    if count is None:
        sound = "" if image else ", and PortAudio: libportaudio2"
        text = f"this model needs one; `edgenets device probe` reports whether there is one{sound}"
        yield Finding("note", sense, text)
    elif count:
        yield Finding("well", sense, f"{count}")
    else:
        yield Finding("note", sense, "there is none just now; other sources are `--source URI`")


def _accelerators(bundle: Bundle, place: Place, backend: str) -> Iterator[Finding]:
    for name in place.accelerators:
        taken, run, make = _RUNNERS["NVIDIA" if "NVIDIA" in name else "Coral"]
        if backend == "edgetpu" and "NVIDIA" not in name:
            yield Finding("well", name, f"does the work, by {backend}")
        elif any(a.form in taken for a in bundle.artifacts):
            yield Finding("note", name, f"its processor does the work, by {backend}; {run}")
        else:
            yield Finding(
                "note",
                name,
                f"{bundle.path.name} has no artifact for it; its processor does the work. {make}",
            )
