"""One answer to "which artifact runs": `preflight`, `deploy` and the service on the board."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgenets import backend, zoo
from edgenets.bundle import Bundle
from edgenets.choice import Chosen, Limits, record
from edgenets.devices import board as boards
from edgenets.devices.availability import of_profile
from edgenets.devices.deploy import needs
from edgenets.devices.preflight import of_board, preflight
from edgenets.errors import DeviceError
from edgenets.selection import Availability, Request, Selection, select

# The package of an extra, as preflight lists it.
PACKAGES = {"tflite": "ai_edge_litert", "onnx": "onnxruntime", "openvino": "openvino"}

SOURCE = ("null:1",)


def recorded(bundle: Bundle, folder: Path) -> list[Bundle]:
    """A bundle as it is, and with each format's first artifact as what was chosen."""
    answers = bundle.spec.parts[-1] if bundle.spec.parts else ""
    firsts = {a.format: a for a in reversed(bundle.artifacts) if a.part == answers}
    made = [bundle]
    for artifact in firsts.values():
        path = folder / f"{bundle.path.stem}-{artifact.id}.edge"
        record(bundle, Chosen(artifact.id, 2, 9.0, 1, None, "a board", Limits()), path)
        made.append(Bundle(path))
    return made


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("recorded")
    return [made for one in zoo.shipped() for made in recorded(zoo.load(one), folder)]


def installed(bundle: Bundle, serve: needs.ServeOptions, why_not: Availability) -> Availability:
    """What is available in the environment that `deploy` makes on a board."""
    selected = needs.selection_of(bundle, serve, why_not)
    extras = needs.extras_of(bundle, serve, selected.backend)
    there = {name for name in backend.BACKENDS if name in extras}
    if "tflite" in extras and why_not("edgetpu") is None:
        there.add("edgetpu")
    return lambda name: None if name in there else f"{name} is not installed"


def on_the_board(bundle: Bundle, serve: needs.ServeOptions, why_not: Availability) -> Selection:
    """What `edgenets run` takes there, with the arguments that `deploy` gave the service."""
    words = needs.arguments_of(bundle, serve)
    asked = words[words.index("--backend") + 1] if "--backend" in words else None
    return select(bundle, Request(asked), installed(bundle, serve, why_not))


@pytest.mark.parametrize("name", boards.names())
def test_one_answer(name: str, bundles: list[Bundle]) -> None:
    place = of_board(boards.load(name))
    for bundle in bundles:
        for asked in (None, "onnx"):
            serve = needs.ServeOptions(SOURCE, backend=asked)
            wanted = needs.selection_of(bundle, serve, place.why_not)
            served = on_the_board(bundle, serve, place.why_not)
            case = f"{bundle.path.name} on {name}, {asked}"
            assert (served.artifact.id, served.backend, served.threads) == (
                wanted.artifact.id, wanted.backend, wanted.threads,
            ), case  # fmt: skip
            found = {f.about: f.text for f in preflight(bundle, place, serve)}
            assert found["artifact"].startswith(f"{wanted.artifact.form} on {wanted.backend}: ")
            assert found["memory"].endswith(f"for the service by {wanted.backend}"), case
            if place.wheels is not None:
                listed = set(re.findall(r"\w+", found["wheels"])) & {*PACKAGES.values()}
                assert listed == {PACKAGES[wanted.backend]}, case


def test_what_was_recorded_is_served_with_its_threads(bundles: list[Bundle]) -> None:
    place = of_board(boards.load("rpi5"))
    for bundle in bundles:
        if "-onnx-" in bundle.path.name:
            served = on_the_board(bundle, needs.ServeOptions(SOURCE), place.why_not)
            assert (served.backend, served.threads) == ("onnx", 2), bundle.path


def test_what_was_recorded_where_its_backend_is_missing(bundles: list[Bundle]) -> None:
    (bundle,) = (b for b in bundles if re.fullmatch(r"kws-gru-openvino-.*\.edge", b.path.name))
    why_not = of_profile(boards.load("jetson-nano"))
    selected = needs.selection_of(bundle, needs.ServeOptions(), why_not)
    assert selected.backend == "tflite" and "(not available: openvino-" in selected.reason
    assert selected.threads == 1  # those were measured with the other one


def test_tensorrt_is_for_the_board_itself(bundles: list[Bundle]) -> None:
    place = of_board(boards.load("jetson-orin-nano"))
    with pytest.raises(DeviceError, match="on the board itself"):
        needs.selection_of(bundles[0], needs.ServeOptions(backend="tensorrt"), place.why_not)
