"""What a SavedModel's graph would run: a graph is a program, and can read and write files.

Only what is called counts: the outputs that are asked for, and what TensorFlow's loader runs by
itself. Every file has operators that save its variables, which nobody calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from edgenets.extras import require

# Operators with effects that stay within the session: variables, calls, branches, random numbers,
# tables of constants. Of all others that TensorFlow says have a state, none is needed by a net.
_WITHIN = frozenset({
    "Assert", "AssignAddVariableOp", "AssignSubVariableOp", "AssignVariableOp", "Case",
    "CheckNumerics", "CheckNumericsV2", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "DestroyResourceOp",
    "DeviceIndex", "DisableCopyOnRead", "Empty", "GuaranteeConst", "HashTable", "HashTableV2", "If",
    "InitializeTableV2", "LookupTableFindV2", "LookupTableImportV2", "LookupTableSizeV2",
    "Multinomial", "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt",
    "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "RestoreV2", "RngReadAndSkip",
    "StatefulPartitionedCall", "StatefulStandardNormalV2", "StatefulUniform",
    "StatelessRandomGetAlg",
    "TensorArrayCloseV3", "TensorArrayConcatV3", "TensorArrayGatherV3", "TensorArrayReadV3",
    "TensorArrayScatterV3", "TensorArraySizeV3", "TensorArraySplitV3", "TensorArrayV3",
    "TensorArrayWriteV3", "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp", "Variable",
    "VariableShape", "VariableV2", "While", "_Arg", "_Retval",
})  # fmt: skip

# Those that TensorFlow counts as pure, and that are not: files, Python, other compilers.
_OUTSIDE = ("ReadFile", "MatchingFiles", "PyFuncStateless", "InitializeTableFromTextFile")
_OUTSIDE_PARTS = ("Dataset", "Reader", "Debug", "Xla", "TPU", "Tpu")

# By which TensorFlow's own freezing reads a variable, whatever has that name.
_READ = "/Read/ReadVariableOp"


def outside(meta: Any, fetched: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Operators that reach beyond the model, of those that would be run: each with its node's name.

    Args:
        meta: a MetaGraphDef.
        fetched: tensors or nodes that are asked for.
    """
    stateful = _stateful()
    for node in _called(meta.graph_def, [*fetched, *_run_by_loader(meta)]):
        known_by = any(part in node.op for part in _OUTSIDE_PARTS) or node.op in _OUTSIDE
        if known_by or (stateful.get(node.op, False) and node.op not in _WITHIN):
            yield node.op, node.name


def _run_by_loader(meta: Any) -> Iterator[str]:
    yield meta.saver_def.restore_op_name
    for name in ("saved_model_main_op", "legacy_init_op"):
        if name in meta.collection_def:
            yield from meta.collection_def[name].node_list.value
    if "__saved_model_init_op" in meta.signature_def:
        for tensor in meta.signature_def["__saved_model_init_op"].outputs.values():
            yield tensor.name
    yield from (node.name for node in meta.graph_def.node if node.name.endswith(_READ))


def _called(graph: Any, fetched: Iterable[str]) -> Iterator[Any]:
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


def _functions_of(node: Any) -> set[str]:
    """Names that may be of functions which a node calls."""
    return {node.op, *(f.name for value in node.attr.values() for f in functions_in(value))}


def functions_in(value: Any) -> list[Any]:
    """What an attribute says of functions. Another kind's field is not touched: that would make the
    value one of this kind."""
    kind = value.WhichOneof("value")
    return [value.func] if kind == "func" else list(value.list.func) if kind == "list" else []


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _stateful() -> dict[str, bool]:
    """TensorFlow's operators, and whether it says that they have a state."""
    api = require("tensorflow.python.client.pywrap_tf_session")
    every = require("tensorflow.core.framework.op_def_pb2").OpList()
    every.ParseFromString(api.TF_GetBuffer(api.TF_GetAllOpList()))
    return {operator.name: operator.is_stateful for operator in every.op}
