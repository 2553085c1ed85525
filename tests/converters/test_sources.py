"""Files that a user brings: each is read, or refused with one reason, and none runs code."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from edgenets.artifact import OPEN, TensorInfo
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.reach import outside
from edgenets.converters.sources.source import open_source
from edgenets.data.items import read_items
from edgenets.errors import DataError, ModelError
from tests.converters import wholes

MODELS = Path(__file__).parents[3] / "shared" / "models"

pytestmark = pytest.mark.slow


def reconfigured(source: Path, target: Path, old: str, new: str) -> Path:
    """A `.keras` file whose config says something else."""
    with zipfile.ZipFile(source) as found, zipfile.ZipFile(target, "w") as made:
        for name in found.namelist():
            data = found.read(name)
            if name == "config.json":
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            made.writestr(name, data)
    return target


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    model = wholes.built("images")
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    for format in ("tflite", "onnx"):
        made = Conversion(Job(source_of(model, folder / "net.keras"))).convert(format, "fp32")
        (content,) = made.files.values()
        (folder / f"net.{format}").write_bytes(content)
    return folder


class TestCode:
    """Files that would have code run."""

    def marked(self, tmp_path: Path) -> tuple[Any, Path]:
        """A function that leaves a mark where it runs."""
        mark = str(tmp_path / "ran")
        return (lambda x: (Path(mark).touch(), x)[1]), Path(mark)

    @pytest.mark.parametrize("ending", ["keras", "h5"])
    def test_a_lambda(self, tmp_path: Path, ending: str) -> None:
        function, mark = self.marked(tmp_path)
        model = keras.Sequential([layers.Input((3,)), layers.Lambda(function, name="evil")])
        path = tmp_path / f"net.{ending}"
        model.save(path)
        mark.unlink(missing_ok=True)
        with pytest.raises(ModelError, match="layer 'evil' is a Lambda layer, which is code"):
            open_source(path)
        assert not mark.exists()

    def test_a_class_of_its_authors(self, saved: Path, tmp_path: Path) -> None:
        path = reconfigured(
            saved / "net.keras", tmp_path / "net.keras",
            '"module": "keras.layers", "class_name": "ReLU"',
            '"module": "os.path", "class_name": "join"',
        )  # fmt: skip
        with pytest.raises(ModelError, match=r"join of os\.path, a class of its author's"):
            open_source(path)

    def test_a_module_that_only_begins_like_keras(self, saved: Path, tmp_path: Path) -> None:
        path = reconfigured(
            saved / "net.keras", tmp_path / "net.keras",
            '"module": "keras.layers", "class_name": "ReLU"',
            '"module": "kerasevil.layers", "class_name": "ReLU"',
        )  # fmt: skip
        with pytest.raises(ModelError, match="a class of its author's"):
            open_source(path)

    def test_a_graph_that_writes_files(self, tmp_path: Path) -> None:
        class Net(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
            def __call__(self, x: Any) -> Any:
                tf.io.write_file(str(tmp_path / "ran"), "x")
                return {"y": x + 1}

        net = Net()
        tf.saved_model.save(net, tmp_path / "net", signatures=net.__call__)
        with pytest.raises(ModelError, match=r"operator WriteFile .* reaches beyond the model"):
            open_source(tmp_path / "net")
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("how", ["init", "restore", "answer"])
    def test_a_graph_that_writes_checkpoints(self, tmp_path: Path, how: str) -> None:
        """With the operator that every file has, to save its variables with."""
        path, v1 = tmp_path / "net", tf.compat.v1
        with tf.Graph().as_default() as graph, v1.Session() as session:
            x = v1.placeholder(tf.float32, (None, 3), name="x")
            weight = v1.get_variable("w", (3,))
            saver = v1.train.Saver()
            session.run(v1.global_variables_initializer())
            write = tf.raw_ops.SaveV2(
                prefix=str(tmp_path / "ran"), tensor_names=["a"], shape_and_slices=[""],
                tensors=[weight],
            )  # fmt: skip
            with graph.control_dependencies([write] if how == "answer" else []):
                y = tf.identity(x + weight, name="y")
            with graph.control_dependencies([write]):
                evil = tf.no_op(name="evil")
            builder = v1.saved_model.Builder(str(path))
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"serving_default": signature}, saver=saver,
                main_op=evil if how == "init" else None,
            )  # fmt: skip
            builder.save()
        if how == "restore":
            changed = saved_model_pb2.SavedModel()
            changed.ParseFromString((path / "saved_model.pb").read_bytes())
            changed.meta_graphs[0].saver_def.restore_op_name = "evil"
            (path / "saved_model.pb").write_bytes(changed.SerializeToString())
        with pytest.raises(ModelError, match=r"operator SaveV2 .* reaches beyond the model"):
            open_source(path)
        assert not list(tmp_path.glob("ran*"))

    @pytest.mark.parametrize(
        "op", ["WriteFile", "ReadFile", "ImmutableConst", "Abort", "SymbolicGradient", "PyFunc",
               "GenerateVocabRemapping", "DebugIdentity", "TFRecordDatasetV2", "XlaLaunchV2"],
    )  # fmt: skip
    @pytest.mark.parametrize("where", ["graph", "function"])
    def test_what_nobody_calls_is_refused_all_the_same(self, op: str, where: str) -> None:
        meta = meta_graph_pb2.MetaGraphDef()
        nodes = meta.graph_def.node
        if where == "function":
            nodes = meta.graph_def.library.function.add().node_def
        nodes.add(name="evil", op=op)
        assert list(outside(meta, [])) == [(op, "evil")]

    @pytest.mark.parametrize("op", ["ResourceApplyAdam", "MutableHashTableV2", "RandomUniform"])
    def test_what_training_leaves_behind_is_no_harm(self, op: str) -> None:
        meta = meta_graph_pb2.MetaGraphDef()
        meta.graph_def.node.add(name="one", op=op)
        assert not list(outside(meta, []))

    @pytest.mark.parametrize("how", ["read", "listed", "within"])
    def test_ways_to_what_saves(self, how: str) -> None:
        """By a variable's name, by a list of variables, by a function that another is given."""
        meta = meta_graph_pb2.MetaGraphDef()
        graph = meta.graph_def
        graph.node.add(name="evil", op="SaveV2")
        if how == "read":
            graph.node.add(name="w/Read/ReadVariableOp", op="Identity", input=["^evil"])
        elif how == "listed":
            variable = variable_pb2.VariableDef(variable_name="w:0", snapshot_name="evil")
            meta.collection_def["variables"].bytes_list.value.append(variable.SerializeToString())
        else:
            inner = graph.library.function.add()
            inner.signature.name = "inner"
            inner.node_def.add(name="evil", op="SaveV2")
            graph.library.function.add().signature.name = "outer"
            call = graph.node.add(name="y", op="PartitionedCall")
            call.attr["f"].func.name = "outer"
            call.attr["f"].func.attr["g"].func.name = "inner"
        assert list(outside(meta, ["y"])) == [("SaveV2", "evil")]

    def test_variables_are_restored_by_the_loader_alone(self) -> None:
        meta = meta_graph_pb2.MetaGraphDef()
        meta.graph_def.node.add(name="restore", op="RestoreV2")
        meta.saver_def.restore_op_name = "restore"
        assert not list(outside(meta, []))
        assert list(outside(meta, ["restore:0"])) == [("RestoreV2", "restore")]


