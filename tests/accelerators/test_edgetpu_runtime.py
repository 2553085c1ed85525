"""Artifacts for the Edge TPU where bundles run: with one plugged in, and without."""

from __future__ import annotations

import ctypes
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgenets import backend, zoo
from edgenets import bundle as bundles
from edgenets.bundle import Bundle, golden_name
from edgenets.converters.check.check import Target, check
from edgenets.converters.formats import Written
from edgenets.devices.board import load as board
from edgenets.devices.deploy.needs import ServeOptions, extras_of
from edgenets.devices.preflight import of_board, preflight
from edgenets.errors import BackendError
from edgenets.runtime.bench import Row
from edgenets.runtime.load import load
from edgenets.runtime.pick import candidates
from edgenets.runtime.selftest import selftest
from edgenets.selection import Request, select
from tests.accelerators import stand_ins


class TestBoard:
    @pytest.fixture
    def stuck(self, bundle: Bundle) -> Bundle:
        """A bundle whose artifact for the Edge TPU the stand-in's CPU computes."""
        made = stand_ins.as_if_compiled(stand_ins.int8_of(bundle))
        artifacts, others = bundle.contents()
        artifact = replace(made.artifact, files=("tpu.tflite",))
        (content,) = made.files.values()
        others[golden_name(artifact)] = others["golden/tflite-int8.f32"]
        bundles.write(
            bundle.path, bundle.spec, {**artifacts, artifact: {"tpu.tflite": content}}, others,
            "none", "edgenets",
        )  # fmt: skip
        return Bundle(bundle.path)

    @pytest.mark.usefixtures("tpu")
    def test_it_is_taken_where_it_is_plugged_in(self, stuck: Bundle) -> None:
        choice = select(stuck)
        assert choice.artifact.id == "edgetpu-int8"
        library = stand_ins.library("libedgetpu.so.1")
        asked = ctypes.c_int.in_dll(library, "stand_in_prepared")
        before = asked.value
        session = load(stuck, choice)
        assert asked.value > before  # the interpreter has the delegate, and not its name alone
        assert session.runs_on.startswith("Edge TPU (USB) by ai-edge-litert")
        trial = next(t for t in selftest(stuck) if t.id == "edgetpu-int8")
        assert trial.passed and trial.difference == 0

    def test_elsewhere_the_processor_does_the_work(self, stuck: Bundle) -> None:
        stand_ins.library("libedgetpu.so.1")  # it is installed, and sees none
        choice = select(stuck)
        assert choice.artifact.id == "tflite-int8"
        assert "not available: edgetpu-int8" in choice.reason
        trial = next(t for t in selftest(stuck) if t.id == "edgetpu-int8")
        assert trial.passed is None and "sees none" in trial.reason
        with pytest.raises(BackendError, match=r"edgetpu-int8 can run.*Plug it in"):
            select(stuck, Request("edgetpu"))

    @pytest.mark.usefixtures("tpu")
    def test_one_that_another_process_has(self, stuck: Bundle) -> None:
        refuses = ctypes.c_int.in_dll(stand_ins.library("libedgetpu.so.1"), "stand_in_refuses")
        refuses.value = 1
        try:
            with pytest.raises(BackendError, match=r"cannot be opened.*: Failed to open the dev"):
                load(stuck, select(stuck))
        finally:
            refuses.value = 0

    def test_its_figures_are_those_of_its_source(self, stuck: Bundle) -> None:
        """So that a limit of loss does not put it out, nor the front in."""
        artifacts, others = stuck.contents()
        report = zoo.load("kws-gru").report()
        others["report.json"] = json.dumps(report).encode()
        bundles.write(stuck.path, stuck.spec, artifacts, others, "none", "edgenets")
        rows = [
            Row(b, "int8", 1, 50.0, us, us, us, 1.0, 80.0, 1000, 5.0, "", p95_us=us)
            for b, us in (("tflite", 9.0), ("edgetpu", 5.0))
        ]
        found = {c.id: c for c in candidates(Bundle(stuck.path), rows)}
        assert found["edgetpu-int8"].loss == found["tflite-int8"].loss is not None

    def test_what_a_board_needs(self, stuck: Bundle) -> None:
        serve = ServeOptions(backend="edgetpu")
        assert (
            "tflite" in (extras := extras_of(stuck, serve, "edgetpu")) and "edgetpu" not in extras
        )
        place = of_board(board("rpi4-coral-usb"))
        by_tpu = {f.about: f for f in preflight(stuck, place, serve)}["Coral USB"]
        assert by_tpu.level == "well" and "by edgetpu" in by_tpu.text
        # As on the board itself, it is taken without being requested.
        assert {f.about: f for f in preflight(stuck, place)}["Coral USB"] == by_tpu
        by_cpu = {f.about: f for f in preflight(stuck, place, ServeOptions(backend="tflite"))}
        hint = by_cpu["Coral USB"]
        assert hint.level == "note" and "--backend edgetpu" in hint.text
        none = {f.about: f for f in preflight(zoo.load("kws-gru"), place)}["Coral USB"]
        assert "`edgenets attach` makes one" in none.text

    def test_a_board_without_one_stops_it(self, stuck: Bundle) -> None:
        artifact = stuck.artifact("edgetpu-int8")
        item = Written(artifact, stuck.files(artifact))
        (bare,) = check([item], Target("a board", ("tflite",), 1024))
        assert not bare.well and "no Edge TPU" in bare.findings[0].text
        (coral,) = check([item], Target("a Coral", ("tflite",), 1024, edge_tpu=True))
        assert coral.well

    def test_a_hand_made_manifest_is_refused(self, stuck: Bundle, tmp_path: Path) -> None:
        """Of which the artifact that was compiled names no source, or a wrong one."""
        artifact = stuck.artifact("edgetpu-int8")
        with pytest.raises(ValueError, match="is compiled from something"):
            replace(artifact, compiled_from="")
        with pytest.raises(ValueError, match="is compiled from something"):
            replace(stuck.artifact("tflite-int8"), compiled_from="0" * 64)
        artifacts, others = stuck.contents()
        lie = replace(artifact, compiled_from=hashlib.sha256(b"").hexdigest())
        changed = {lie if a.id == artifact.id else a: f for a, f in artifacts.items()}
        with pytest.raises(ValueError, match="was compiled from an artifact that is not there"):
            bundles.write(tmp_path / "x.edge", stuck.spec, changed, others, "none", "edgenets")


def test_backends_name_what_they_take(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="edgetpu runs edgetpu artifacts in int8, not tflite-in"):
        backend.load("edgetpu", stand_ins.int8_of(bundle).artifact, stand_ins.int8_of(bundle).files)
