"""Which artefact of a bundle this machine should run, and why."""

from __future__ import annotations

from dataclasses import dataclass

from edgenets import backend
from edgenets.artefact import Artefact, Precision
from edgenets.bundle import Bundle
from edgenets.choice import choice_of
from edgenets.errors import BackendError

# From the fastest on: what `edgenets bench` shows for steps of compact nets on CPUs. TFLite's
# step costs a few microseconds, where ONNX Runtime and OpenVINO pay tens for entering a session.
# What was compiled for an accelerator comes first: somebody wanted it there.
_ORDER: tuple[tuple[str, Precision], ...] = (
    ("edgetpu", "int8"),
    ("tflite", "int8"), ("tflite", "dynamic"), ("tflite", "fp32"), ("tflite", "fp16"),
    ("openvino", "int8"), ("openvino", "fp32"), ("openvino", "fp16"), ("openvino", "dynamic"),
    ("onnx", "fp32"), ("onnx", "dynamic"), ("onnx", "fp16"), ("onnx", "int8"),
    ("tflite", "int16x8"), ("onnx", "int16x8"),
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """An artefact, the backend that runs it, and why it was taken."""

    artefact: Artefact
    backend: str
    reason: str
    threads: int = 1  # that were chosen with it


def choose(
    bundle: Bundle, backend_name: str | None = None, precision: Precision | None = None
) -> Choice:
    """The fastest artefact that this machine can run.

    Args:
        backend_name: take no other backend; `null` runs anything without computing it.
        precision: take no other precision.

    Raises:
        BackendError: nothing of what was asked for is in the bundle, or can be run here.
    """
    asked = " ".join(filter(None, (backend_name, precision)))
    if not asked and (chosen := choice_of(bundle)) is not None:
        artefact = bundle.artefact(chosen.id)
        name = chosen.backend or backend.backend_of(artefact)
        if backend.runs(name, artefact) and backend.why_not(name) is None:
            return Choice(
                artefact, name, f"chosen by measurement on {chosen.machine}: p95 "
                f"{chosen.p95_us / 1e3:.3g} ms (limits: {chosen.limits})", chosen.threads,
            )  # fmt: skip
    if backend_name is not None and backend_name not in backend.BACKENDS:
        raise BackendError(f"no backend '{backend_name}'; there are {', '.join(backend.BACKENDS)}")
    # Of a model of several nets the last one answers; the others come with it.
    answers = bundle.spec.parts[-1] if bundle.spec.parts else ""
    candidates = sorted(
        (a for a in bundle.artefacts if precision in (None, a.precision) and a.part == answers),
        key=_rank,
    )
    if backend_name == "null" and candidates:
        return Choice(candidates[0], "null", "the null backend was asked for")
    if backend_name is not None:
        candidates = [a for a in candidates if backend.runs(backend_name, a)]
    if not candidates:
        have = ", ".join(a.id for a in bundle.artefacts)
        raise BackendError(f"{bundle.path}: nothing for {asked}; it has {have}")
    passed_over: list[str] = []
    for artefact in candidates:
        name = backend_name or backend.backend_of(artefact)
        obstacle = backend.why_not(name)
        if obstacle is None:
            why = f"asked for {asked}" if asked else "the fastest form that this machine can run"
            if passed_over:
                why += f" (not {', '.join(passed_over)}: not to be had here)"
            return Choice(artefact, name, why)
        passed_over.append(artefact.form)
    raise BackendError(
        f"{bundle.path}: none of {', '.join(passed_over)} can be run here. "
        f"{backend.why_not(backend_name or backend.backend_of(candidates[0]))}"
    )


def load(bundle: Bundle, choice: Choice, options: backend.Options | None = None) -> backend.Session:
    """Load what was chosen; of a model of two nets a `Coupled`."""
    files = bundle.files(choice.artefact)
    options = options or backend.Options(threads=choice.threads)
    session = backend.load(choice.backend, choice.artefact, files, options)
    if choice.artefact.part != "decoder":
        return session
    other = bundle.other_half(choice.artefact, "encoder")
    encoder = backend.load(choice.backend, other, bundle.files(other), options)
    return backend.Coupled(encoder, session)


def _rank(artefact: Artefact) -> int:
    key = (artefact.format, artefact.precision)
    return _ORDER.index(key) if key in _ORDER else len(_ORDER)
