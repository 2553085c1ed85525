"""Mutated bundles: none may crash the process, none that was tampered with may be accepted.

Two kinds. *Tampered*: bytes of the file are changed; what it accepts must be what the bundle held
before. *Forged*: a member is changed and the manifest with it, as a hostile author does; it may be
refused or run, but only with one clear error. Each is tried in a worker, whose death is a crash.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from edgenets import archive, zoo
from edgenets.backend import Session
from edgenets.bundle import MANIFEST, Bundle
from edgenets.errors import EdgenetsError
from edgenets.runtime.load import load
from edgenets.selection import Request, select

# The smallest of each kind of pipeline.
_SHIPPED = ("anomaly", "image-classify", "embed", "forecast")

_PATIENCE = 60.0  # s for one bundle
_MEMORY = 512 << 20  # bytes that one may cost over what the process has anyway

Rng = np.random.Generator


@dataclass
class Tally:
    """What a campaign came to."""

    tried: int = 0
    refused: int = 0
    ran: int = 0  # forged ones that are a model still, or changes that touch nothing
    violations: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def attack(count: int, seed: int = 0) -> Tally:
    """Try so many bundles, of seeds from `seed` on."""
    tally = Tally()
    worker = _Worker()
    try:
        for at in range(seed, seed + count):
            kind, said = worker.ask(at)
            tally.tried += 1
            tally.kinds[kind] += 1
            if said == "refused":
                tally.refused += 1
            elif said == "ran":
                tally.ran += 1
            else:
                tally.violations.append(f"seed {at}, {kind}: {said}")
    finally:
        worker.close()
    return tally


class _Worker:
    """A process that tries one bundle after another, and is replaced when it dies."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, seed: int) -> tuple[str, str]:
        """What kind of change, and `refused`, `ran`, or what is wrong."""
        self._pipe.send(seed)
        kind = "?"
        try:
            while self._pipe.poll(_PATIENCE):
                word, text = self._pipe.recv()
                if word == "kind":
                    kind = text
                else:
                    return kind, text
            said = f"no answer in {_PATIENCE:.0f} s"
        except EOFError:
            self._process.join()
            code = self._process.exitcode or 0
            said = f"the process died: {signal.Signals(-code).name if code < 0 else code}"
        self.close()
        self._start()
        return kind, said

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (4 << 30)  # address space, of which little is used
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    originals = {name: _Original(zoo.find(name)) for name in _SHIPPED}
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        while True:
            try:
                seed = pipe.recv()
            except EOFError:
                return
            rng = np.random.default_rng(seed)
            original = originals[str(rng.choice(_SHIPPED))]
            mutate = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
            pipe.send(("kind", mutate.__name__.removeprefix("_")))
            path = Path(folder) / "mutated.edge"
            path.write_bytes(mutate(original, rng))
            pipe.send(("said", _try(path, original, mutate in _FORGED)))


class _Original:
    """A shipped bundle, taken apart."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        held = archive.Archive(path)
        self.members = {name: bytes(held.read(name)) for name in held.names}
        self.models = {
            name: data for name, data in self.members.items() if name.endswith((".tflite", ".onnx"))
        }


def _try(path: Path, original: _Original, forged: bool) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    try:
        bundle = Bundle(path)
        held = {name: bytes(bundle.read(name)) for name in bundle.manifest.members}
        bundle.card(), bundle.report(), bundle.verified()
        session = load(bundle, select(bundle, Request()))
        _run(bundle, session)
    except EdgenetsError:
        return _over(before) or "refused"
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    if not forged:
        # By what they hold: bundles of before call a folder otherwise.
        wanted = [data for name, data in original.members.items() if name != MANIFEST]
        if sorted(held.values()) != sorted(wanted):
            return "tampered with, and accepted"
    return _over(before) or "ran"


def _run(bundle: Bundle, session: Session) -> None:
    for info in bundle.artifact(session.artifact.id).inputs:
        if np.prod(info.shape, dtype=float) > 1e7:
            return
    session.reset()
    session.run({i.name: np.zeros(i.shape, i.dtype) for i in session.artifact.inputs})


def _over(before: int) -> str:
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
    return f"{grown >> 20} MB" if grown > _MEMORY else ""


def _flip(original: _Original, rng: Rng) -> bytes:
    data = bytearray(original.data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 9))):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _flip_in_directory(original: _Original, rng: Rng) -> bytes:
    data = bytearray(original.data)
    begin = data.rindex(b"PK\x05\x06")
    first = int.from_bytes(data[begin + 16 : begin + 20], "little")
    for at in rng.integers(first, len(data), size=int(rng.integers(1, 5))):
        data[at] = int(rng.choice([0, 0xFF, data[at] ^ 1 << int(rng.integers(8))]))
    return bytes(data)


def _cut(original: _Original, rng: Rng) -> bytes:
    return original.data[: int(rng.integers(len(original.data)))]


def _splice(original: _Original, rng: Rng) -> bytes:
    data = original.data
    at, begin = rng.integers(len(data), size=2)
    piece = data[begin : begin + int(rng.integers(1, 5000))]
    return data[:at] + piece + data[at:]


def _exchange(original: _Original, rng: Rng) -> bytes:
    """Two members of one size change places, or one takes the other's bytes."""
    one, other = (str(name) for name in rng.choice(sorted(original.members), 2, replace=False))
    return _packed({**original.members, one: original.members[other]})


