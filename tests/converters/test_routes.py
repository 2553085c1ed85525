"""Any model along any conversion path: parity of what comes out, and reasons where nothing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from edgenets.artifact import FORMATS
from edgenets.converters.formats import MISSING, Converted
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job, Place
from edgenets.converters.routes.find import routes
from edgenets.converters.routes.table import CONVERTERS
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source, open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from edgenets.errors import ConversionError
from tests.commands import Call, call
from tests.converters import wholes

__all__ = ["call"]  # a fixture


def job_of(source: Source, **changes: Any) -> Job:
    shapes = {name: (wholes.STEPS, *_rest(source, name)) for name in source.open_inputs}
    return Job(source, wholes.items(source, 24), shapes=shapes, **changes)


def _rest(source: Source, name: str) -> tuple[int, ...]:
    return next(i.shape[2:] for i in source.inputs if i.name == name)


def check(source: Source, found: Converted) -> None:
    """Every artifact passes the gate on items that it was not calibrated on."""
    report = Judge(SourceReference(source, Items(wholes.items(source, 20, 1)))).verify(
        found.written
    )
    assert len(report.verdicts) == len(found.written)
    for verdict in report.verdicts:
        assert not verdict.error, (verdict.id, verdict.error)
        failed = [c for c in verdict.checks if not c.passed and c.name not in _BY_CHANCE]
        assert not failed, (verdict.id, failed)


# Networks that learned nothing decide by hairs: what counts here are their numbers.
_BY_CHANCE = ("agreement", "metric_drop")


@pytest.mark.slow
@pytest.mark.parametrize("name", wholes.NETS)
def test_every_kind_of_net_as_a_whole(name: str) -> None:
    source = source_of(wholes.built(name), Path("net.keras"))
    found = convert_source(job_of(source, variant="whole"), FORMATS, ("fp32", "int8"))
    assert not found.missing and len(found.written) == 6
    check(source, found)
    assert all(not w.artifact.states for w in found.written)


@pytest.mark.slow
def test_every_precision_of_a_net_of_pictures() -> None:
    source = source_of(wholes.built("images"), Path("net.keras"))
    precisions = ("fp32", "fp16", "dynamic", "int8", "int16x8")
    found = convert_source(job_of(source), FORMATS, precisions)
    assert {w.artifact.id for w in found.written} == {
        f"{f}-{p}" for f in FORMATS for p in precisions if (f, p) not in MISSING
    }  # fmt: skip
    check(source, found)
    assert ["16-bit" in line for line in found.missing] == [True]


@pytest.mark.slow
def test_a_cell_of_the_users_own_is_refused_as_a_step_and_carried_as_a_whole() -> None:
    class Cell(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.state_size, self.dense = 5, layers.Dense(5)

        def build(self, shape: Any) -> None:
            self.dense.build((None, shape[-1] + 5))
            self.built = True

        def call(self, x: Any, states: Any) -> Any:
            h = keras.ops.tanh(self.dense(keras.ops.concatenate([x, states[0]], -1)))
            return h, [h]

    source = source_of(wholes.sequence(layers.RNN(Cell(), name="own")), Path("net.keras"))
    with pytest.raises(ConversionError, match=r"no step form: layer 'own' \(RNN\)"):
        convert_source(Job(source, variant="step"), ("tflite",), ("fp32",))
    check(source, convert_source(job_of(source), FORMATS, ("fp32", "int8")))


def recurrent(op: str, path: Path) -> Path:
    """An ONNX file as PyTorch writes it: (batch, time, …), both ways through time, and logits."""
    gates, hidden = {"GRU": 3, "LSTM": 4, "RNN": 1}[op], 5
    rng, held = np.random.default_rng(0), []

    def weights(*shape: int) -> str:
        values = 0.4 * rng.standard_normal(shape).astype(np.float32)
        held.append(onnx.numpy_helper.from_array(values, f"w{len(held)}"))
        return f"w{len(held) - 1}"

    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    names = [
        weights(2, gates * hidden, wholes.WIDTH), weights(2, gates * hidden, hidden),
        weights(2, 2 * gates * hidden),
    ]  # fmt: skip
    extra = {"linear_before_reset": 1} if op == "GRU" else {}
    nodes = [
        node("Transpose", ["features"], ["t"], perm=[1, 0, 2]),
        node(op, ["t", *names], ["", "h"], hidden_size=hidden, direction="bidirectional", **extra),
        node("Transpose", ["h"], ["b"], perm=[1, 0, 2]),
        node("Flatten", ["b"], ["f"], axis=1),
        node("Gemm", ["f", weights(4, 2 * hidden), weights(4)], ["scores"], transB=1),
    ]
    graph = onnx.helper.make_graph(
        nodes, "net", [value("features", 1, ["n", "time", wholes.WIDTH])],
        [value("scores", 1, ["n", 4])], held,
    )  # fmt: skip
    opset = [onnx.helper.make_opsetid("", 17)]
    made = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.slow
@pytest.mark.parametrize("op", ["GRU", "LSTM", "RNN"])
def test_recurrent_operators_of_onnx(op: str, tmp_path: Path) -> None:
    source = open_source(recurrent(op, tmp_path / "net.onnx"))
    found = convert_source(job_of(source), FORMATS, ("fp32", "int8"))
    assert not found.missing
    check(source, found)


@pytest.mark.slow
class TestFiles:
    """The same network as every kind of file that a user may bring."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder, model = tmp_path_factory.mktemp("files"), wholes.built("images")
        model.save(folder / "net.keras")
        model.save(folder / "net.h5")
        model.export(folder / "net", verbose=False)
        carrier = Conversion(Job(open_source(folder / "net.keras")))
        for format, name in (("onnx", "net.onnx"), ("tflite", "net.tflite")):
            written = carrier.convert(format, "fp32")  # type: ignore[arg-type]
            (folder / name).write_bytes(next(iter(written.files.values())))
        return folder

    @pytest.mark.parametrize(
        "name",
        ["net.keras", "net.h5", "net", "net.tflite", "net.onnx"],
    )
    def test_it_is_carried(self, folder: Path, name: str) -> None:
        source = open_source(folder / name)
        found = convert_source(job_of(source), FORMATS, ("fp32", "fp16", "dynamic", "int8"))
        assert not found.missing
        check(source, found)

    def test_all_of_them_answer_alike(self, folder: Path) -> None:
        answers = []
        for name in ("net.keras", "net.h5", "net", "net.tflite", "net.onnx"):
            source = open_source(folder / name)
            (given,) = source.answer(wholes.items(source, 5)).values()
            answers.append(given)
        assert all(np.abs(a - answers[0]).max() < 1e-5 for a in answers)

    @pytest.mark.parametrize("format", ["tflite", "onnx"])
    def test_what_was_rounded_stays_so(self, folder: Path, tmp_path: Path, format: Any) -> None:
        source = open_source(folder / f"net.{format}")
        written = Conversion(job_of(source)).convert(format, "int8")
        (tmp_path / f"net.{format}").write_bytes(next(iter(written.files.values())))
        rounded = open_source(tmp_path / f"net.{format}")
        assert rounded.precision == "int8"
        found = convert_source(Job(rounded), FORMATS, ("int8", "fp32"))
        assert [w.artifact.id for w in found.written] == [f"{f}-int8" for f in FORMATS]
        assert all("does not come back" in line for line in found.missing)
        check(rounded, found)

    def test_by_the_command_line(self, folder: Path, tmp_path: Path, call: Call) -> None:
        source = open_source(folder / "net.keras")
        given = wholes.items(source, 24)
        np.save(tmp_path / "some.npy", given["image"])
        (scores,) = source.answer(given).values()
        np.savez(tmp_path / "all.npz", image=given["image"], y=scores.argmax(axis=-1))
        out = tmp_path / "out"
        told = call(
            "convert", folder / "net.keras", "--calibration", tmp_path / "some.npy", "--out", out,
            "--to", "tflite,onnx", "--precision", "fp32,int8", "--json",
        ).json()  # fmt: skip
        routes = {a["id"]: a["route"] for a in told["artifacts"]}
        assert routes["onnx-int8"] == [
            "freeze (tensorflow)", "tf2onnx (tf2onnx)", "quantize (onnxruntime)",
        ]  # fmt: skip
        checked = call("verify", out, "--data", tmp_path / "all.npz", "--json").json()
        assert checked["metric"] == "accuracy" and checked["reference"] == 1.0
        assert {v["id"] for v in checked["verdicts"]} == set(routes)
        report = json.loads((out / "report.json").read_text())
        assert report["items"] == 24 and report["model"] == "net"
        # A source that is another now proves nothing.
        index = out / "artifacts" / "artifacts.json"
        index.write_text(index.read_text().replace("net.keras", "net.tflite"))
        told_so = call("verify", out, "--data", tmp_path / "all.npz")
        assert told_so.code == 2 and "changed since it was converted" in told_so.err

    def test_it_is_explained(self, folder: Path, call: Call) -> None:
        found = call("convert", folder / "net.keras", "--explain", "--json").json()
        step, whole = found["tflite-fp32"][:2]
        assert "its size is fixed, so the whole-sequence model is meant" in step["closed"]
        assert whole["taken"] and whole["route"][0] == "freeze (tensorflow)"
        why = (
            "--calibration",
            "its size is fixed",
            "not trained with rounding",
            "no recurrent layer",
        )
        assert all(any(part in one["closed"] for part in why) for one in found["onnx-int8"])
        shown = call("convert", folder / "net.keras", "--explain", "--to", "onnx").out
        assert "─tf2onnx (tf2onnx)─▶ onnx fp32" in shown and "requires" in shown
        assert not (folder / "artifacts").exists()

    def test_another_model_s_artefacts_are_not_written_over(
        self, folder: Path, tmp_path: Path, call: Call
    ) -> None:
        options = ("--to", "onnx", "--precision", "fp32", "--out", tmp_path)
        assert call("convert", folder / "net.keras", *options).code == 0
        (tmp_path / "report.json").write_text("{}")  # of what was there before
        assert call("convert", folder / "net.keras", *options).code == 0
        assert not (tmp_path / "report.json").exists()
        done = call("convert", folder / "net.onnx", *options)
        assert done.code == 2 and "has artifacts of net.keras in it; say another --out" in done.err

    def test_a_reason_is_the_user_s_own(self, folder: Path, tmp_path: Path, call: Call) -> None:
        """Conversion paths that nobody meant are for --explain."""
        options = ("--to", "tflite", "--precision", "int8", "--out", tmp_path)
        done = call("convert", folder / "net.keras", *options)
        assert done.code == 2 and "nothing could be converted: integers need items" in done.err
        done = call("convert", folder / "net.keras", "--shape", "9,9,3", *options)
        assert "cannot be 9,9,3; it is 16,16,3" in done.err and "N is any" not in done.err

    def test_wishes_close_roads(self, folder: Path, tmp_path: Path, call: Call) -> None:
        items = tmp_path / "some.npz"
        np.savez(items, **wholes.items(open_source(folder / "net.keras"), 4))
        found = call(
            "convert", folder / "net.keras", "--explain", "--calibration", items, "--symmetric",
            "--to", "tflite,onnx", "--precision", "int8", "--json",
        ).json()  # fmt: skip
        by_converter = [r for r in found["tflite-int8"] if "TFLiteConverter" in r["drawn"]]
        assert any("chooses the zeros" in route["closed"] for route in by_converter)
        assert not any(route["taken"] for route in found["tflite-int8"])
        assert any(route["taken"] for route in found["onnx-int8"])


