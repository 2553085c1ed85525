"""Whether every lower bound of pyproject.toml is the lowest that works.

    python -m tests.matrix.bounds               # all of them; hours on two cores
    python -m tests.matrix.bounds onnx pillow   # some

In an environment of the lowest versions of everything, on the oldest Python, the newest release
below a bound is installed, one dependency after another, and the tests that use it are run. A
bound holds when that release has no wheel for this Python, or fails its tests. What was found is
written to `constraints/bounds.toml`; a test holds pyproject.toml against it, so that no bound is
changed without being measured.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.matrix.__main__ import EXTRAS
from tests.matrix.environment import Environment, environment, make_wheel, pythons
from tests.matrix.resolve import PROJECT, ROOT, Unresolvable, constraints, resolve

RECORD = ROOT / "constraints" / "bounds.toml"

# The oldest Python: what has a wheel for a newer one is newer than the bound anyway.
PYTHON = "3.11"

_STEP = "tests/converters/test_contract.py"
_SMOKE = "tests/matrix/smoke.py"

# Distribution → the tests that use it, as pytest takes them.
PROBES: dict[str, tuple[str, ...]] = {
    "numpy": ("tests/test_quantization.py", "tests/test_logmel.py", "tests/vision/test_decode.py",
              _STEP),
    "click": ("tests/test_cli.py",),
    "rich": ("tests/test_progress.py", "tests/test_cli.py"),
    "ai-edge-litert": (_STEP, "tests/test_live.py"),
    "onnxruntime": (_STEP, _SMOKE, "-k", "not test_it_runs or selftest"),
    "openvino": (_STEP, _SMOKE, "-k", "not test_it_runs or selftest"),
    "opencv-python-headless": ("tests/vision/test_cameras.py", "tests/vision/test_delivery.py",
                               "tests/vision/test_preprocess.py", "tests/vision/test_watch.py"),
    "starlette": ("tests/vision/test_web.py",),
    "uvicorn": ("tests/vision/test_web.py",),
    "prometheus-client": ("tests/vision/test_web.py",),
    "psutil": ("tests/vision/test_web.py",),
    "paho-mqtt": ("tests/vision/test_delivery.py", "tests/test_mqtt_lines.py"),
    "sentencepiece": ("tests/translation/test_pieces.py",),
    "sacrebleu": ("tests/translation",),
    "tuf": ("tests/devices/test_update.py",),
    "securesystemslib": ("tests/devices/test_update.py",),
    "cryptography": ("tests/devices/test_update.py",),
    "zstandard": ("tests/devices/test_flash.py", "tests/devices/test_update.py"),
    "asyncssh": (_SMOKE, "-k", "device or deploy or fleet"),
    "xxhash": ("tests/devices/test_flash.py",),
    "sounddevice": ("tests/test_microphone.py",),
    "soundfile": ("tests/test_audio.py", "tests/test_sources.py"),
    "soxr": ("tests/test_audio.py", "tests/test_sources.py"),
    "pymicro-features": ("tests/test_foreign.py",),
    "tensorflow": ("tests/test_training.py", _STEP, "tests/converters/test_sources.py"),
    "keras": ("tests/test_training.py", _STEP, "tests/converters/test_walk.py"),
    "h5py": ("tests/converters/test_sources.py",),
    "matplotlib": (_SMOKE, "-k", "train or verify"),
    "espeakng-loader": ("tests/test_speech.py",),
    "pillow": ("tests/vision/test_layouts.py",),
    "pycocotools": ("tests/vision/test_road.py",),
    "jiwer": ("tests/speech",),
    "onnx": (_STEP, "tests/converters/test_replay.py", "tests/converters/test_sources.py"),
    "tf2onnx": ("tests/converters/test_routes.py", "tests/vision/test_road.py"),
    "flatbuffers": (_STEP, "tests/converters/test_routes.py"),
    "jinja2": ("tests/converters/test_verify.py", _SMOKE, "-k", "not test_it_runs or verify"),
    "litert-quantizer": ("tests/converters/test_routes.py",),
    "ansible-core": (_SMOKE, "-k", "fleet"),
}  # fmt: skip

# A lower release would work and is not wanted.
KEPT = {
    "cryptography": "releases before it have published vulnerabilities",
}


@dataclass(frozen=True)
class Finding:
    """What was found below a bound."""

    bound: str
    below: str  # the newest release below it; "" where there is none with a wheel
    why: str  # it does not do; "" where it does


def bounds() -> dict[str, str]:
    """The lowest bound of each distribution that pyproject.toml names outside of the tests."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    listed = list(project["dependencies"])
    for extra, lines in project["optional-dependencies"].items():
        listed += lines if extra not in ("test", "tflite-runtime") else []
    found: dict[str, str] = {}
    for requirement in map(Requirement, listed):
        lower = [s.version for s in requirement.specifier if s.operator == ">="]
        if requirement.marker and not requirement.marker.evaluate({"python_version": PYTHON}):
            continue
        if requirement.name != "edgenets":
            found[canonicalize_name(requirement.name)] = lower[0] if lower else ""
    return found


def main() -> None:
    """Measure the bounds that are named, or all, and write the record."""
    wanted = {
        name: bound for name, bound in bounds().items() if not sys.argv[1:] or name in sys.argv
    }
    record = read()
    pins = resolve(PYTHON, EXTRAS, "lowest")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        wheel = make_wheel(Path(folder) / "wheel")
        with environment(Path(folder) / "venv", pythons()[PYTHON], pins, wheel) as made:
            lowest = {pin.name: pin.version for pin in pins}
            made.install("-c", constraints(PYTHON), "--no-deps", "scipy", "selenium")
            for name, bound in wanted.items():
                record[name] = below(made, name, bound, lowest[name])
                print(f"{name} {bound}: {record[name]}", flush=True)
                write(record)
    sys.exit(any(not finding.why for name, finding in record.items() if name not in KEPT))


def below(made: Environment, name: str, bound: str, lowest: str) -> Finding:
    """Try the newest release below a bound; the environment is as before afterwards."""
    try:
        made.install("--only-binary", ":all:", "--no-deps", f"{name}<{bound}")
    except Unresolvable:
        return Finding(bound, "", "no wheel of an earlier release for this Python")
    try:
        code = f"from importlib.metadata import version; print(version({name!r}))"
        tried = made.run("-c", code).stdout.strip()
        done = made.run("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *PROBES[name])
        return Finding(bound, tried, "" if done.returncode == 0 else _first_error(done.stdout))
    finally:
        made.install("--only-binary", ":all:", "--no-deps", f"{name}=={lowest}")


def _first_error(output: str) -> str:
    said = [line[1:].strip() for line in output.splitlines() if line.startswith("E  ")]
    return (said or output.strip().splitlines() or ["no output"])[0][:160]


def read() -> dict[str, Finding]:
    """The record."""
    if not RECORD.exists():
        return {}
    return {name: Finding(**found) for name, found in tomllib.loads(RECORD.read_text()).items()}


def write(record: dict[str, Finding]) -> None:
    """Write the record, in the order of names."""
    lines = [f"# Written by `python -m tests.matrix.bounds`, Python {PYTHON}.\n"]
    for name, found in sorted(record.items()):
        lines.append(f"\n[{name}]\n")
        for key, value in vars(found).items():
            text = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'{key} = "{text}"\n')
    RECORD.write_text("".join(lines))


if __name__ == "__main__":
    main()
