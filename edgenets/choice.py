"""Which of its artifacts a bundle's user chose by measurement, and why."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgenets import bundle as bundles
from edgenets import records
from edgenets.backend import Options
from edgenets.bundle import Bundle
from edgenets.errors import BundleError, RecordError

CHOICE = "choice.json"

_MODEL = Path("/proc/device-tree/model")
_PROCESSORS = Path("/proc/cpuinfo")


def size(count: int) -> str:
    """Bytes for people; a kB is 1,024 of them."""
    return f"{count} B" if count < 1024 else f"{count / 1024:.4g} kB"


@dataclass(frozen=True)
class Limits:
    """What an artifact must keep; None: anything."""

    p95_us: float | None = None  # of a step, or of an image
    drop: float | None = None  # of the task's metric, from the float model; see `Metric.loss`
    bytes: int | None = None  # of its files

    def __str__(self) -> str:
        parts = []
        if self.p95_us is not None:
            parts.append(f"p95 ≤ {self.p95_us / 1e3:g} ms")
        if self.drop is not None:
            parts.append(f"loss ≤ {100 * self.drop:g}")
        if self.bytes is not None:
            parts.append(f"size ≤ {size(self.bytes)}")
        return ", ".join(parts) or "none"


@dataclass(frozen=True)
class Chosen:
    """An artifact, how it is to be run, and what spoke for it."""

    id: str
    threads: int
    p95_us: float
    bytes: int
    metric: float | None  # of the task, as it was verified
    machine: str  # on which it was measured
    limits: Limits
    others: dict[str, str] = field(default_factory=dict)  # why not, by artifact and threads
    backend: str = ""  # that runs it, where that is not its format's own

    def __post_init__(self) -> None:
        Options(threads=self.threads)


def is_front(own: Sequence[float], every: Iterable[Sequence[float]]) -> bool:
    """Whether nothing is as good in all figures and better in one; less is better."""
    return not any(
        other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in every
    )


def this_machine() -> str:
    """A board's model or a processor's name, and its cores."""
    try:
        name = _MODEL.read_text(errors="replace").strip("\0 \n")
    except OSError:
        name = ""
    if not name:
        try:
            lines = _PROCESSORS.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def choice_of(bundle: Bundle) -> Chosen | None:
    """What was chosen, if anything was.

    Raises:
        BundleError: what is written there is none, or of an artifact that is not there.
    """
    if CHOICE not in bundle.manifest.members:
        return None
    where = f"{bundle.path}: {CHOICE}"
    try:
        found = records.parse(Chosen, json.loads(bytes(bundle.read(CHOICE))))
    except (RecordError, ValueError) as exc:
        raise BundleError(f"{where}: {exc}") from exc
    if found.id not in {a.id for a in bundle.artifacts}:
        raise BundleError(f"{where}: chooses {found.id}, which is not there")
    return found


def record(bundle: Bundle, chosen: Chosen, out: Path) -> None:
    """Write the bundle anew, with a choice in it; whole or not at all."""
    artifacts, others = bundle.contents()
    text = json.dumps(records.to_plain(chosen), indent=1, ensure_ascii=False, allow_nan=False)
    manifest = bundle.manifest
    bundles.write(
        out,
        manifest.spec,
        artifacts,
        {**others, CHOICE: text.encode()},
        manifest.licence,
        manifest.made_by,
    )
