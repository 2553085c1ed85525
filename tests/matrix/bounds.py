"""Whether every lower bound of pyproject.toml is the lowest that works.

    python -m tests.matrix.bounds               # all of them; an hour or two on two cores
    python -m tests.matrix.bounds onnx pillow   # some

In an environment of the lowest versions of everything, on the oldest Python, earlier releases of
one dependency after another are installed, and the tests that use it are run. The lowest release
that passes is looked for by halving. It is one that has a wheel for this Python, agrees with the
lowest versions of the other dependencies, has every name that the code uses, and passes its tests.
What was found is written to `constraints/bounds.toml`, and a test holds pyproject.toml against it,
so that no bound is changed without being measured.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.matrix.__main__ import EXTRAS
from tests.matrix.environment import Environment, environment, make_wheel, pythons
from tests.matrix.resolve import PROJECT, ROOT, Pin, Unresolvable, constraints, resolve

RECORD = ROOT / "constraints" / "bounds.toml"

# The oldest Python: what has a wheel for a newer one is newer than the bound anyway.
PYTHON = "3.11"

NO_WHEEL = "no earlier release has a wheel for this Python"

# The tests of one dependency take a minute or two; a release that makes them wait hangs.
PATIENCE = 900.0  # s

_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider")
_STEP = "tests/converters/test_contract.py"
_EACH = "tests/converters/test_quantized.py"  # every precision of every format
_SMOKE = "tests/matrix/smoke.py"

# Distribution → the tests that use it, as pytest takes them.
PROBES: dict[str, tuple[str, ...]] = {
    "numpy": ("tests/test_quantization.py", "tests/test_logmel.py", "tests/vision/test_decode.py",
              _STEP),
    "click": ("tests/test_cli.py",),
    "rich": ("tests/test_progress.py", "tests/test_cli.py"),
    "torch": ("tests/converters/test_torch.py",),
    "safetensors": ("tests/test_torchfile.py",),
    "onnxscript": ("tests/converters/test_torch.py",),
    "ai-edge-litert": (_STEP, _EACH, "tests/test_live.py"),
    "onnxruntime": (_STEP, _EACH, _SMOKE, "-k", "not test_it_runs or selftest"),
    "openvino": (_STEP, _EACH, _SMOKE, "-k", "not test_it_runs or selftest"),
    "opencv-python-headless": ("tests/vision/test_cameras.py", "tests/vision/test_delivery.py",
                               "tests/vision/test_preprocess.py", "tests/vision/test_watch.py",
                               "tests/vision/test_image_files.py",
                               "tests/vision/test_video_files.py"),
    "starlette": ("tests/vision/test_web.py", "tests/vision/test_web_tls.py"),
    "uvicorn": ("tests/vision/test_web.py", "tests/vision/test_web_tls.py"),
    "prometheus-client": ("tests/vision/test_web.py",),
    "psutil": ("tests/vision/test_web.py",),
    "paho-mqtt": ("tests/vision/test_delivery.py", "tests/test_mqtt_lines.py"),
    "sentencepiece": ("tests/translation/test_pieces.py",),
    "sacrebleu": ("tests/translation/test_road.py", "-k", "command_line or empty"),
    "tuf": ("tests/devices/test_update.py",),
    "securesystemslib": ("tests/devices/test_update.py",),
    "cryptography": ("tests/devices/test_update.py",),
    "zstandard": ("tests/devices/test_flash.py", "tests/devices/test_update.py"),
    "asyncssh": (_SMOKE, "-k", "device or deploy or fleet"),
    "xxhash": ("tests/devices/test_flash.py",),
    "pyyaml": ("tests/devices/test_first_boot.py",),
    "sounddevice": ("tests/test_microphone.py",),
    "soundfile": ("tests/test_audio.py", "tests/test_sources.py"),
    "soxr": ("tests/test_audio.py", "tests/test_sources.py"),
    "pymicro-features": ("tests/test_foreign.py",),
    "tensorflow": ("tests/test_training.py", _STEP, "tests/converters/test_sources.py"),
    "keras": ("tests/test_training.py", _STEP, "tests/converters/test_walk.py"),
    "h5py": ("tests/converters/test_sources.py",),
    "matplotlib": (_SMOKE, "-k", "train or verify"),
    "espeakng-loader": ("tests/test_speech.py",),
    "hibari-tts": ("tests/test_natural.py", "tests/test_speech.py"),
    "simplejpeg": ("tests/vision/test_image_files.py",),
    "pillow": ("tests/vision/test_layouts.py",),
    "pycocotools": ("tests/vision/test_road.py",),
    "jiwer": ("tests/speech",),
    "onnx": (_STEP, "tests/converters/test_sources.py", "tests/converters/test_routes.py"),
    "tf2onnx": ("tests/converters/test_routes.py", "tests/vision/test_road.py"),
    "flatbuffers": (_STEP, "tests/converters/test_routes.py"),
    "jinja2": ("tests/converters/test_verify.py", _SMOKE, "-k", "not test_it_runs or verify"),
    "litert-quantizer": ("tests/converters/test_routes.py",),
    "ansible-core": (_SMOKE, "-k", "fleet"),
}  # fmt: skip

# What a board installs without the laptop's extras, which demand newer releases of these: they are
# tried without regard to that.
ALONE = ("ai-edge-litert", "click")

# A lower release would work and is not wanted.
KEPT = {
    "cryptography": "releases before it have published vulnerabilities",
    "opencv-python-headless": "releases before it hold a libwebp with a published vulnerability",
}


@dataclass(frozen=True)
class Finding:
    """What was found at and below a bound."""

    lowest: str  # the lowest release that works
    below: str  # the next one below it; "" where there is none with a wheel
    why: str  # that one does not do


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
    wanted = [name for name in bounds() if not sys.argv[1:] or name in sys.argv]
    record = read()
    pins = resolve(PYTHON, EXTRAS, "lowest")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        wheel = make_wheel(Path(folder) / "wheel")
        with environment(Path(folder) / "venv", pythons()[PYTHON], pins, wheel) as made:
            made.install(*map(str, pins), "scipy", "selenium")
            made.install("--no-deps", "-c", constraints(PYTHON), "pymicro-wakeword")
            search = Search(made, pins)
            for name in wanted:
                record[name] = search.lowest(name)
                print(f"{name}: {record[name]}", flush=True)
                write(record)
    wrong = differences(record)
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


def differences(record: dict[str, Finding]) -> list[str]:
    """Bounds of pyproject.toml that are not the lowest that works."""
    wrong = []
    for name, bound in bounds().items():
        if name not in record:
            wrong.append(f"{name}: was never measured; run python -m tests.matrix.bounds {name}")
        elif name not in KEPT and Version(bound) != Version(record[name].lowest):
            wrong.append(f"{name}>={bound}: the lowest that works is {record[name].lowest}")
    return wrong


class Search:
    """The lowest release of each dependency that works in an environment of lowest versions."""

    def __init__(self, made: Environment, pins: list[Pin]) -> None:
        self._made, self._pins = made, {pin.name: pin for pin in pins}
        self._tried: dict[str, str] = {}  # release → why it does not work, "" where it does

    def lowest(self, name: str) -> Finding:
        """Halve the releases up to the one that is installed."""
        self._tried = {}
        here = Version(self._pins[name].version)
        # Ascending, and what is installed last; the bound is tried like any other.
        releases = [v for v in self._releases(name) if Version(v) < here] + [str(here)]
        try:
            if why := self._why(name, releases[-1]):
                raise SystemExit(f"{name} {here}, which is installed, does not work: {why}")
            low, high = -1, len(releases) - 1  # releases[high] works
            step = high - 1  # the next one below is the likeliest to fail
            while low + 1 < high:
                low, high = (step, high) if self._why(name, releases[step]) else (low, step)
                step = (low + high) // 2
        finally:
            self._install(*self._pins.values())
        below = releases[high - 1] if high else ""
        return Finding(releases[high], below, self._why(name, below) if below else NO_WHEEL)

    def _releases(self, name: str) -> list[str]:
        """Releases that have a wheel for this Python, the oldest first."""
        command = [
            sys.executable, "-m", "pip", "index", "versions", name, "--python-version", PYTHON,
            "--only-binary", ":all:", "--disable-pip-version-check",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        listed = done.stdout.partition("Available versions: ")[2].splitlines()[0]
        return sorted(filter(_is_version, listed.split(", ")), key=Version)

    def _why(self, name: str, version: str) -> str:
        if version not in self._tried:
            self._tried[version] = self._try(name, version)
            print(f"  {name} {version}: {self._tried[version] or 'works'}", flush=True)
        return self._tried[version]

    def _try(self, name: str, version: str) -> str:
        direct = set(bounds()) - {name}
        others = [pin for other, pin in self._pins.items() if other in direct]
        try:
            if name in ALONE:
                self._install("--no-deps", f"{name}=={version}")
            else:
                self._install(f"{name}=={version}", *others)
        except Unresolvable as exc:
            return " ".join(str(exc).split())[:300]
        for probe in (("-m", "tests.library_names", name), (*_PYTEST, *PROBES[name])):
            try:
                done = self._made.run(*probe, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                return f"its tests took longer than {PATIENCE:.0f} s"
            if done.returncode:
                return _first_error(done.stdout or done.stderr)
        return ""

    def _install(self, *wanted: object) -> None:
        self._made.install("--only-binary", ":all:", *map(str, wanted))


def _is_version(text: str) -> bool:
    """Whether pip's own rules take it; some early uploads are called otherwise."""
    try:
        return not Version(text).is_prerelease
    except InvalidVersion:
        return False


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
