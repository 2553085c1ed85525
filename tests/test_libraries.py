"""Libraries of other releases than those that were tried: what is optional ends nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path

import pytest

from edgenets import extras
from edgenets.errors import FeatureWarning, MissingExtra
from edgenets.onnxruntime import session_options
from edgenets.runtime.cameras import capture
from tests.commands import Call, call  # noqa: F401
from tests.library_names import Use, missing, uses

ROOT = Path(__file__).parents[1]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A library of a release of its own, under the name of one that is known."""
    made = types.ModuleType("xxhash")
    made.__version__ = "9.9"  # type: ignore[attr-defined]
    made.old = lambda: "old"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xxhash", made)
    extras.optional.cache_clear()
    yield made
    extras.optional.cache_clear()


class TestOptional:
    def test_the_first_choice_that_is_there(self, library: types.ModuleType) -> None:
        found = extras.optional("xxhash", ("new",), ("old",), without="it is slower")
        assert found is not None and found[0]() == "old"

    def test_none_is_one_warning(self, library: types.ModuleType) -> None:
        with pytest.warns(FeatureWarning, match=r"xxhash 9\.9 has no .*new or a and b: it is slow"):
            assert extras.optional("xxhash", ("new",), ("a", "b"), without="it is slow") is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert extras.optional("xxhash", ("new",), ("a", "b"), without="it is slow") is None

    def test_a_part_that_is_gone(self) -> None:
        extras.optional.cache_clear()
        name = "openvino._no_such_part"
        extras.EXTRAS[name] = ("openvino", "for this test")
        try:
            with pytest.warns(FeatureWarning, match="_no_such_part"):
                assert extras.optional(name, ("x",), without="nothing") is None
        finally:
            del extras.EXTRAS[name]

    def test_the_library_itself_must_be_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        extras.optional.cache_clear()
        monkeypatch.setitem(sys.modules, "xxhash", None)
        with pytest.raises(MissingExtra, match=r"pip install 'edgenets\[deploy\]'"):
            extras.optional("xxhash", ("x",), without="nothing")


