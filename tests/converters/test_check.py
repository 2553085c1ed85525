"""What is predicted of a board: operators, memory, the Edge TPU; and that interpreters agree."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from edgenets.artifact import FORMATS, Artifact
from edgenets.converters.check import edgetpu, memory, versions
from edgenets.converters.check.check import Target, check
from edgenets.converters.check.onnxgraph import facts
from edgenets.converters.check.operators import Graph, Operator, Tensor, read
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources import tflite_file
from edgenets.converters.sources.keras_file import source_of
from edgenets.errors import ModelError
from tests.commands import Call, call
from tests.converters import wholes

__all__ = ["call"]  # a fixture

MODELS = Path(__file__).parents[3] / "shared" / "models"

pytestmark = pytest.mark.slow


def graph_of(model: keras.Model, precision: Any = "int8") -> Graph:
    source = source_of(model, Path("net.keras"))
    written = Conversion(Job(source, wholes.items(source, 8))).convert("tflite", precision)
    return read(Path("a.tflite"), next(iter(written.files.values())))


def over(*inside: Any, shape: tuple[int, ...] = (16, 16, 8)) -> keras.Model:
    return keras.Sequential([layers.Input(shape, name="x"), *inside])


@pytest.fixture(scope="module")
def images() -> Graph:
    return graph_of(wholes.built("images"))


class TestVersions:
    @pytest.mark.parametrize("package", versions.KNOWN)
    def test_the_interpreter_says_so_itself(self, package: str, tmp_path: Path) -> None:
        """What is kept beside the code is what the installed one answers."""
        pytest.importorskip(f"{package}.interpreter" if package == "ai_edge_litert" else package)
        made = tmp_path / "made.toml"
        words = [sys.executable, "-m", "tests.benchmarks.op_versions", package, str(made)]
        subprocess.run(words, check=True, cwd=Path(__file__).parents[2])
        assert made.read_text() == (Path(versions.__file__).parent / f"{package}.toml").read_text()

    def test_an_operator_that_came_later(self, images: Graph) -> None:
        own = versions.interpreter("ai_edge_litert")
        assert not list(versions.lacking(images, own))
        older = versions.Interpreter("older 1", {**own.operators, "CONV_2D": 1, "MEAN": 0})
        told = list(versions.lacking(images, older))
        assert any(line.startswith("CONV_2D of version") for line in told)
        assert "MEAN, which it has not" in told


class TestMemory:
    def test_what_is_alive_at_once(self) -> None:
        """Two branches of 16 × 16 × 8, and what they were made of."""
        graph = graph_of(over(layers.Conv2D(8, 1), layers.Conv2D(4, 1)), "fp32")
        most, where = memory.peak(graph)
        assert most == 4 * 16 * 16 * (8 + 8) and where.startswith("CONV_2D")

    def test_a_residual_is_kept(self) -> None:
        entry = keras.Input((16, 16, 8), name="x")
        x = layers.Conv2D(8, 3, padding="same")(layers.Conv2D(8, 3, padding="same")(entry))
        graph = graph_of(keras.Model(entry, layers.Add()([x, entry])), "fp32")
        assert memory.peak(graph)[0] == 4 * 16 * 16 * 8 * 3

    def test_a_shape_that_is_not_known_is_no_number(self) -> None:
        """`x.view(x.size(0), -1)` as PyTorch writes it, of a batch that is open."""
        node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
        nodes = [
            node("Shape", ["x"], ["s"]), node("Gather", ["s", "first"], ["n"]),
            node("Unsqueeze", ["n", "axes"], ["m"]), node("Concat", ["m", "rest"], ["to"], axis=0),
            node("Reshape", ["x", "to"], ["y"]),
        ]  # fmt: skip
        held = [onnx.numpy_helper.from_array(np.array(v, np.int64), n)
                for n, v in (("first", 0), ("axes", [0]), ("rest", [-1]))]  # fmt: skip
        for batch, known in (("n", False), (1, True)):
            graph = onnx.helper.make_graph(
                nodes, "g", [value("x", 1, [batch, 4, 8])], [value("y", 1, [batch, None])], held
            )
            model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
            peak = facts(model.SerializeToString()).peak
            # The image, the shape that it gets, and what comes out of it.
            assert peak == (4 * 4 * 8 + 2 * 8 + 4 * 4 * 8 if known else None)

    def test_a_damaged_file_is_said_to_be_one(self, images: Graph) -> None:
        source = source_of(wholes.built("images"), Path("net.keras"))
        written = Conversion(Job(source)).convert("tflite", "fp32")
        tree = tflite_file.tree_of(Path("a"), next(iter(written.files.values())))
        first = tree.subgraphs[0].operators[0]
        first.inputs = np.array([10_000, *first.inputs[1:]], np.int32)
        with pytest.raises(ModelError, match=r"a\.tflite: is a damaged TFLite file"):
            read(Path("a.tflite"), tflite_file.packed(tree))


class TestEdgeTpu:
    def test_a_net_of_its_operators(self) -> None:
        graph = graph_of(over(layers.Conv2D(8, 3), layers.ReLU(), layers.Conv2D(4, 1)))
        found = edgetpu.mapping(graph)
        assert not found.left and found.split is None
        assert 0 < found.weights < 2000 and not found.beyond

    def test_floats_are_not_mapped(self) -> None:
        found = edgetpu.mapping(graph_of(over(layers.Conv2D(8, 3)), "fp32"))
        assert not found.mapped and "is of FLOAT32" in found.left[0][1]

    def test_what_stands_behind_a_foreign_operator(self) -> None:
        graph = graph_of(over(
            layers.Conv2D(8, 3), layers.Activation("gelu"), layers.Conv2D(8, 3), layers.Conv2D(8, 3)
        ))  # fmt: skip
        found = edgetpu.mapping(graph)
        assert found.split is not None and found.split.name == "GELU"
        assert [o.name for o in found.mapped if o.name == "CONV_2D"] == ["CONV_2D"]
        assert any("stands behind" in why for _, why in found.left)

    def test_nothing_is_divided_by_what_comes_last(self) -> None:
        found = edgetpu.mapping(graph_of(over(layers.Conv2D(8, 3), layers.Activation("gelu"))))
        assert found.split is None and found.left[0][0].name == "GELU"

    @pytest.mark.parametrize(
        ("layer", "shape", "why"),
        [(layers.Conv2D(8, 3, dilation_rate=(1, 2)), (16, 16, 8), "holes of another size"),
         (layers.Softmax(), (4, 8), "softmax of more than one row"),
         (layers.PReLU(), (16, 16, 8), "slope for every pixel"),
         (layers.Dense(4), (5, 8), "gives more than one row")],
    )  # fmt: skip
    def test_limits(self, layer: Any, shape: tuple[int, ...], why: str) -> None:
        found = edgetpu.mapping(graph_of(over(layer, shape=shape)))
        assert any(why in reason for _, reason in found.left), found.left

    def test_a_constant_that_is_joined(self) -> None:
        """A row of noughts is padding; any other constant is not mapped."""
        for value, told in ((0.0, False), (0.5, True)):
            entry = keras.Input((4, 8), name="x")
            row = keras.ops.full((1, 1, 8), value)
            both = keras.Model(entry, keras.ops.concatenate([layers.ReLU()(entry), row], axis=1))
            left = edgetpu.mapping(graph_of(both)).left
            assert any("is not zero" in why for _, why in left) == told, left

    @pytest.mark.parametrize(("shape", "well"), [((1, 1, 5, 10), True), ((1, 5, 1, 10), False)])
    def test_an_axis_that_is_taken_out(self, shape: tuple[int, ...], well: bool) -> None:
        tensor = Tensor(0, "a", shape, "INT8", False, False, True, False, False)
        gone = replace(tensor, number=1, shape=tuple(d for d in shape if d > 1))
        operator = Operator(0, "SQUEEZE", 1, False, (tensor,), (gone,), None)
        assert (edgetpu.obstacle(operator) == "") == well

    @pytest.mark.shared_data
    @pytest.mark.skipif(not MODELS.is_dir(), reason="no models of others here")
    def test_an_operator_that_interpreters_have_though_it_is_custom(self) -> None:
        path = MODELS / "tflite_support" / "coco_ssd_mobilenet_v1_quant.tflite"
        own = Artifact(
            "tflite", "int8", (path.name,), *tflite_file.tensors(path, b := path.read_bytes())
        )
        (found,) = check([Written(own, {path.name: b})], Target("board", ("tflite",), 1024))
        assert found.well, found.findings

    @pytest.mark.shared_data
    @pytest.mark.skipif(not MODELS.is_dir(), reason="no models of others here")
    def test_what_its_own_compiler_mapped(self) -> None:
        """Coral ships this file compiled, and says that all of it is mapped."""
        path = MODELS / "coral" / "mobilenet_v1_0.25_128_quant.tflite"
        found = edgetpu.mapping(read(path, path.read_bytes()))
        assert found.mapped and not found.left


class TestCheck:
    def target(self, **changes: Any) -> Target:
        usual: dict[str, Any] = {"memory_mb": 1024}
        return Target("board", ("tflite", "onnx"), **usual | changes)

    def artifacts(self) -> list[Any]:
        source = source_of(wholes.built("images"), Path("net.keras"))
        carrier = Conversion(Job(source, wholes.items(source, 8)))
        return [carrier.convert(format, "fp32") for format in FORMATS]

    def test_each_format(self) -> None:
        tflite, onnx, openvino = check(self.artifacts(), self.target())
        assert tflite.well and onnx.well and not openvino.well
        assert "no backend for openvino" in openvino.findings[0].text
        assert any("of opset 13, needs ONNX Runtime 1.6" in f.text for f in onnx.findings)
        for one in (tflite, onnx):
            assert any(f.about == "memory" and "kB of tensors" in f.text for f in one.findings)

    def test_a_board_without_room(self) -> None:
        found = check(self.artifacts()[:1], self.target(memory_mb=220))
        assert not found[0].well and "has room for about 0 MB" in found[0].findings[-1].text

    def test_by_the_command_line(self, tmp_path: Path, call: Call) -> None:
        wholes.built("images").save(tmp_path / "net.keras")
        told = call("check", tmp_path / "net.keras", "--target", "rpi4", "--json").json()
        assert {a["id"] for a in told["artifacts"]} == {f"{f}-fp32" for f in FORMATS}
        assert all(a["well"] for a in told["artifacts"])
        # What cannot be made is no less told.
        options = ("--target", "rpi4", "--precision", "fp32,int8", "--to", "tflite")
        done = call("check", tmp_path / "net.keras", *options)
        assert done.code == 0 and "tflite-int8 on" in done.out and "not made" in done.out
        assert "--calibration FILE" in done.out
        shown = call("check", "kws-gru", "--target", "coral-usb", "--to", "tflite")
        assert "operators would be mapped (predicted)" in shown.out and shown.code == 0
        none = call("check", "kws-gru", "--target", "jetson-orin-nano", "--to", "openvino")
        assert none.code == 1 and "has no backend for openvino" in none.out
        nothing = call("check", "kws-gru", "--target", "rpi4", "--precision", "int16x8")
        assert nothing.code == 2 and "has nothing of that, only tflite-int8" in nothing.err
        shaped = call("check", "kws-gru", "--target", "rpi4", "--shape", "1,2")
        assert shaped.code == 2 and "for a model of your own" in shaped.err
        unknown = call("check", "kws-gru", "--target", "toaster")
        assert unknown.code == 2 and "toaster" in unknown.err