def _forge_model(original: _Original, rng: Rng) -> bytes:
    """Bytes of a model are changed, and its SHA-256 with them."""
    name = str(rng.choice(sorted(original.models)))
    data = bytearray(original.models[name])
    for at in rng.integers(len(data), size=int(rng.integers(1, 6))):
        data[at] = int(rng.choice([0, 0xFF, 0x7F, 0x80, data[at] ^ 1 << int(rng.integers(8))]))
    return _forged(original, {name: bytes(data)})


def _forge_model_head(original: _Original, rng: Rng) -> bytes:
    """The same where tables and offsets are: the first and last kilobytes."""
    name = str(rng.choice(sorted(original.models)))
    data = bytearray(original.models[name])
    place = int(rng.integers(min(4096, len(data))))
    at = place if rng.random() < 0.5 else len(data) - 1 - place
    data[at] = int(rng.integers(256))
    return _forged(original, {name: bytes(data)})


def _forge_manifest(original: _Original, rng: Rng) -> bytes:
    """One value of the manifest is another: of another type, huge, negative, empty."""
    plain = json.loads(original.members[MANIFEST])
    places = list(_places(plain))
    parent, key = places[int(rng.integers(len(places)))]
    values = (None, -1, 0, 1e308, 2**63, "", "x" * 5000, [], {}, True, "../../etc/passwd", [[[[]]]])
    parent[key] = values[int(rng.integers(len(values)))]
    return _packed({**original.members, MANIFEST: json.dumps(plain).encode()})


def _forge_member(original: _Original, rng: Rng) -> bytes:
    """Another member (card, report, golden data, asset) is cut, random or empty, and consistent."""
    names = sorted(original.members.keys() - original.models.keys() - {MANIFEST})
    name = str(rng.choice(names))
    data = original.members[name]
    changed = (
        b"", data[: len(data) // 2], rng.bytes(len(data)), b"[" * 100_000, b"\xff\xfe" + data,
        data * 3,
    )[int(rng.integers(6))]  # fmt: skip
    return _forged(original, {name: changed})


_FORGED: tuple[Callable[[_Original, Rng], bytes], ...] = (
    _forge_model, _forge_model_head, _forge_manifest, _forge_member,
)  # fmt: skip
_MUTATIONS = (_flip, _flip_in_directory, _cut, _splice, _exchange, *_FORGED)


def _places(plain: object) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    if isinstance(plain, dict):
        pairs = list(plain.items())
    elif isinstance(plain, list):
        pairs = list(enumerate(plain))
    else:
        return found
    for key, value in pairs:
        found.append((plain, key))
        found += _places(value)
    return found


def _forged(original: _Original, changed: dict[str, bytes]) -> bytes:
    members = {**original.members, **changed}
    plain = json.loads(members[MANIFEST])
    for name, data in changed.items():
        entry = plain["members"][name]
        entry["sha256"], entry["size"] = hashlib.sha256(data).hexdigest(), len(data)
    return _packed({**members, MANIFEST: json.dumps(plain).encode()})


def _packed(members: dict[str, bytes]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        path = Path(folder) / "packed.edge"
        archive.write(path, members)
        return path.read_bytes()


if __name__ == "__main__":
    found = attack(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    print(found)