def test_a_saved_model_s_tensors_have_one_order(tmp_path: Path) -> None:
    """A map of protobuf's has another in every process; names decide, and numbers in them."""

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name=n) for n in "cab"])
        def __call__(self, c: Any, a: Any, b: Any) -> Any:
            return {f"out_{n}": n * a + b - c for n in (10, 9, 1)}

    net = Net()
    tf.saved_model.save(net, tmp_path / "net", signatures=net.__call__)
    source = open_source(tmp_path / "net")
    assert [i.name for i in source.inputs] == ["a", "b", "c"]
    assert [o.name for o in source.outputs] == ["out_1", "out_9", "out_10"]
    rows = {n: np.full((3, 2), v, np.float32) for n, v in (("a", 1), ("b", 20), ("c", 5))}
    answers = source.answer(rows)
    assert {k: v[0, 0] for k, v in answers.items()} == {"out_1": 16, "out_9": 24, "out_10": 25}


def test_one_item_at_a_time(tmp_path: Path) -> None:
    """A SavedModel that was exported with a batch of one inside."""

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2, 3), tf.float32, name="x")])
        def __call__(self, x: Any) -> Any:
            return {"y": tf.reshape(x, (1, 6))}

    net = Net()
    tf.saved_model.save(net, tmp_path / "net", signatures=net.__call__)
    given = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    answers = open_source(tmp_path / "net").answer({"x": given})
    assert np.array_equal(answers["y"], given.reshape(4, 6))


@pytest.mark.parametrize("cut", [0, 3, 40, 0.3, 0.9])
@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.tflite", "net.onnx", "net.jpg"])
def test_what_is_cut_off(saved: Path, tmp_path: Path, name: str, cut: float) -> None:
    whole = (saved / ("net.h5" if name.endswith("jpg") else name)).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(cut if cut >= 1 or not cut else cut * len(whole))])
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        open_source(path)


