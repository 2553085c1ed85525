"""Models that read files beside themselves are refused, whatever the depth at which they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets import backend
from edgenets.artifact import Artifact, TensorInfo
from edgenets.bundle import Bundle, write
from edgenets.errors import BackendError, ModelError
from edgenets.selfcontained import refuse_outside
from tests.commands import Call, call

onnx = pytest.importorskip("onnx")

__all__ = ["call"]  # a fixture

ZOO = Path(__file__).parents[1] / "edgenets" / "zoo"
PATHS = ("w.bin", "/etc/passwd", "../../w.bin", "", "*/_ORT_MEM_ADDR_/*")
F32 = onnx.TensorProto.FLOAT


def tensor(name: str = "w", outside: str | None = None) -> Any:
    """Three numbers, here or in another file."""
    if outside is None:
        return onnx.numpy_helper.from_array(np.ones(3, np.float32), name)
    made = onnx.TensorProto(name=name, data_type=F32, dims=[3])
    made.data_location = onnx.TensorProto.EXTERNAL
    made.external_data.add(key="location", value=outside)
    return made


def sparse(values: Any) -> Any:
    """A sparse tensor of such values."""
    places = onnx.numpy_helper.from_array(np.arange(3), "i")
    return onnx.SparseTensorProto(values=values, indices=places, dims=[3])


def graph_of(*nodes: Any, **parts: Any) -> Any:
    """A graph with these nodes in it."""
    value = onnx.helper.make_tensor_value_info("x", F32, [1, 3])
    result = onnx.helper.make_tensor_value_info("y", F32, [1, 3])
    own = onnx.helper.make_node("Identity", ["x"], ["y"])
    return onnx.helper.make_graph([*nodes, own], "g", [value], [result], **parts)


def with_attribute(**fields: Any) -> Any:
    """A node with one attribute."""
    node = onnx.NodeProto(op_type="Constant", output=["c"])
    node.attribute.add(name="value", **fields)
    return node


# Where a tensor can be in a graph: each makes a graph of one that holds the tensor.
IN_A_GRAPH: dict[str, Any] = {
    "initializer": lambda t: graph_of(initializer=[t]),
    "sparse initializer": lambda t: graph_of(sparse_initializer=[sparse(t)]),
    "attribute": lambda t: graph_of(with_attribute(t=t, type=4)),
    "attribute's list": lambda t: graph_of(with_attribute(tensors=[tensor("v"), t], type=9)),
    "sparse attribute": lambda t: graph_of(with_attribute(sparse_tensor=sparse(t), type=11)),
    "sparse list": lambda t: graph_of(with_attribute(sparse_tensors=[sparse(t)], type=12)),
    # The type says something else: protobuf reads the field all the same.
    "lying attribute": lambda t: graph_of(with_attribute(t=t, type=1)),
}
# Where a graph can be: each makes a graph of one that holds the graph.
AROUND: dict[str, Any] = {
    "subgraph": lambda g: graph_of(with_attribute(g=g, type=5)),
    "subgraphs": lambda g: graph_of(with_attribute(graphs=[graph_of(), g], type=10)),
}


def model_of(graph: Any, where: str) -> bytes:
    """A model that holds the graph at one of its places."""
    model = onnx.helper.make_model(graph if where == "graph" else graph_of())
    if where == "function":
        function = onnx.helper.make_function("own", "f", ["x"], ["y"], list(graph.node), [])
        for index, held in enumerate(graph.initializer):  # a function has no initializers
            function.node.append(with_attribute(t=held, type=4, doc_string=str(index)))
        for held in graph.sparse_initializer:
            function.node.append(with_attribute(sparse_tensor=held, type=11))
        model.functions.append(function)
    elif where == "function's attribute":
        function = onnx.helper.make_function("own", "f", ["x"], ["y"], [], [])
        function.attribute_proto.add(name="a", g=graph, type=5)
        model.functions.append(function)
    elif where == "training's first step":
        model.training_info.add().initialization.CopyFrom(graph)
    elif where == "training":
        model.training_info.add().algorithm.CopyFrom(graph)
    data: bytes = model.SerializeToString()
    return data


WHERE = ("graph", "function", "function's attribute", "training's first step", "training")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(IN_A_GRAPH)),
    st.lists(st.sampled_from(sorted(AROUND)), max_size=12),
    st.sampled_from(WHERE),
    st.sampled_from(PATHS),
)
def test_external_data_is_found_at_any_depth(
    inside: str, around: list[str], where: str, path: str
) -> None:
    def made(outside: str | None) -> bytes:
        graph = IN_A_GRAPH[inside](tensor(outside=outside))
        for name in around:
            graph = AROUND[name](graph)
        return model_of(graph, where)

    refuse_outside("onnx", [("a.onnx", made(None))], ModelError)  # the same with its weights inside
    with pytest.raises(ModelError, match="keeps weights in other files"):
        refuse_outside("onnx", [("a.onnx", made(path))], ModelError)


def test_a_subgraph_below_a_thousand_others_is_reached() -> None:
    def nested(inner: bytes) -> bytes:
        """A graph with a node with an attribute with the graph, as protobuf's Python cannot."""
        for number in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            inner = bytes([number << 3 | 2]) + length(len(inner)) + inner
        return inner

    graph = IN_A_GRAPH["initializer"](tensor(outside="w.bin")).SerializeToString()
    for _ in range(1000):
        graph = nested(graph)
    with pytest.raises(ModelError, match="keeps weights in other files"):
        refuse_outside("onnx", [("a.onnx", b"\x3a" + length(len(graph)) + graph)], ModelError)


