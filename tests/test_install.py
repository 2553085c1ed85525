"""The wheel in a clean environment, with what a device needs and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import zoo
from edgenets.sound import audio

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints" / "{}.{}.txt".format(*sys.version_info[:2])

# A slow index, and a machine that does other things beside.
PATIENCE = 600.0  # s

pytestmark = pytest.mark.slow


class Device:
    """An environment of its own, in which nothing of ours is found but what was installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_"))}
        self.env["NO_COLOR"] = "1"
        venv.create(folder / "venv", with_pip=True)

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / program), *map(str, arguments)],
            cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip

    def edgenets(self, *arguments: object) -> dict[str, Any]:
        done = self.run("edgenets", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def distributions(self) -> set[str]:
        listed = json.loads(self.run("python", "-m", "pip", "list", "--format=json").stdout)
        return {item["name"].lower().replace("_", "-") for item in listed}


def make_wheel(folder: Path) -> Path:
    """The wheel of what is in the working tree, built from a copy of it."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    unneeded = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("edgenets", "converters", "runtime", "devices"):
        shutil.copytree(ROOT / name, source / name, ignore=unneeded)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("edgenets-*.whl")
    return wheel


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    folder = tmp_path_factory.mktemp("device")
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder / "probe")]
    asked = subprocess.run([*probe, "setuptools>=77"], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"pip reaches no index: {asked.stderr.strip().splitlines()[-1]}")
    wheel = make_wheel(folder)
    made = Device(folder)
    done = made.run(
        "python", "-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, f"{wheel}[tflite]"
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def bundle(device: Device) -> str:
    """A shipped bundle by its name, or else one that is made here."""
    if "kws-gru" in zoo.shipped():
        return "kws-gru"
    from tests.bundles import make_real

    return str(make_real(device.folder / "real.edge"))


@pytest.fixture(scope="module")
def sound(device: Device) -> Path:
    path = device.folder / "sound.wav"
    rng = np.random.default_rng(0)
    audio.write_wav(path, 0.05 * rng.standard_normal(3 * 16_000), 16_000)
    return path


def test_it_brings_little(device: Device) -> None:
    found = device.distributions()
    assert {"edgenets", "numpy", "click", "rich", "ai-edge-litert"} <= found
    assert not found & {
        "tensorflow", "keras", "onnx", "onnxruntime", "openvino", "matplotlib", "soundfile",
        "jinja2", "scipy",
    }  # fmt: skip


def test_all_that_is_no_code_is_there(device: Device) -> None:
    listed = device.edgenets("zoo")
    assert {r["name"] for r in listed["recipes"]} >= {"kws-gru", "kws-dscnn"}
    assert {b["name"] for b in listed["bundles"]} == set(zoo.shipped())
    place = "import edgenets; print(edgenets.__file__)"
    package = Path(device.run("python", "-c", place).stdout.strip()).parent
    assert package.is_relative_to(device.folder)
    for name in ("py.typed", "converters/verify/report.html", "converters/choice.html"):
        assert (package / name).exists()


def test_help(device: Device) -> None:
    done = device.run("edgenets", "--help")
    assert done.returncode == 0 and "selftest" in done.stdout and done.stderr == ""


def test_it_runs_a_bundle(device: Device, bundle: str, sound: Path) -> None:
    found = device.edgenets("run", bundle, sound)
    assert found["audio_seconds"] == 3.0 and found["steps"] > 70
    assert found["artifact"].startswith("tflite-")
    assert found["runs_on"].startswith("ai-edge-litert")


def test_it_tests_and_shows_a_bundle(device: Device, bundle: str) -> None:
    trials = device.edgenets("selftest", bundle)["trials"]
    ran = {t["id"]: t["passed"] for t in trials if t["passed"] is not None}
    assert ran and all(ran.values()) and all(id.startswith("tflite-") for id in ran)
    assert all("pip install 'edgenets[" in t["reason"] for t in trials if t["passed"] is None)
    assert device.edgenets("inspect", bundle)["format_version"] == 1
    rows = device.edgenets("bench", bundle, "--precision", "int8", "--seconds", 1)["rows"]
    assert [row["backend"] for row in rows] == ["tflite"]


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("train", "kws-gru", "--data", "recordings"), "train"),
        (("build", "kws-gru", "--data", "recordings"), "train"),
        (("convert", "model.keras"), "train"),
        (("run", "BUNDLE", "null:1", "--backend", "onnx"), "onnx"),
        (("run", "BUNDLE", "mic:default"), "mic"),
        (("run", "BUNDLE", "other.flac"), "mic"),
        (("run", "object-detect", "null:64x48?seconds=1"), "camera"),
        (("run", "BUNDLE", "null:1", "--sink", "web:0"), "web"),
        (("run", "BUNDLE", "null:1", "--sink", "mqtt://127.0.0.1/a"), "mqtt"),
    ],
)
def test_what_is_missing_is_said_with_its_command(
    device: Device, bundle: str, arguments: tuple[str, ...], extra: str
) -> None:
    (device.folder / "recordings").mkdir(exist_ok=True)
    (device.folder / "other.flac").write_bytes(b"fLaC")
    (device.folder / "model.keras").touch()
    done = device.run("edgenets", *(bundle if a == "BUNDLE" else a for a in arguments))
    assert done.returncode == 2, done.stderr
    assert f"pip install 'edgenets[{extra}]'" in done.stderr and "Traceback" not in done.stderr


def test_a_camera_and_the_page_need_no_more_than_they_say(device: Device) -> None:
    """Last of this file: it adds to the environment that the others share."""
    (wheel,) = device.folder.glob("edgenets-*.whl")
    done = device.run(
        "python", "-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, f"{wheel}[camera,web]"
    )
    assert done.returncode == 0, done.stderr
    assert not device.distributions() & {"tensorflow", "keras", "matplotlib", "pillow", "scipy"}
    for bundle in ("image-classify", "object-detect", "segment"):
        found = device.edgenets("run", bundle, "null:640x480?seconds=1", "--sink", "web:0")
        assert found["frames"] == {"null:640x480": 30} and found["artifact"] == "tflite-int8"
        trials = device.edgenets("selftest", bundle)["trials"]
        assert [t["passed"] for t in trials if t["passed"] is not None] == [True]
    found = device.edgenets("run", "object-detect", "demo:smear?seconds=2&rate=10")
    assert found["objects"].get("RBC", 0) > 2
