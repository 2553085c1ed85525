"""Bundles made by hand to harm: each gets one clear error, in Python and on the command line."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenets import backend
from edgenets.archive import MOST_MEMBERS
from edgenets.bundle import CARD, FORMAT_VERSION, GOLDEN_SOUND, MANIFEST, Bundle
from edgenets.errors import BackendError, BundleError
from tests.bundles import SPEC, artifact, make_fake, make_with, manifest, members
from tests.commands import Call, call
from tests.zips import Entry, build

__all__ = ["call"]  # a fixture

M = MANIFEST.encode()
GOOD = Entry(M, json.dumps(manifest(members())).encode())
REST = tuple(Entry(name.encode(), data) for name, data in members().items())


def archive_of(*entries: Entry, **options: Any) -> Callable[[Path], Path]:
    """Something that writes the good members and these."""

    def write(path: Path) -> Path:
        path.write_bytes(build((GOOD, *REST, *entries), **options))
        return path

    return write


def instead(**fields: Any) -> Callable[[Path], Path]:
    """Something that writes the good members, of which the card lies about itself."""

    def write(path: Path) -> Path:
        lying = [e if e.name != CARD.encode() else Entry(e.name, e.data, **fields) for e in REST]
        path.write_bytes(build((GOOD, *lying)))
        return path

    return write


def raw_manifest(text: bytes) -> Callable[[Path], Path]:
    """Something that writes the good members with another text for a manifest."""

    def write(path: Path) -> Path:
        path.write_bytes(build((Entry(M, text), *REST)))
        return path

    return write


def with_manifest(*keys: Any, value: Any) -> Callable[[Path], Path]:
    """Something that writes a manifest that has another value at a place; ... takes it away."""

    def change(plain: dict[str, Any]) -> None:
        node: Any = plain
        for key in keys[:-1]:
            node = node[key]
        if value is ...:
            del node[keys[-1]]
        else:
            node[keys[-1]] = value

    return lambda path: make_with(path, change)


def quine(path: Path) -> Path:
    """A member inside another one."""
    inner = Entry(b"inner.md")
    outer = Entry(b"outer.bin", build((inner,)))
    inside = len(build((GOOD, *REST, outer)).partition(outer.data)[0])
    path.write_bytes(build((GOOD, *REST, outer, Entry(b"inner.md", offset=inside))))
    return path


ARCHIVES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "slip": (archive_of(Entry(b"../x")), "named '../x'"),
    "slip inside": (archive_of(Entry(b"a/../../x")), "named"),
    "absolute": (archive_of(Entry(b"/etc/x")), "named '/etc/x'"),
    "backslash": (archive_of(Entry(b"..\\x")), "named"),
    "drive": (archive_of(Entry(b"C:x")), "named"),
    "NUL": (archive_of(Entry(b"card.md\0.png")), "named"),
    "newline": (archive_of(Entry(b"a\nb")), "named"),
    "escape": (archive_of(Entry(b"\x1b[2J")), "named"),
    "unicode": (archive_of(Entry("é".encode(), flags=1 << 11)), "named"),
    "long name": (archive_of(Entry(b"../" * 20_000)), "named"),
    "no name": (archive_of(Entry(b"")), "named"),
    "folder": (archive_of(Entry(b"folder/", b"")), "named"),
    "deflated": (instead(method=8), "compressed"),
    "bomb": (instead(method=8, unfolded=1 << 31), "compressed"),
    "encrypted": (instead(flags=1), "encrypted"),
    "data descriptor": (instead(flags=1 << 3), "compressed or encrypted"),
    "two sizes": (instead(unfolded=5), "two sizes"),
    "larger than it is": (instead(stored=1 << 30, unfolded=1 << 30), "differ"),
    "past the end": (instead(stored=1 << 20, unfolded=1 << 20, local_size=1 << 20), "past"),
    "local size": (instead(local_size=3), "differ"),
    "local name": (instead(local_name=b"evil.md"), "no header"),
    "local signature": (instead(local_signature=b"PK\3\3"), "no header"),
    "header past the end": (instead(offset=0xFFFFFFF0), "no header"),
    "overlap": (archive_of(Entry(b"card2.md", REST[2].data, offset=0)), "no header"),
    "quine": (quine, "'inner.md' overlaps another member"),
    "twice": (archive_of(Entry(CARD.encode())), "two members named 'card.md'"),
    "stray": (archive_of(Entry(b"stray.sh")), "'stray.sh' is not in its manifest"),
    "thousands": (
        archive_of(*(Entry(b"m%d" % i) for i in range(MOST_MEMBERS))), "hostile: 1006 members"),
    "count too small": (archive_of(count=3), "longer than its entries"),
    "count too large": (archive_of(count=9), "directory is"),
    "comment": (archive_of(comment=b"hello"), "not a bundle"),
    "bytes before": (archive_of(before=b"#!/bin/sh\n"), "directory is not where"),
    "directory elsewhere": (archive_of(moved=-7), "directory is not where"),
    "no manifest": (lambda p: p.write_bytes(build(REST)) and p, "'manifest.json' is missing"),
    "no members": (lambda p: p.write_bytes(build(())) and p, "'manifest.json' is missing"),
    "text": (lambda p: p.write_bytes(b"not a zip at all, but long enough") and p, "not a bundle"),
    "empty": (lambda p: p.write_bytes(b"") or p, "cannot be read"),
    "folder as file": (lambda p: p.mkdir() or p, "no regular file"),
    "device": (lambda p: Path("/dev/null"), "no regular file"),
    "endless device": (lambda p: Path("/dev/zero"), "no regular file"),
    "named pipe": (lambda p: os.mkfifo(p) or p, "no regular file"),
    "unreadable": (lambda p: Path("/proc/self/mem"), "cannot be read"),
    "dangling link": (lambda p: p.symlink_to(p.with_name("gone")) or p, "no such"),
    "link to itself": (lambda p: p.symlink_to(p) or p, "no such|cannot be read"),
    "absent": (lambda p: p, "no such"),
    "long path": (lambda p: p.with_name("x" * 300), "cannot be read"),
}  # fmt: skip

TENSOR = ("artifacts", 0, "inputs", 0)
DEEP = b'{"format_version": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
NESTED = [b'{"format_version": 1, "spec": ' + b"[" * n + b"]" * n + b"}" for n in (880, 940, 990)]
HUGE = 10**4000


def state(shape: list[int], **fields: Any) -> dict[str, Any]:
    tensor = {"name": "s", "shape": shape, "dtype": "float32", "quantization": None}
    return {"input": tensor, "output": {**tensor, "name": "s/next"}, **fields}


MANIFESTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no JSON": (raw_manifest(b"{"), "no JSON"),
    "no object": (raw_manifest(b"[1]"), "no JSON object"),
    "no UTF-8": (raw_manifest(b'{"a": "\xff"}'), "no JSON"),
    "huge": (raw_manifest(b" " * (5 << 20) + b"{}"), "hostile: 5,242,882 bytes"),
    "deep": (raw_manifest(DEEP), "no JSON"),
    **{f"nested {i}": (raw_manifest(NESTED[i]), "no JSON|a table is needed") for i in range(3)},
    "digits": (raw_manifest(b'{"format_version": ' + b"9" * 10_000 + b"}"), "no JSON"),
    "no version": (with_manifest("format_version", value=...), "not a bundle of edgenets"),
    "version 0": (with_manifest("format_version", value=0), "format_version is int 0"),
    "version -1": (with_manifest("format_version", value=-1), "format_version is int -1"),
    "version text": (with_manifest("format_version", value="1"), "format_version is str '1'"),
    "version true": (with_manifest("format_version", value=True), "format_version is bool True"),
    "version 1.0": (with_manifest("format_version", value=1.0), "format_version is float 1.0"),
    "version list": (
        with_manifest("format_version", value=[1] * 9999), "format_version is a list of 9999"),
    "newer": (
        with_manifest("format_version", value=FORMAT_VERSION + 1), "newer .*install -U edgenet"),
    "newest": (with_manifest("format_version", value=HUGE), "newer edgenets"),
    "unknown key": (with_manifest("spec", "label", value=[]), "did you mean 'labels'"),
    "hostile key": (with_manifest("spec", "\n\x1b[2J" * 99, value=[]), "unknown key"),
    "missing key": (with_manifest("licence", value=...), "licence: missing"),
    "wrong type": (with_manifest("licence", value=[1]), "licence: str is needed"),
    "control characters": (with_manifest("licence", value="\x1b[2J"), "control characters"),
    "half a letter": (with_manifest("licence", value="\ud800"), "control characters"),
    "another task": (with_manifest("spec", "task", value="mischief" * 999), "not one of keywords"),
    "no label": (with_manifest("spec", "labels", value=[]), "labels must be present"),
    "labels twice": (with_manifest("spec", "labels", value=["a"] * 4), "distinct"),
    "label a path": (with_manifest("spec", "labels", value=["../a", "b", "c", "d"]), "be a label"),
    "label of lines": (
        with_manifest("spec", "labels", value=["a\nb", "b", "c", "d"]), "be a label"),
    "more labels": (with_manifest("spec", "labels", value=list("abcdefgh")), "not of shape"),
    "no rate": (with_manifest("spec", "input", "sample_rate", value=0), "sample rate"),
    "huge rate": (with_manifest("spec", "input", "sample_rate", value=10**15), "sample rate"),
    "huge integer": (with_manifest("spec", "input", "sample_rate", value=HUGE), "64 bits"),
    "huge float": (with_manifest("spec", "input", "mean", value=HUGE), "64 bits"),
    "NaN": (raw_manifest(GOOD.data.replace(b"-5.0", b"NaN")), "finite"),
    "infinity": (raw_manifest(GOOD.data.replace(b"-5.0", b"1e999")), "finite"),
    "tiny std": (with_manifest("spec", "input", "std", value=5e-324), "std"),
    "another input": (with_manifest("spec", "input", "kind", value="video"), "not one of"),
    "too many bands": (with_manifest("spec", "input", "bands", value=500), "finer than"),
    "huge window": (with_manifest("spec", "input", "fft", value=1 << 40), "8192"),
    "huge smoothing": (with_manifest("spec", "decoding", "smoothing", value=10**12), "smoothing"),
    "huge refractory": (
        with_manifest("spec", "decoding", "refractory", value=1e308), "refractory"),
    "bad threshold": (with_manifest("spec", "decoding", "threshold", value=0), "thresholds"),
    "no steps": (with_manifest("spec", "step", "frames", value=0), "1 to 1000 frames"),
    "endless warm-up": (with_manifest("spec", "step", "warmup", value=1 << 62), "warmup"),
    "bad split": (with_manifest("spec", "split", "test", value=-1.0), "fractions"),
    "another input tensor": (with_manifest("spec", "step", "input", value="x"), "spec has 'x'"),
    "no artifacts": (with_manifest("artifacts", value=[]), "a bundle has artifacts"),
    "artifacts twice": (
        lambda p: make_with(p, lambda m: m["artifacts"].append(m["artifacts"][0])), "another"),
    "artifact without a file": (
        with_manifest("artifacts", 0, "files", value=["gone.bin"]), "gone.bin is no member"),
    "artifact outside": (
        with_manifest("artifacts", 0, "files", value=["../../etc/passwd"]), "is no member"),
    "no files": (with_manifest("artifacts", 0, "files", value=[]), "has files"),
    "no inputs": (with_manifest("artifacts", 0, "inputs", value=[]), "has files, inputs"),
    "two outputs": (
        lambda p: make_with(p, lambda m: m["artifacts"][0]["outputs"].append(
            {"name": "more", "shape": [1], "dtype": "float32"})), "one input and one output"),
    "format": (with_manifest("artifacts", 0, "format", value="exe"), "not one of tflite"),
    "no number": (with_manifest(*TENSOR, "shape", value=[1, "2", 40]), "int is needed"),
    "negative": (with_manifest(*TENSOR, "shape", value=[1, -2, 40]), "not positive"),
    "zero": (with_manifest(*TENSOR, "shape", value=[1, 0, 40]), "not positive"),
    "absurd": (with_manifest(*TENSOR, "shape", value=[1 << 40, 1 << 40]), "absurdly large"),
    "long shape": (with_manifest(*TENSOR, "shape", value=[1 << 62] * 100_000), "dimensions"),
    "other shape": (with_manifest(*TENSOR, "shape", value=[1, 2, 41]), "not of shape"),
    "flat shape": (with_manifest(*TENSOR, "shape", value=[80]), "not of shape"),
    "no scale": (with_manifest(*TENSOR, "dtype", value="int8"), "without a quantization"),
    "two types": (
        with_manifest(*TENSOR, "quantization", value={"scale": 1.0, "zero_point": 0}), "differ"),
    "scale 0": (
        with_manifest(*TENSOR, "quantization", value={"scale": 0.0, "zero_point": 0}), "scale"),
    "scale 1e-320": (
        with_manifest(*TENSOR, "quantization", value={"scale": 1e-320, "zero_point": 0}), "scale"),
    "zero point": (
        with_manifest(*TENSOR, "quantization", value={"scale": 1, "zero_point": 300}),
        "zero_point"),
    "many states": (
        with_manifest("artifacts", 0, "states", value=[state([1, 1 << 25])] * 9), "absurdly large"),
    "long hold": (
        with_manifest("artifacts", 0, "states", value=[state([1], hold=1 << 60)]), "hold"),
    "state at infinity": (
        with_manifest("artifacts", 0, "states", value=[state([1], initial=1e300)]), "begins at"),
    "size -1": (with_manifest("members", CARD, "size", value=-1), "fails its SHA-256"),
    "another SHA-256": (with_manifest("members", CARD, "sha256", value="0" * 64), "SHA-256"),
    "member that is not there": (
        with_manifest("members", "more.md", value={"sha256": "0" * 64, "size": 1}), "is missing"),
    "member left out": (with_manifest("members", CARD, value=...), "is not in its manifest"),
    "itself as a member": (
        with_manifest("members", MANIFEST, value={"sha256": "0" * 64, "size": 1}), "SHA-256"),
}  # fmt: skip

EVERY = {**ARCHIVES, **MANIFESTS}


@pytest.mark.parametrize("kind", EVERY)
def test_each_is_refused_with_one_clear_error(kind: str, tmp_path: Path, call: Call) -> None:
    make, says = EVERY[kind]
    path = make(tmp_path / "hostile.edge")
    with pytest.raises(BundleError, match=says) as caught:
        Bundle(path).check()
    message = str(caught.value)
    assert "\n" not in message and "\x1b" not in message and len(message) < 1500
    plain = call("inspect", path)
    assert plain.code == 2 and plain.out == ""
    (line,) = plain.err.splitlines()
    assert line.startswith("error: ") and "Traceback" not in line
    asked = call("inspect", path, "--json")
    found = asked.json()
    assert asked.code == 2 and found.keys() == {"error", "kind"}
    assert found["kind"] == "BundleError" and found["error"] in line


COMMANDS = [
    ("inspect",), ("selftest",), ("bench", "--seconds", "1"), ("run", "null:1"),
    ("eval", "--data", "."),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
@pytest.mark.parametrize("kind", ["slip", "bomb", "newer", "absurd", "text", "absent"])
def test_every_command_refuses(
    kind: str, command: tuple[str, ...], tmp_path: Path, call: Call
) -> None:
    path = EVERY[kind][0](tmp_path / "hostile.edge")
    done = call(command[0], path, *command[1:], "--json")
    assert done.code == 2 and done.json()["kind"] == "BundleError"
    assert len(done.err.splitlines()) == 1


def tampered(name: str, data: bytes) -> Callable[[Path], Path]:
    """Something that writes a bundle with another member, and a manifest that agrees."""

    def write(path: Path) -> Path:
        held = {**members(), name: data}
        return make_with(path, lambda plain: None, held)

    return write


GOLDEN = "golden/tflite-fp32.f32"


@pytest.mark.parametrize(
    ("name", "data"),
    [(GOLDEN_SOUND, b"odd"), (GOLDEN_SOUND, b""), (GOLDEN, b"12345"), (GOLDEN, b"")],
)
def test_golden_data_of_half_a_number(name: str, data: bytes, tmp_path: Path, call: Call) -> None:
    path = tampered(name, data)(tmp_path / "a.edge")
    bundle = Bundle(path)
    with pytest.raises(BundleError, match=f"'{name}' has {len(data)} bytes"):
        bundle.golden_sound(), bundle.golden_output(bundle.artifacts[0])
    done = call("selftest", path, "--json")
    assert done.code == 2 and done.json()["kind"] == "BundleError"


REPORTS: list[Any] = [
    {}, {"verdicts": 1}, {"verdicts": [1, {}, {"id": [], "accuracy": "high"}]},
    {"verdicts": [{"id": "tflite-fp32", "accuracy": None}]}, {"verdicts": {"a": 1}},
]  # fmt: skip


@pytest.mark.parametrize("report", REPORTS, ids=str)
def test_a_strange_report_is_shown_as_none(report: Any, tmp_path: Path, call: Call) -> None:
    path = tampered("report.json", json.dumps(report).encode())(tmp_path / "a.edge")
    done = call("inspect", path)
    assert done.code == 0 and "tflite-fp32" in done.out


@pytest.mark.parametrize("report", [b"", b"[]", b"{", b"[" * 100_000])
def test_a_broken_report_is_a_broken_bundle(report: bytes, tmp_path: Path, call: Call) -> None:
    path = tampered("report.json", report)(tmp_path / "a.edge")
    done = call("inspect", path)
    assert done.code == 2 and len(done.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["tflite", "onnx", "openvino"])
def test_a_model_of_rubbish_is_refused_by_its_backend(name: Any) -> None:
    one = artifact(name)
    files = {"model.bin": bytes(range(256)) * 40}
    with pytest.raises(BackendError):
        backend.load(name, one, files)


def test_a_bundle_changed_while_it_is_open(tmp_path: Path) -> None:
    """Replacing the file, as every writer of edgenets does, leaves an open bundle as it was."""
    path = make_fake(tmp_path / "a.edge")
    bundle = Bundle(path)
    make_with(path, lambda plain: plain["spec"].update(name="other"))
    bundle.check()
    assert bundle.spec == SPEC
    assert Bundle(path).spec.name == "other"


def test_nothing_was_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("slip", "absolute", "slip inside", "backslash", "stray"):
        path = EVERY[kind][0](tmp_path / "hostile.edge")
        with contextlib.suppress(BundleError):
            Bundle(path).check()
    assert [p.name for p in tmp_path.iterdir()] == ["hostile.edge"]
    assert not (tmp_path.parent / "x").exists() and not Path("/etc/x").exists()