class TestRequired:
    def test_a_release_that_breaks_as_it_loads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "xxhash.py").write_text("raise AttributeError('_ARRAY_API not found')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "xxhash", raising=False)
        with pytest.raises(MissingExtra, match="_ARRAY_API not found"):
            extras.require("xxhash")

    def test_a_function_that_is_gone_is_no_fault_of_ours(
        self,
        call: Call,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        cv2 = extras.require("cv2")
        monkeypatch.delattr(cv2, "cvtColor")
        done = call("run", "object-detect", "demo:smear?seconds=1&rate=2", "--json")
        assert done.code == 2 and "has no 'cvtColor'" in done.err and cv2.__version__ in done.err
        assert "internal error" not in done.err and done.json()["kind"] == "LibraryMismatch"

    def test_a_missing_attribute_of_ours_is(self) -> None:
        with pytest.raises(AttributeError) as caught:
            extras.no_such_thing  # type: ignore[attr-defined]  # noqa: B018
        assert extras.mismatch(caught.value) is None


class TestNames:
    def test_every_name_that_the_code_uses_is_there(self) -> None:
        """Of what is imported here anyway; `make matrix` asks all of them of each release."""
        light = ("numpy", "click", "cv2", "onnx", "openvino", "onnxruntime", "sounddevice")
        lost = {what for use in uses() if use.module.startswith(light) and (what := missing(use))}
        assert not lost

    def test_one_that_is_gone_is_found(self) -> None:
        assert missing(Use("numpy", "linalg.no_such", "here"))
        assert missing(Use("numpy", "linalg.norm", "here")) is None

    def test_names_of_every_scope(self) -> None:
        found = {(use.module, use.name) for use in uses()}
        assert ("cv2", "LUT") in found  # kept in self, and given another name in a method
        assert ("keras", "Model") in found and ("numpy", "float32") in found


class TestOpenCv:
    @pytest.mark.parametrize("home", ["cv2.utils.logging", "cv2", "nowhere"])
    def test_wherever_its_level_is_set(
        self, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cv2 = extras.require("cv2")
        extras.optional.cache_clear()
        level = [3]
        logging = types.SimpleNamespace(getLogLevel=lambda: level[0], setLogLevel=level.append)
        for name in ("getLogLevel", "setLogLevel"):
            monkeypatch.delattr(cv2, name, raising=False)
        monkeypatch.delattr(cv2.utils, "logging", raising=False)
        if home == "cv2":
            monkeypatch.setattr(cv2, "getLogLevel", logging.getLogLevel, raising=False)
            monkeypatch.setattr(cv2, "setLogLevel", logging.setLogLevel, raising=False)
        elif home != "nowhere":
            monkeypatch.setattr(cv2.utils, "logging", logging, raising=False)
        quiet = pytest.warns(FeatureWarning) if home == "nowhere" else contextlib.nullcontext()
        with quiet:
            assert capture.opened(lambda: cv2.VideoCapture(str(tmp_path / "none.mp4"))) is None
        assert level == ([3] if home == "nowhere" else [3, 0, 2])
        extras.optional.cache_clear()

    def test_options_of_streams_are_not_those_of_files(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(capture._FFMPEG, raising=False)
        options, seen = capture.FfmpegOptions(), []

        def open_file() -> None:
            with options.for_files():
                seen.append(os.environ.get(capture._FFMPEG))

        with options.for_streams(), options.for_streams():
            assert os.environ[capture._FFMPEG].startswith(capture._FFMPEG_DEFAULT)
            thread = threading.Thread(target=open_file)
            thread.start()
            thread.join(0.2)
            assert not seen
        thread.join(10)
        assert seen == [capture._FILES_ONLY] and capture._FFMPEG not in os.environ

    def test_the_users_own_options_hold_for_everything(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(capture._FFMPEG, "rtsp_transport;udp")
        options = capture.FfmpegOptions()
        for block in (options.for_streams, options.for_files):
            with block():
                first, limit, _ = os.environ[capture._FFMPEG].split("|")
                assert first == "rtsp_transport;udp" and limit.startswith("protocol_whitelist;")
        assert os.environ[capture._FFMPEG] == "rtsp_transport;udp"


def test_a_checkout_without_its_package_says_what_to_do(tmp_path: Path) -> None:
    """`python` in the root of a checkout, of an environment in which edgenets is not installed."""
    for name in ("__init__.py", "checkout.py"):
        (tmp_path / "edgenets").mkdir(exist_ok=True)
        (tmp_path / "edgenets" / name).write_text((ROOT / "edgenets" / name).read_text())
    # -S: without site-packages, and so without what is installed here.
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import edgenets"], cwd=tmp_path, capture_output=True,
        text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and f"`pip install -e {tmp_path}`" in last


def test_a_checkout_gives_way_to_the_installed_package(tmp_path: Path) -> None:
    """`pip install .`, then `python` in the checkout's root."""
    checkout, site = tmp_path / "checkout", tmp_path / "site"
    for folder in (checkout, site):
        (folder / "edgenets").mkdir(parents=True)
        for name in ("__init__.py", "checkout.py"):
            (folder / "edgenets" / name).write_text((ROOT / "edgenets" / name).read_text())
    (site / "edgenets" / "converters").mkdir()
    (site / "edgenets" / "converters" / "__init__.py").touch()
    program = (
        "import edgenets, edgenets.converters as c; print(edgenets.__file__); print(c.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=checkout, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}, check=True,
    )  # fmt: skip
    assert all(line.startswith(str(site)) for line in done.stdout.splitlines())


class TestOnnxRuntime:
    @pytest.mark.parametrize(
        ("release", "is_told"),
        [
            ("1.20.0", True),
            ("1.21.1", True),
            ("1.22.0", False),
            ("1.32.0", False),
            ("2.0.0", False),
        ],
    )
    def test_a_fusion_that_older_releases_get_wrong(self, release: str, is_told: bool) -> None:
        told = session_options(types.SimpleNamespace(__version__=release))
        assert told == ({"disabled_optimizers": ["GatherSliceToSplitFusion"]} if is_told else {})


def test_what_only_a_type_checker_reads_is_no_use() -> None:
    """No run evaluates it, so a release that lacks it is not too old."""
    names = {use.name for use in uses()}
    assert "ZstdDecompressor" in names
    assert "ZstdDecompressionObj" not in names  # an annotation in devices/flash/image.py