def length(size: int) -> bytes:
    """A number as protobuf writes it."""
    written = b""
    while size > 0x7F:
        written, size = written + bytes([size & 0x7F | 0x80]), size >> 7
    return written + bytes([size])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 400), st.integers(0, 2000))
def test_damage_ends_in_one_error_or_none(noise: bytes, at: int, cut: int) -> None:
    data = model_of(IN_A_GRAPH["attribute"](tensor()), "graph")
    spoiled = (data[:at] + noise + data[at + len(noise) :])[:cut]
    for format in ("onnx", "tflite", "openvino"):
        for content in (spoiled, noise):
            try:
                refuse_outside(format, [("a", content), ("b", b"")], ModelError)
            except ModelError as exc:
                assert str(exc).startswith("a: ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x70\x81\x80\x80\x80\x10",  # a location that is EXTERNAL in its low 32 bits
        b"\xf0\x80\x80\x80\x00\x01",  # a tag that is longer than it need be
        b"\x0b\x0c\x70\x01",  # behind a group, which is no field that is known
        b"\x6a\x00",  # an entry of external data alone
    ],
)
def test_other_spellings_of_external_data(data: bytes) -> None:
    held = b"\x2a" + length(len(data)) + data  # GraphProto.initializer
    with pytest.raises(ModelError, match="other files"):
        refuse_outside("onnx", [("a", b"\x3a" + length(len(held)) + held)], ModelError)


def test_models_that_are_elsewhere_or_in_another_format() -> None:
    node = onnx.helper.make_node("EPContext", ["x"], ["c"], domain="com.microsoft")
    for content, message in (
        (model_of(graph_of(node), "graph"), "EPContext"),
        (b"\x18\0\0\0ORTM" + bytes(64), "ONNX Runtime's own format"),
    ):
        with pytest.raises(ModelError, match=message):
            refuse_outside("onnx", [("a", content)], ModelError)


def artifact_of(name: str) -> Artifact:
    """An artifact of that file: three numbers in, three out."""
    infos = [TensorInfo(n, (1, 3), "float32") for n in ("x", "y")]
    return Artifact("onnx", "fp32", (name,), (infos[0],), (infos[1],))


