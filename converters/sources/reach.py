"""What a SavedModel's graph could do: a graph is a program, and can read and write files.

Every operator of the graph and of its functions is looked at, whether it is called or not. Those
that save and restore variables are in every file; they may stand where nobody calls them, and where
TensorFlow's loader does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from edgenets.extras import require

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import AttrValue, NameAttrList
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# Operators with effects that stay within the session: variables, calls, branches, random numbers,
# tables of constants. Of all others that TensorFlow says have a state, none is needed by a model.
_WITHIN = frozenset({
    "Assert", "AssignAddVariableOp", "AssignSubVariableOp", "AssignVariableOp", "Case",
    "CheckNumerics", "CheckNumericsV2", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "DestroyResourceOp",
    "DeviceIndex", "DisableCopyOnRead", "Empty", "GuaranteeConst", "HashTable", "HashTableV2", "If",
    "InitializeTableV2", "LookupTableFindV2", "LookupTableImportV2", "LookupTableSizeV2",
    "Multinomial", "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt",
    "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "RngReadAndSkip",
    "StatefulPartitionedCall", "StatefulStandardNormalV2", "StatefulUniform",
    "StatelessRandomGetAlg", "TensorArrayCloseV3", "TensorArrayConcatV3", "TensorArrayGatherV3",
    "TensorArrayReadV3", "TensorArrayScatterV3", "TensorArraySizeV3", "TensorArraySplitV3",
    "TensorArrayV3", "TensorArrayWriteV3", "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp",
    "Variable", "VariableShape", "VariableV2", "While", "_Arg", "_Retval",
})  # fmt: skip

# The same of whole families: what training does to variables, and tables of words.
_WITHIN_FAMILIES = (
    "ResourceApply", "ResourceScatter", "ResourceSparseApply", "LookupTable", "MutableHashTable",
    "MutableDenseHashTable", "AnonymousHashTable", "AnonymousMutable",
)  # fmt: skip

# Those that TensorFlow counts as pure, and that are not: files, Python, other compilers, an end of
# the process, functions that nothing names.
_OUTSIDE = frozenset({
    "Abort", "Copy", "CopyHost", "DecodeProtoV2", "EncodeProto", "GenerateVocabRemapping",
    "ImmutableConst", "InitializeTableFromTextFile", "MatchingFiles", "MlirPassthroughOp",
    "PyFuncStateless", "ReadFile", "SymbolicGradient",
})  # fmt: skip
_OUTSIDE_PARTS = ("Dataset", "Reader", "Debug", "Xla", "TPU", "Tpu")

_SAVES = frozenset({"SaveV2", "MergeV2Checkpoints"})
_RESTORES = frozenset({"RestoreV2"})

# By which TensorFlow's own freezing reads a variable, whatever has that name.
_READ = "/Read/ReadVariableOp"


def outside(meta: MetaGraphDef, fetched: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Operators that reach beyond the model: each with its node's name.

    Args:
        fetched: tensors or nodes that are asked for.
    """
    graph, stateful = meta.graph_def, _stateful()
    for node in nodes_of(graph):
        if node.op not in _SAVES | _RESTORES and _is_outside(node.op, stateful):
            yield node.op, node.name
    by_hand = [*fetched, *_initial(meta), *_variables(meta)]
    for names, refused in (
        (by_hand, _SAVES | _RESTORES),
        ([meta.saver_def.restore_op_name], _SAVES),
    ):
        yield from ((n.op, n.name) for n in _called(graph, names) if n.op in refused)


def nodes_of(graph: GraphDef) -> Iterator[NodeDef]:
    """The nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _is_outside(operator: str, stateful: Mapping[str, bool]) -> bool:
    if operator in _OUTSIDE or any(part in operator for part in _OUTSIDE_PARTS):
        return True
    within = operator in _WITHIN or operator.startswith(_WITHIN_FAMILIES)
    return stateful.get(operator, False) and not within


def _initial(meta: MetaGraphDef) -> Iterator[str]:
    """What the loader runs after it has restored the variables."""
    for name in ("saved_model_main_op", "legacy_init_op"):
        if name in meta.collection_def:
            yield from meta.collection_def[name].node_list.value
    if "__saved_model_init_op" in meta.signature_def:
        for tensor in meta.signature_def["__saved_model_init_op"].outputs.values():
            yield tensor.name


def _variables(meta: MetaGraphDef) -> Iterator[str]:
    """What may be run for the sake of variables: freezing reads them by their names, and a loader
    that finds nothing to restore them by goes by what the file lists of them."""
    yield from (node.name for node in meta.graph_def.node if node.name.endswith(_READ))
    kind = require("tensorflow.core.framework.variable_pb2").VariableDef
    for collection in meta.collection_def.values():
        for content in collection.bytes_list.value:
            listed = kind()
            try:
                listed.ParseFromString(content)
            except Exception:  # protobuf's DecodeError: it is of something else than variables
                continue
            yield from (
                listed.variable_name,
                listed.initializer_name,
                listed.snapshot_name,
                listed.initial_value_name,
            )


def _called(graph: GraphDef, fetched: Iterable[str]) -> Iterator[NodeDef]:
    """Nodes that are run for these, inside of functions, too."""
    nodes = {node.name: node for node in graph.node}
    functions = {f.signature.name: f for f in graph.library.function}
    waiting, seen = [_node_of(name) for name in fetched], set[str]()
    called: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        yield nodes[name]
        waiting += map(_node_of, nodes[name].input)
        called |= _functions_of(nodes[name]) & functions.keys()
    inside: set[str] = set()
    while called - inside:
        name = min(called - inside)
        inside.add(name)
        for node in functions[name].node_def:
            yield node
            called |= _functions_of(node) & functions.keys()


def _functions_of(node: NodeDef) -> set[str]:
    """Names that may be of functions which a node calls."""
    return {node.op, *(f.name for value in node.attr.values() for f in functions_in(value))}


def functions_in(value: AttrValue) -> list[NameAttrList]:
    """What an attribute says of functions, and they of others.

    Another kind's field is not touched: that would make the value one of this kind.
    """
    kind = value.WhichOneof("value")
    own = [value.func] if kind == "func" else list(value.list.func) if kind == "list" else []
    return own + [f for one in own for inner in one.attr.values() for f in functions_in(inner)]


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _stateful() -> dict[str, bool]:
    """TensorFlow's operators, and whether it says that they have a state."""
    api = require("tensorflow.python.client.pywrap_tf_session")
    every = require("tensorflow.core.framework.op_def_pb2").OpList()
    every.ParseFromString(api.TF_GetBuffer(api.TF_GetAllOpList()))
    return {operator.name: operator.is_stateful for operator in every.op}
