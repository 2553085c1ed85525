"""The one rule for which artifact of a bundle runs, on which backend and with how many threads.

`run`, `eval`, `bench` and the service on a board ask it for the machine they are on; `deploy`,
`preflight`, fleets and releases ask it for a board. In this order:

1. what was requested: a backend, a precision, a number of threads;
2. what `edgenets choose` recorded in the bundle, where its backend is available;
3. the fastest artifact whose backend is available, by `RANKING`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgenets import backend as backends
from edgenets.artifact import Artifact, Precision
from edgenets.bundle import Bundle
from edgenets.choice import Chosen, choice_of
from edgenets.errors import BackendError

# From the fastest on: what `edgenets bench` shows for steps of compact models on CPUs. TFLite's
# step costs a few microseconds, where ONNX Runtime and OpenVINO pay tens for entering a session.
# What was compiled for an accelerator comes first: somebody wanted it there.
RANKING: tuple[tuple[str, Precision], ...] = (
    ("edgetpu", "int8"),
    ("tflite", "int8"), ("tflite", "dynamic"), ("tflite", "fp32"), ("tflite", "fp16"),
    ("openvino", "int8"), ("openvino", "fp32"), ("openvino", "fp16"), ("openvino", "dynamic"),
    ("onnx", "fp32"), ("onnx", "dynamic"), ("onnx", "fp16"), ("onnx", "int8"),
    ("tflite", "int16x8"), ("onnx", "int16x8"),
)  # fmt: skip

# Says of a backend why it is not available on a machine, or None where it is.
Availability = Callable[[str], str | None]


@dataclass(frozen=True)
class Request:
    """What the caller insists on; None: whatever is best."""

    backend: str | None = None  # `null` runs any artifact without computing it
    precision: Precision | None = None
    threads: int | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.backend, self.precision)))


@dataclass(frozen=True)
class Selection:
    """An artifact, how it runs, and why it was taken."""

    artifact: Artifact
    backend: str
    reason: str
    threads: int = 1


def this_machine(backend: str) -> str | None:
    """Availability on the machine that this process runs on."""
    return backends.why_not(backend)


def select(
    bundle: Bundle, request: Request | None = None, why_not: Availability = this_machine
) -> Selection:
    """The artifact that a machine runs.

    Args:
        why_not: what is available on that machine.

    Raises:
        BackendError: nothing of what was requested is in the bundle, or is available there.
    """
    request = request or Request()
    candidates = _candidates(bundle, request)
    if request.backend == "null":
        reason = "the null backend was requested"
        return Selection(candidates[0], "null", reason, request.threads or 1)
    recorded = None if str(request) else choice_of(bundle)
    unavailable = []
    if recorded is not None:
        if found := _recorded(bundle, recorded, request.threads, why_not):
            return found
        unavailable.append(bundle.artifact(recorded.id).form)
    for artifact in candidates:
        name = request.backend or backends.backend_of(artifact)
        if why_not(name) is None:
            return Selection(artifact, name, _ranked(request, unavailable), request.threads or 1)
        unavailable.append(artifact.form)
    name = request.backend or backends.backend_of(candidates[0])
    names = ", ".join(dict.fromkeys(unavailable))
    raise BackendError(f"{bundle.path}: none of {names} can run. {why_not(name)}")


def _candidates(bundle: Bundle, request: Request) -> list[Artifact]:
    """Artifacts that would do, the fastest first, whether or not their backend is available.

    Raises:
        BackendError: no artifact would do, or there is no such backend.
    """
    if request.backend not in (None, *backends.BACKENDS):
        raise BackendError(
            f"no backend '{request.backend}'; there are {', '.join(backends.BACKENDS)}"
        )
    # Of a model of several networks the last one answers; the others come with it.
    answers = bundle.spec.parts[-1] if bundle.spec.parts else ""
    found = [
        a
        for a in bundle.artifacts
        if a.part == answers
        and request.precision in (None, a.precision)
        and (request.backend in (None, "null") or backends.runs(request.backend, a))
    ]
    if not found:
        have = ", ".join(a.id for a in bundle.artifacts)
        raise BackendError(f"{bundle.path}: nothing for {request}; it has {have}")
    return sorted(found, key=_rank)


def _recorded(
    bundle: Bundle, recorded: Chosen, threads: int | None, why_not: Availability
) -> Selection | None:
    """What `edgenets choose` recorded, by the requested threads or its own; None: it cannot run."""
    artifact = bundle.artifact(recorded.id)
    name = recorded.backend or backends.backend_of(artifact)
    if not backends.runs(name, artifact) or why_not(name) is not None:
        return None
    return Selection(artifact, name, _measured(recorded), threads or recorded.threads)


def _rank(artifact: Artifact) -> int:
    key = (artifact.format, artifact.precision)
    return RANKING.index(key) if key in RANKING else len(RANKING)


def _measured(recorded: Chosen) -> str:
    return (
        f"chosen by measurement on {recorded.machine}: p95 {recorded.p95_us / 1e3:.3g} ms "
        f"(limits: {recorded.limits})"
    )


def _ranked(request: Request, unavailable: list[str]) -> str:
    reason = f"requested: {request}" if str(request) else "the fastest variant available"
    names = ", ".join(dict.fromkeys(unavailable))
    return reason + (f" (not available: {names})" if names else "")