def adding(outside: str | None) -> bytes:
    """A model that adds its weights to what it takes."""
    value, result = (onnx.helper.make_tensor_value_info(n, F32, [1, 3]) for n in ("x", "y"))
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [result], [tensor(outside=outside)])
    model = onnx.helper.make_model(
        graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize("kind", ["beside", "absolute", "above"])
def test_no_backend_reads_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    place = {"beside": inside / "w.bin"}.get(kind, tmp_path / "w.bin")
    np.ones(3, "<f4").tofile(place)
    monkeypatch.chdir(inside)
    path = {"beside": "w.bin", "absolute": str(place), "above": "../w.bin"}[kind]
    artifact = artifact_of("a.onnx")
    whole = backend.load("onnx", artifact, {"a.onnx": adding(None)})
    assert whole.run({"x": np.zeros((1, 3), np.float32)})["y"].tolist() == [[1, 1, 1]]
    with pytest.raises(BackendError, match="keeps weights in other files"):
        backend.load("onnx", artifact, {"a.onnx": adding(path)})


def emptied(path: Path, beside: Path) -> Path:
    """The zoo's kws-gru with its ONNX artifact alone, whose weights are in a file beside."""
    bundle = Bundle(ZOO / "kws-gru.edge")
    artifact = next(a for a in bundle.artifacts if a.format == "onnx")
    model = onnx.load_model_from_string(bundle.files(artifact)[artifact.files[0]])
    with beside.open("wb") as file:
        for held in model.graph.initializer:
            raw = onnx.numpy_helper.to_array(held).tobytes()
            place = {"location": beside.name, "offset": file.tell(), "length": len(raw)}
            file.write(raw)
            held.ClearField("raw_data")
            held.ClearField("float_data")
            held.ClearField("int32_data")
            held.ClearField("int64_data")
            held.data_location = onnx.TensorProto.EXTERNAL
            for key, value in place.items():
                held.external_data.add(key=key, value=str(value))
    _, others = bundle.contents()
    files = {artifact: {artifact.files[0]: model.SerializeToString()}}
    write(path, bundle.spec, files, others, "MIT", "a test")
    return path


def test_commands_refuse_a_bundle_of_such_a_model(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    emptied(tmp_path / "a.edge", tmp_path / "w.bin")
    (tmp_path / "a.onnx").write_bytes(adding("w.bin"))
    sound = str(tmp_path / "a.raw")
    Path(sound).write_bytes(bytes(32_000))
    for words in (
        ("selftest", "a.edge"),
        ("run", "a.edge", sound),
        ("bench", "a.edge", "--backend", "onnx"),
        ("check", "a.edge", "--target", "rpi4"),
        ("import", "a.onnx", "--task", "classify", "--out", "b.edge"),
    ):
        found = call(*words)
        assert found.code in (1, 2), words
        assert "keeps weights in other files" in found.out + found.err, words


@pytest.mark.parametrize(
    ("place", "why"), [("w.bin", "another file"), ("../w.bin", "not in its folder")]
)
def test_a_laptop_reads_weights_of_a_models_own_folder_alone(
    place: str, why: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "model")
    Path("w.bin").write_bytes(bytes(1000))
    Path("a.onnx").write_bytes(adding(place))
    for words in (("check", "a.onnx", "--target", "rpi4"), ("convert", "a.onnx", "--out", "out")):
        found = call(*words)
        assert found.code == 2 and why in found.err, (words, found)


@pytest.fixture
def openvino_files() -> tuple[Artifact, dict[str, bytes]]:
    """An IR of the zoo."""
    bundle = Bundle(ZOO / "kws-gru.edge")
    artifact = next(a for a in bundle.artifacts if a.format == "openvino")
    return artifact, bundle.files(artifact)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.replace(b'offset="', b'offset="99999999', 1), "has weights at"),
        (lambda x: x.replace(b'offset="', b'offset="-', 1), "weights at '-"),
        (lambda x: x.replace(b'size="', b'size="0x', 1), "'0x"),
        (lambda x: x.replace(b'size="', b'size="999999999', 1), "has weights at"),
        (lambda x: x.replace(b"<rt_info>", b'<rt_info><__weights_path value="/w"/>', 1), "_path"),
        (lambda x: b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a SYSTEM "/w">]>' + x, "DOCTYPE"),
        (lambda _: adding("w.bin"), "does not begin as XML"),
        (lambda _: b"<net", "no XML"),
        (lambda _: b"<network/>", "no <net>"),
    ],
)
def test_an_ir_reads_its_own_weights_alone(
    openvino_files: tuple[Artifact, dict[str, bytes]], change: Any, message: str
) -> None:
    artifact, files = openvino_files
    xml = files[artifact.files[0]]
    spoiled = change(xml)
    assert spoiled != xml
    with pytest.raises(BackendError, match=message):
        backend.load("openvino", artifact, {**files, artifact.files[0]: spoiled})


def test_a_tflite_file_has_its_buffers_inside() -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    if not hasattr(schema, "ExternalBufferT"):
        pytest.skip("this release of ai-edge-litert knows no external buffers")
    bundle = Bundle(ZOO / "kws-gru.edge")
    artifact = next(a for a in bundle.artifacts if a.format == "tflite")
    (content,) = bundle.files(artifact).values()

    def packed(change: Any) -> bytes:
        tree = schema.ModelT.InitFromPackedBuf(content, 0)
        change(tree)
        builder = flatbuffers.Builder(len(content))
        builder.Finish(tree.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def groups(tree: Any) -> None:
        tree.externalBufferGroups = [schema.ExternalBufferGroupT()]
        tree.externalBufferGroups[0].name = b"w.bin"

    def buffers(tree: Any) -> None:
        tree.externalBuffers = [schema.ExternalBufferT()]

    def far(tree: Any) -> None:
        tree.buffers[1].offset, tree.buffers[1].size = 1 << 40, 16

    refuse_outside("tflite", [("a", packed(lambda _: None))], ModelError)
    for change, message in ((groups, "external buffers"), (buffers, "external buffers"),
                            (far, "has weights at")):  # fmt: skip
        with pytest.raises(BackendError, match=message):
            backend.load("tflite", artifact, {artifact.files[0]: packed(change)})


def test_every_bundle_of_the_zoo_is_whole() -> None:
    for path in sorted(ZOO.glob("*.edge")):
        bundle = Bundle(path)
        for artifact in bundle.artifacts:
            files = bundle.files(artifact)
            refuse_outside(artifact.format, [(n, files[n]) for n in artifact.files], ModelError)


@pytest.mark.parametrize("kind", ["link", "virtual", "external"])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_keras_files_whose_weights_are_elsewhere(tmp_path: Path, kind: str, suffix: str) -> None:
    h5py = pytest.importorskip("h5py")
    from edgenets.converters.sources import keras_file

    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("a/b")
        group["whole"] = np.ones(3)
        if kind == "link":
            group["w"] = h5py.ExternalLink("/etc/other.h5", "/w")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3,), "f4")
            layout[:] = h5py.VirtualSource("other.h5", "w", (3,))
            group.create_virtual_dataset("w", layout)
        else:
            group.create_dataset("w", (3,), "f4", external=[("/etc/passwd", 0, 12)])
    if suffix == ".keras":
        import zipfile

        with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
            archive.write(path, "model.weights.h5")
        path = tmp_path / "a.keras"
    with pytest.raises(ModelError, match=r"'w' of .*another file"):
        keras_file._refuse_links(path, suffix == ".h5")
