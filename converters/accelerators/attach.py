"""Putting what a compiler made into the bundle whose artifact it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets import bundle as bundles
from edgenets import records
from edgenets.archive import member_name
from edgenets.artifact import Artifact, id_of
from edgenets.bundle import REPORT, Bundle, golden_name
from edgenets.choice import CHOICE
from edgenets.errors import ModelError
from edgenets.files import replacing

from ..formats import Written
from . import edgetpu, edgetpu_compiler
from .said import Said


@dataclass(frozen=True)
class Attached:
    """An artifact that was put in, and what is known of it."""

    id: str
    compiled_from: str  # id of an artifact
    bytes: int
    said: Said
    before: int  # bytes of what it was compiled from


def attach(bundle: Bundle, files: Sequence[Path], out: Path) -> tuple[Attached, ...]:
    """Write a bundle anew with artifacts for the Edge TPU in it; whole or not at all. What was
    chosen by measurement before is no choice any more.

    Args:
        files: `*_edgetpu.tflite`, one per network of the model; a `.log` of the same name beside
            one is read. None: the compiler on the PATH makes them.
        out: the bundle to write; may be the same.

    Raises:
        ModelError: the bundle has nothing to compile, or a file was made of something else.
        MissingExtra: the compiler is needed, and is not on the PATH.
        ConversionError: the compiler refuses an artifact.
    """
    made = _made(bundle, files)
    artifacts, others = bundle.contents()
    if absent := {golden_name(given.artifact) for given, _ in made} - others.keys():
        raise ModelError(f"{bundle.path}: has no {min(absent)}, which the board is held against")
    known = {w.artifact.id for _, w in made}
    artifacts = {a: f for a, f in artifacts.items() if a.id not in known}
    found = []
    for given, written in made:
        artifacts[written.artifact] = written.files
        # No machine here can run it: what its source answers, it must answer on the board.
        others[golden_name(written.artifact)] = others[golden_name(given.artifact)]
        said = written.said or Said()
        found.append(
            Attached(written.artifact.id, given.artifact.id, written.size, said, given.size)
        )
    others[REPORT] = _reported(bundle, found)
    others.pop(CHOICE, None)  # it was made among the others alone
    manifest = bundle.manifest
    bundles.write(out, manifest.spec, artifacts, others, manifest.licence, manifest.made_by)
    return tuple(found)


def _made(bundle: Bundle, files: Sequence[Path]) -> list[tuple[Written, Written]]:
    """Each artifact that an Edge TPU could run, and what it was compiled to."""
    sources = sources_of(bundle)
    if not files:
        return [(given, edgetpu.compiled(given)) for given in sources]
    made = [_of(path, sources) for path in files]
    wanted = sorted(id_of("edgetpu", "int8", given.artifact.part) for given in sources)
    if sorted(written.artifact.id for _, written in made) != wanted:
        raise ModelError(
            f"{bundle.path}: of {', '.join(s.artifact.id for s in sources)} each needs one file"
        )
    return made


def extract(bundle: Bundle, folder: Path) -> list[Path]:
    """Write what is to be compiled to a folder, for a machine that has the compiler."""
    paths = []
    for given in sources_of(bundle):
        (content,) = given.files.values()
        part = f"-{given.artifact.part}" if given.artifact.part else ""
        # A bundle's name is its maker's; no file is written to another place for it.
        path = folder / f"{member_name(bundle.spec.name)}{part}.tflite"
        if path.exists() and path.read_bytes() != content:
            raise ModelError(
                f"{path}: is there already, and another file; extract to another folder"
            )
        with replacing(path) as beside:
            beside.write_bytes(content)
        paths.append(path)
    return paths


def sources_of(bundle: Bundle) -> list[Written]:
    """The artifacts of a bundle that an Edge TPU could run.

    Raises:
        ModelError: there is none.
    """
    found = [
        Written(a, bundle.files(a))
        for a in bundle.artifacts
        if a.format == "tflite" and a.precision == "int8"
    ]
    if not found:
        have = ", ".join(a.id for a in bundle.artifacts)
        raise ModelError(
            f"{bundle.path}: has no tflite-int8, of which an Edge TPU's artifact is made; it has "
            f"{have}"
        )
    return found


def _of(path: Path, sources: Sequence[Written]) -> tuple[Written, Written]:
    """What a file was compiled from, and the file as an artifact."""
    try:
        model = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{path}: cannot be read: {exc.strerror}") from exc
    why: dict[Artifact, str] = {}
    for given in sources:
        reasons = list(edgetpu.obstacles(path, model, given))
        if not reasons:
            return given, edgetpu.of_file(path, model, given, _log_beside(path))
        why[given.artifact] = "; ".join(reasons)
    if len(sources) == 1:
        raise ModelError(f"{path}: {next(iter(why.values()))}")
    raise ModelError(
        f"{path}: was compiled from none of the bundle's artifacts"
        + "".join(f"\n  {a.id}: {text}" for a, text in why.items())
    )


def _log_beside(path: Path) -> Said | None:
    log = path.with_suffix(".log")
    try:
        return edgetpu_compiler.parse(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def _reported(bundle: Bundle, found: Sequence[Attached]) -> bytes:
    """The bundle's report with what compilers said in it."""
    report = bundle.report()
    before = report.get("compiled")
    kept = [x for x in before if isinstance(x, dict)] if isinstance(before, list) else []
    ids = {one.id for one in found}
    entries = [x for x in kept if x.get("id") not in ids] + [records.to_plain(x) for x in found]
    return json.dumps({**report, "compiled": entries}, indent=1, allow_nan=False).encode()
