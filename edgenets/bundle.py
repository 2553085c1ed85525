"""Bundles: one `.edge` file that runs on any board.

    manifest.json       what is in it (this module's `Manifest`), SHA-256 of every other member
    artifacts/…         the model, in the formats and precisions that passed the gate
    golden/sound.pcm    16-bit mono sound to try it with, at the model's sample rate, or
    golden/image.png    an image in the model's size, or
    golden/tokens.i32   numbers of tokens, or
    golden/frames.f32   numbers as the model takes them
    golden/given-NAME.f32  what a decoder is given once a sentence
    golden/ID.f32       what each artifact answers to it: float32, step after step
    pieces.model        of a model that translates: what divides text (sentencepiece)
    weights.…           what a training can go on from; see `edgenets.weights`
    report.json         the verification report
    card.md             the model card: data, figures, limits, licences

A bundle is read from the file as it is; nothing is unpacked. Bundles of format 1 have `artefacts/`
and `golden/picture.png`; they are read as if they had today's names. Those of format 2 carry no
weights, and learn no words.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import archive, records
from edgenets.arrays import Array
from edgenets.artifact import Artifact, Part
from edgenets.errors import BundleError, RecordError
from edgenets.files import Json
from edgenets.metrics import Metric, metric_of
from edgenets.signature import check_face
from edgenets.spec import ModelSpec
from edgenets.stepspec import StreamSpec

FORMAT_VERSION = 3
SUFFIX = ".edge"
MANIFEST, REPORT, CARD = "manifest.json", "report.json", "card.md"
GOLDEN_SOUND, GOLDEN_IMAGE = "golden/sound.pcm", "golden/image.png"
GOLDEN_TOKENS, GOLDEN_FRAMES = "golden/tokens.i32", "golden/frames.f32"


# A manifest of a thousand artifacts is shorter.
_LONGEST_MANIFEST = 4 << 20


@dataclass(frozen=True)
class Member:
    """What a member must be."""

    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Manifest:
    """The table of contents."""

    format_version: int
    spec: ModelSpec
    artifacts: tuple[Artifact, ...]
    members: dict[str, Member]
    licence: str  # of the model, as an SPDX expression or a sentence
    made_by: str  # package and version

    def __post_init__(self) -> None:
        ids = [a.id for a in self.artifacts]
        if not ids or len(set(ids)) != len(ids):
            raise ValueError("a bundle has artifacts, each of another format and precision")
        for artifact in self.artifacts:
            missing = {f"artifacts/{f}" for f in artifact.files} - self.members.keys()
            if missing:
                raise ValueError(f"{artifact.id}: {', '.join(sorted(missing))} is no member")
            check_face(self.spec, artifact)
            self._check_compiled(artifact)
        for form in {a.form for a in self.artifacts} if self.spec.parts else ():
            if absent := {f"{form}-{part}" for part in self.spec.parts} - set(ids):
                raise ValueError(f"{form}: {min(absent)} is missing beside its other half")
        if absent := set(self.spec.assets) - self.members.keys():
            raise ValueError(f"{min(absent)}, which the model needs, is no member")

    def _check_compiled(self, artifact: Artifact) -> None:
        """What a compiler made is there beside what passed the gate, of which it made it."""
        if not artifact.compiled_from:
            return
        proven = {
            self.members[f"artifacts/{a.files[0]}"].sha256
            for a in self.artifacts
            if not a.compiled_from
        }
        if artifact.compiled_from not in proven:
            raise ValueError(f"{artifact.id}: was compiled from an artifact that is not there")


class Bundle:
    """An open bundle."""

    def __init__(self, path: str | Path) -> None:
        """Open a bundle and check its table of contents.

        Raises:
            BundleError: it is damaged, hostile, of a newer version, or no bundle.
        """
        self.path = Path(path)
        self._archive = archive.Archive(self.path)
        self.manifest = self._manifest()
        # Names of today → those in the file.
        self._stored = {_of_today(name): name for name in self._archive.names}
        stray = self._stored.keys() - self.manifest.members.keys() - {MANIFEST}
        stray |= set(self._archive.names) - set(self._stored.values())
        if stray:
            raise BundleError(f"{self.path}: tampered with: '{min(stray)}' is not in its manifest")

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.manifest.spec

    def with_spec(self, spec: ModelSpec) -> Bundle:
        """The same bundle, open, with another spec of its model."""
        found = copy.copy(self)
        found.manifest = dataclasses.replace(self.manifest, spec=spec)
        return found

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The model's forms."""
        return self.manifest.artifacts

    def artifact(self, id: str) -> Artifact:
        """One artifact by its id, such as `tflite-int8`.

        Raises:
            BundleError: there is none.
        """
        for artifact in self.artifacts:
            if artifact.id == id:
                return artifact
        have = ", ".join(a.id for a in self.artifacts)
        raise BundleError(f"{self.path}: has no artifact '{id}'; it has {have}")

    # As scripts of before call them.
    artefacts, artefact = artifacts, artifact

    def other_half(self, artifact: Artifact, part: Part) -> Artifact:
        """The artifact of another network of the model, in the same form."""
        return self.artifact(f"{artifact.form}-{part}")

    def read(self, name: str) -> memoryview:
        """The bytes of a member, held against its SHA-256.

        Raises:
            BundleError: it is missing, damaged or tampered with.
        """
        data = self._archive.read(self._stored.get(name, name))
        member = self.manifest.members.get(name)
        if member is None:
            raise BundleError(f"{self.path}: '{name}' is not in the manifest")
        if len(data) != member.size or hashlib.sha256(data).hexdigest() != member.sha256:
            raise BundleError(f"{self.path}: damaged or tampered with: '{name}' fails its SHA-256")
        return data

    def files(self, artifact: Artifact) -> dict[str, bytes]:
        """The files of an artifact, by name; errors as `read`."""
        return {name: bytes(self.read(f"artifacts/{name}")) for name in artifact.files}

    def contents(self) -> tuple[dict[Artifact, dict[str, bytes]], dict[str, bytes]]:
        """The files of every artifact, and every other member by name, as `write` takes them.

        Raises:
            BundleError: a member is damaged.
        """
        artifacts = {a: self.files(a) for a in self.artifacts}
        own = {f"artifacts/{name}" for files in artifacts.values() for name in files}
        others = {n: bytes(self.read(n)) for n in self.manifest.members if n not in own}
        return artifacts, others

    def size(self, artifact: Artifact) -> int:
        """Bytes of an artifact's files."""
        return sum(self.manifest.members[f"artifacts/{name}"].size for name in artifact.files)

    def golden_sound(self) -> NDArray[np.int16]:
        """The sound to try the model with, (samples,) int16; errors as `read`."""
        return self._numbers(GOLDEN_SOUND, np.dtype("<i2"), 1)

    def golden_image(self) -> bytes:
        """The PNG to try the model with; errors as `read`."""
        return bytes(self.read(GOLDEN_IMAGE))

    def golden_tokens(self, count: int) -> NDArray[np.int32]:
        """The tokens to try the model with, (tokens,) int32; errors as `read`.

        Args:
            count: of the tokens that the model knows.
        """
        tokens: NDArray[np.int32] = self._numbers(GOLDEN_TOKENS, np.dtype("<i4"), 1)
        if tokens.min() < 0 or tokens.max() >= count:
            raise BundleError(f"{self.path}: damaged: a golden token is none of {count}")
        return tokens

    def golden_given(self, name: str, width: int) -> NDArray[np.float32]:
        """What a decoder is given to be tried, (rows, width) float32; errors as `read`."""
        return self._numbers(given_name(name), np.dtype("<f4"), width).reshape(-1, width)

    def golden_frames(self) -> NDArray[np.float32]:
        """The frames to try the model with, (frames, numbers) float32; errors as `read`."""
        width: int = self.spec.input.width
        return self._numbers(GOLDEN_FRAMES, np.dtype("<f4"), width).reshape(-1, width)

    def golden_output(self, artifact: Artifact) -> NDArray[np.float32]:
        """What an artifact answers to the golden data; errors as `read`.

        Returns:
            (steps, scores) float32 of a model that is run step by step, (n,) of others.
        """
        name = golden_name(artifact)
        if isinstance(self.spec, StreamSpec):
            scores = sum(info.shape[-1] for info in artifact.outputs)
            return self._numbers(name, np.dtype("<f4"), scores).reshape(-1, scores)
        return self._numbers(name, np.dtype("<f4"), 1)

    def report(self) -> Json:
        """The verification report; errors as `read`. What is in it is as its maker wrote it."""
        return _json(bytes(self.read(REPORT)), f"{self.path}: {REPORT}")

    def verified(self) -> dict[str, float]:
        """The task's metric of each artifact by its id, as far as the report has it."""
        verdicts = self.report().get("verdicts")
        rows = [v for v in verdicts if isinstance(v, dict)] if isinstance(verdicts, list) else []
        # Reports of the first version called every metric accuracy.
        found = {str(row.get("id")): row.get("metric", row.get("accuracy")) for row in rows}
        return {id: value for id, value in found.items() if isinstance(value, float)}

    @property
    def metric(self) -> Metric:
        """What the model was verified by."""
        name = self.report().get("metric")
        return metric_of(name if isinstance(name, str) else "accuracy")

    def reference(self) -> float | None:
        """The same figure of the float model that the artifacts came from, if the report has it."""
        report = self.report()
        found = report.get("reference", report.get("reference_accuracy"))
        return found if isinstance(found, float) else None

    def best(self) -> float | None:
        """The best figure that one of its artifacts was verified with."""
        figures = self.verified().values()
        return (min if self.metric.lower else max)(figures, default=None)

    def card(self) -> str:
        """The model card."""
        return bytes(self.read(CARD)).decode("utf-8", "replace")

    def check(self) -> None:
        """Hold every member against its SHA-256; errors as `read`."""
        for name in self.manifest.members:
            self.read(name)

    def _numbers(self, name: str, dtype: np.dtype[Any], columns: int) -> Array:
        """A member as numbers, (n,), of which whole rows must be there."""
        data = self.read(name)
        if not len(data) or len(data) % (dtype.itemsize * columns):
            raise BundleError(f"{self.path}: damaged: '{name}' has {len(data)} bytes")
        return np.frombuffer(data, dtype)

    def _manifest(self) -> Manifest:
        where = f"{self.path}: {MANIFEST}"
        raw = self._archive.read(MANIFEST)
        if len(raw) > _LONGEST_MANIFEST:
            raise BundleError(f"{where}: hostile: {len(raw):,} bytes long")
        data = _json(bytes(raw), where)
        version = data.get("format_version")
        if type(version) is not int or version < 1:
            found = records.describe(version)
            raise BundleError(f"{where}: format_version is {found}: not a bundle of edgenets")
        if version > FORMAT_VERSION:
            number = str(version) if version < 1 << 32 else "of thousands"
            raise BundleError(
                f"{self.path}: made by a newer edgenets (bundle format {number}; this one reads "
                f"up to {FORMAT_VERSION}). Upgrade: pip install -U edgenets"
            )
        if version == 1 and isinstance(members := data.get("members"), dict):
            data["members"] = {_of_today(name): member for name, member in members.items()}
        try:
            return records.parse(Manifest, data)
        except RecordError as exc:
            raise BundleError(f"{where}: {exc}") from exc