def test_weights_alone(tmp_path: Path) -> None:
    wholes.built("images").save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(ModelError, match="holds weights alone"):
        open_source(tmp_path / "net.weights.h5")


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no saved_model\.pb"):
        open_source(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(ModelError, match="is damaged"):
        open_source(tmp_path)


class TestOnnx:
    def made(self, path: Path, nodes: list[Any], **changes: Any) -> Path:
        value = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            nodes, "g", [value("x", 1, ["n", 3])], [value("y", 1, ["n", 3])],
            changes.pop("initializers", []),
        )  # fmt: skip
        opset = [onnx.helper.make_opsetid("", changes.pop("opset", 17))]
        path.write_bytes(
            onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
        )
        return path

    def test_an_open_batch_is_one(self, tmp_path: Path) -> None:
        path = self.made(tmp_path / "a.onnx", [onnx.helper.make_node("Relu", ["x"], ["y"])])
        source = open_source(path)
        assert source.inputs == (TensorInfo("x", (1, 3), "float32"),)
        given = source.answer({"x": np.array([[-1, 0, 2], [3, -4, 5]], np.float32)})
        assert given["y"].tolist() == [[0, 0, 2], [3, 0, 5]]

    @pytest.mark.parametrize(
        ("nodes", "changes", "message"),
        [([("Relu", ["b"], ["a"]), ("Relu", ["a"], ["b"]), ("Add", ["x", "a"], ["y"])], {},
          "checker refuses it: Nodes in a graph must be topologically sorted"),
         ([("Foo", ["x"], ["y"])], {}, "checker refuses it: No Op registered for Foo"),
         ([("Relu", ["x"], ["y"])], {"opset": 3}, "of opset 3; 7 and newer")],
    )  # fmt: skip
    def test_what_is_no_graph(
        self, tmp_path: Path, nodes: list[Any], changes: dict[str, Any], message: str
    ) -> None:
        made = [onnx.helper.make_node(*node) for node in nodes]
        with pytest.raises(ModelError, match=message):
            open_source(self.made(tmp_path / "a.onnx", made, **changes))

    def test_two_gigabytes_in_a_few_bytes(self, tmp_path: Path) -> None:
        huge = onnx.TensorProto(name="w", data_type=1, dims=[1 << 15, 1 << 15])
        node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
        path = self.made(tmp_path / "a.onnx", [node], initializers=[huge])
        with pytest.raises(ModelError, match="'w' is absurdly large"):
            open_source(path)

    def outside(self, folder: Path, location: str, **said: int) -> Path:
        """A model whose weights lie in another file."""
        tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
        tensor.external_data.add(key="location", value=location)
        for key, value in said.items():
            tensor.external_data.add(key=key, value=str(value))
        node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
        return self.made(folder / "a.onnx", [node], initializers=[tensor])

    @pytest.mark.parametrize("place", ["a.onnx.data", "weights/a.bin"])
    def test_weights_beside_it_are_read(self, place: str, tmp_path: Path) -> None:
        values = np.array([9, 1, 2, 3, 9], np.float32)
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(values.tobytes())
        source = open_source(self.outside(tmp_path, place, offset=4, length=12))
        assert source.files == (tmp_path / place,)
        found = source.answer({"x": np.zeros((1, 3), np.float32)})
        assert found["y"].tolist() == [[1, 2, 3]]

    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("../w.bin", "not in its folder"), ("../../etc/passwd", "not in its folder"),
            ("/etc/passwd", "not in its folder"), ("", "not in its folder"),
            ("link", "not in its folder"), ("inside/../../w.bin", "not in its folder"),
            ("missing.bin", "is not there"), (".", "is not there"),
        ],
    )  # fmt: skip
    def test_weights_anywhere_else_are_not(self, place: str, why: str, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (tmp_path / "w.bin").write_bytes(bytes(12))
        (folder / "link").symlink_to(tmp_path / "w.bin")
        with pytest.raises(ModelError, match=why):
            open_source(self.outside(folder, place))

    @pytest.mark.parametrize("said", [{"offset": 4}, {"length": 16}, {"offset": -4}])
    def test_weights_that_are_cut_off(self, said: dict[str, int], tmp_path: Path) -> None:
        (tmp_path / "w.bin").write_bytes(bytes(12))
        path = self.outside(tmp_path, "w.bin", **({"length": 12} | said))
        with pytest.raises(ModelError, match="cut off"):
            open_source(path)

    def test_weights_of_attributes_are_inside(self, tmp_path: Path) -> None:
        tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
        tensor.external_data.add(key="location", value="w.bin")
        (tmp_path / "w.bin").write_bytes(bytes(12))
        nodes = [
            onnx.helper.make_node("Constant", [], ["w"], value=tensor),
            onnx.helper.make_node("Add", ["x", "w"], ["y"]),
        ]
        path = self.made(tmp_path / "a.onnx", nodes)
        with pytest.raises(ModelError, match="keeps weights in other files"):
            open_source(path)


@pytest.mark.shared_data
@pytest.mark.skipif(not MODELS.is_dir(), reason="no models of others here")
class TestModelsOfOthers:
    @pytest.mark.parametrize(
        ("name", "message"),
        [("coral/mobilenet_v1_0.25_128_quant_edgetpu.tflite", "compiled for the Edge TPU"),
         ("tflite_micro/person_detect_vela.tflite", "compiled for Arm's Ethos-U")],
    )  # fmt: skip
    def test_what_another_processors_compiler_wrote(self, name: str, message: str) -> None:
        with pytest.raises(ModelError, match=message):
            open_source(MODELS / name)

    def test_a_file_of_keras_2_answers_as_its_published_tflite(self) -> None:
        old, published = (
            open_source(MODELS / "mlperf_tiny" / name)
            for name in ("vww_96.h5", "vww_96_float.tflite")
        )
        given = np.random.default_rng(0).random((6, 96, 96, 3)).astype(np.float32)
        answers = [next(iter(s.answer({"input_1": given}).values())) for s in (old, published)]
        assert np.abs(answers[0] - answers[1]).max() < 1e-5

    def test_a_saved_model_that_tensorflows_own_loader_refuses(self) -> None:
        path = MODELS / "mlperf_tiny" / "kws_ref_saved_model"
        with pytest.raises(AttributeError):
            tf.saved_model.load(path)
        source = open_source(path)
        assert source.inputs == (TensorInfo("input_1", (1, 49, 10, 1), "float32"),)
        (scores,) = source.answer({"input_1": np.zeros((3, 49, 10, 1), np.float32)}).values()
        assert scores.shape == (3, 12) and scores.sum(axis=1) == pytest.approx(1, abs=1e-5)


class TestItems:
    INPUTS = (TensorInfo("a", (1, OPEN, 3), "float32"), TensorInfo("b", (1,), "int32"))

    def written(self, path: Path, **arrays: Any) -> Path:
        np.savez(path / "items.npz", **arrays)
        return path / "items.npz"

    def test_they_are_read(self, tmp_path: Path) -> None:
        a, b = np.ones((4, 7, 3)), np.arange(4, dtype=np.int64)
        found = read_items(self.written(tmp_path, a=a, b=b, y=[0, 1, 0, 1]), self.INPUTS)
        assert len(found) == 4 and found.samples["a"].dtype == np.float32
        assert found.samples["b"].dtype == np.int32 and found.targets is not None
        np.save(tmp_path / "a.npy", a)
        only = read_items(tmp_path / "a.npy", self.INPUTS[:1])
        assert only.targets is None and only.samples["a"].shape == (4, 7, 3)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"a": None}, "has no 'a'"), ({"a": np.ones((4, 3))}, r"\(items, N, 3\) is needed"),
         ({"a": np.ones((0, 7, 3))}, "is needed"), ({"b": np.ones(4)}, "int32 is needed"),
         ({"c": np.ones(4)}, "has c, which the model does not take"),
         ({"b": np.arange(5)}, r"\[4, 5\] items"),
         ({"a": np.full((4, 7, 3), np.nan)}, "not finite"),
         ({"a": np.full((4, 7, 3), "x")}, "numbers are needed")],
    )  # fmt: skip
    def test_what_is_none(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        every: dict[str, Any] = {"a": np.ones((4, 7, 3)), "b": np.arange(4)} | changes
        arrays = {name: value for name, value in every.items() if value is not None}
        with pytest.raises(DataError, match=message):
            read_items(self.written(tmp_path, **arrays), self.INPUTS)

    def test_no_pickle_is_opened(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
        for data in (None, b"", b"PK\x03\x04", b"\x93NUMPY"):
            if data is not None:
                (tmp_path / "a.npy").write_bytes(data)
            with pytest.raises(DataError, match="no NumPy array"):
                read_items(tmp_path / "a.npy", self.INPUTS[:1])


def test_what_is_cut_off_is_said_of_its_own_kind(tmp_path: Path) -> None:
    """A zip of something else is no model, however it is called."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional"}))
    (tmp_path / "net.keras").write_bytes(made.getvalue())
    with pytest.raises(ModelError, match="Keras cannot read it"):
        open_source(tmp_path / "net.keras")
