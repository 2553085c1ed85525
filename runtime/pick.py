"""From measurements to the one artifact to run, and why none of the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.choice import Chosen, Limits, is_front, size, this_machine

from .bench import Row

# 0.95 − 0.945 is more than 0.005 in binary fractions.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Candidate:
    """An artifact with a number of threads, measured."""

    id: str
    threads: int
    p95_us: float
    bytes: int  # of all networks of its model
    metric: float | None  # as it was verified
    loss: float | None  # from the float model, the same
    front: bool = False  # whether no other is better in time, size and loss alike
    backend: str = ""  # that runs it, where that is not its format's own

    @property
    def name(self) -> str:
        """For people."""
        name = f"{self.id} by {self.backend}" if self.backend else self.id
        return f"{name} × {self.threads}" if self.threads > 1 else name

    def is_chosen(self, chosen: Chosen) -> bool:
        """Whether it was taken."""
        own = (self.id, self.threads, self.backend)
        return own == (chosen.id, chosen.threads, chosen.backend)


def candidates(bundle: Bundle, rows: Sequence[Row]) -> tuple[Candidate, ...]:
    """What could be run, from what was measured; the fastest first."""
    verified, reference = bundle.verified(), bundle.reference()
    answers = bundle.spec.parts[-1] if bundle.spec.parts else ""
    sizes: dict[str, int] = {}
    for artifact in bundle.artifacts:
        sizes[artifact.form] = sizes.get(artifact.form, 0) + bundle.size(artifact)
    found = []
    for row in rows:
        if row.part != answers:
            continue
        artifact = bundle.artifact(row.id)
        metric = verified.get(_proven(bundle, artifact))
        loss = None
        if metric is not None and reference is not None:
            loss = bundle.metric.loss(reference, metric)
        found.append(
            Candidate(
                artifact.id, row.threads, row.p95_us, sizes[artifact.form], metric, loss,
                backend=row.backend if row.format else "",
            )
        )  # fmt: skip
    ordered = sorted(found, key=lambda c: (c.p95_us, c.bytes))
    return tuple(replace(c, front=_is_front(c, ordered)) for c in ordered)


def _proven(bundle: Bundle, artifact: Artifact) -> str:
    """Id of the artifact whose figures are a compiled one's: what it was compiled from."""
    for other in bundle.artifacts if artifact.compiled_from else ():
        member = bundle.manifest.members[f"artifacts/{other.files[0]}"]
        if member.sha256 == artifact.compiled_from:
            return other.id
    return artifact.id


def _is_front(one: Candidate, every: Sequence[Candidate]) -> bool:
    def figures(c: Candidate) -> tuple[float, float, float]:
        return c.p95_us, c.bytes, c.loss if c.loss is not None else math.inf

    return is_front(figures(one), map(figures, every))


def pick(found: Sequence[Candidate], limits: Limits) -> Chosen | None:
    """The fastest that keeps the limits; None where none does.

    Args:
        found: the fastest first.
    """
    reasons = {c.name: "; ".join(broken(c, limits)) for c in found}
    kept = [c for c in found if not reasons[c.name]]
    if not kept:
        return None
    best, *slower = kept
    for other in slower:
        reasons[other.name] = f"slower: p95 {other.p95_us:.1f} µs against {best.p95_us:.1f}"
    del reasons[best.name]
    return Chosen(
        best.id, best.threads, best.p95_us, best.bytes, best.metric, this_machine(), limits,
        reasons, best.backend,
    )  # fmt: skip


def broken(one: Candidate, limits: Limits) -> Iterator[str]:
    """Which limits a candidate does not keep."""
    if limits.p95_us is not None and one.p95_us > limits.p95_us:
        yield f"p95 {one.p95_us / 1e3:.3g} ms is over {limits.p95_us / 1e3:g} ms"
    if limits.drop is not None:
        if one.loss is None:
            yield "no figure says what it loses"
        elif one.loss > limits.drop + _ROUNDING:
            yield f"loses {100 * one.loss:.2f}, more than {100 * limits.drop:g}"
    if limits.bytes is not None and one.bytes > limits.bytes:
        yield f"{size(one.bytes)} is over {size(limits.bytes)}"