def _of_today(name: str) -> str:
    """A member's name, where format 1 had another."""
    if name.startswith("artefacts/"):
        return f"artifacts/{name.removeprefix('artefacts/')}"
    return GOLDEN_IMAGE if name == "golden/picture.png" else name


def write(
    path: Path,
    spec: ModelSpec,
    artifacts: Mapping[Artifact, Mapping[str, bytes]],
    others: Mapping[str, bytes],
    licence: str,
    made_by: str,
) -> None:
    """Write a bundle, whole or not at all.

    Args:
        artifacts: the files of each artifact.
        others: golden data, report and card, by member name.
        licence: of the model.
        made_by: package and version.
    """
    members = {f"artifacts/{n}": d for files in artifacts.values() for n, d in files.items()}
    members |= others
    manifest = Manifest(
        FORMAT_VERSION,
        spec,
        tuple(artifacts),
        {n: Member(hashlib.sha256(d).hexdigest(), len(d)) for n, d in members.items()},
        licence,
        made_by,
    )
    check_place(path)
    text = json.dumps(records.to_plain(manifest), indent=1, ensure_ascii=False, allow_nan=False)
    archive.write(path, {MANIFEST: text.encode(), **members})


def check_place(path: Path) -> None:
    """Make sure that a bundle may be written there; one that is there is written anew.

    Raises:
        BundleError: it is a folder, or a file that is no bundle.
    """
    if path.is_dir():
        raise BundleError(f"{path}: is a folder; say a file, such as {path / 'model.edge'}")
    if path.is_file() and path.stat().st_size and not archive.begins_with(path, MANIFEST):
        raise BundleError(f"{path}: is there, and is no bundle; nothing is written over it")


def golden_name(artifact: Artifact) -> str:
    """The member that holds an artifact's golden output."""
    return f"golden/{artifact.id}.f32"


def given_name(name: str) -> str:
    """The member that holds what a decoder is given under a name."""
    return f"golden/given-{name}.f32"


def _json(raw: bytes, where: str) -> Json:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{where}: damaged: no JSON ({exc})") from exc
    if not isinstance(data, dict):
        raise BundleError(f"{where}: damaged: no JSON object")
    return data