class TestRoads:
    def test_the_shortest_comes_first_and_none_goes_in_a_circle(self) -> None:
        found = routes(Place("keras", "fp32"), "openvino", "int8")
        assert [leg.converter.name for leg in found[0].legs] == ["walk", "write"]
        costs = [sum(leg.converter.cost for leg in route.legs) for route in found]
        assert costs == sorted(costs)
        for route in found:
            places = [route.start, *(leg.to for leg in route.legs)]
            assert len(set(places)) == len(places)

    def test_every_edge_leads_on_from_one_place_to_another(self) -> None:
        for edge in CONVERTERS:
            assert edge.requires and edge.ensures and edge.precisions
            assert edge.source != edge.target or all(
                p not in targets for p, targets in edge.precisions.items()
            )

    def test_an_open_size_is_asked_for(self) -> None:
        source = source_of(wholes.built("bidirectional"), Path("net.keras"))
        with pytest.raises(ConversionError) as told:
            convert_source(Job(source), ("tflite",), ("fp32",))
        assert "Bidirectional" in str(told.value)
        assert "say which: --shape features=N,6" in str(told.value)

    def test_a_causal_net_becomes_a_step_model_unless_a_size_is_given(self) -> None:
        source = source_of(wholes.built("gru"), Path("net.keras"))
        step = convert_source(Job(source), ("tflite",), ("fp32",)).written[0]
        whole = convert_source(job_of(source), ("tflite",), ("fp32",)).written[0]
        assert step.artifact.states and not whole.artifact.states
        assert step.route == ("walk (edgenets)", "write (edgenets)")
        report = Judge(SourceReference(source, Items(wholes.items(source, 4)))).verify(
            (step, whole)
        )
        assert report.passed

    @pytest.mark.parametrize(
        ("shape", "message"),
        [("3,4,5", "is no such size|cannot be 3,4,5"), ("12,7", "cannot be 12,7; it is N,6")],
    )
    def test_a_size_that_does_not_fit(self, shape: str, message: str) -> None:
        source = source_of(wholes.built("gru"), Path("net.keras"))
        sizes = tuple(int(part) for part in shape.split(","))
        job = Job(source, shapes={"features": sizes})
        with pytest.raises(ConversionError, match=message):
            convert_source(job, ("tflite",), ("fp32",))

    def test_states_that_go_outside_are_given_by_the_whole_form_alone(self) -> None:
        source = source_of(wholes.built("states"), Path("net.keras"))
        with pytest.raises(ConversionError, match=r"gives its states besides \(return_state\)"):
            convert_source(Job(source), ("tflite",), ("fp32",))
        assert len(convert_source(job_of(source), ("tflite",), ("fp32",)).written) == 1
