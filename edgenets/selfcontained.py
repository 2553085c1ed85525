"""Whether a model is all in its own files: a SHA-256 covers nothing that lies beside them.

ONNX, OpenVINO and TFLite files can all name weights in other files, by paths of their author's
choice, and their runtimes would read them. Such files are refused before a runtime sees them, on a
laptop and on a device, which has none of the formats' own packages: the parts of the three formats
that can point outside are read here, each by a walk of its own over the bytes.

A walk trusts nothing: what it cannot read to its end is refused as damaged, since a runtime that
repairs it could find something else in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from xml.etree import ElementTree

from edgenets.errors import EdgenetsError

# Of protobuf's wire format: how a field's value is stored.
_VARINT, _BYTES, _GROUP, _GROUP_END = 0, 2, 3, 4
_FIXED = {1: 8, 5: 4}  # bytes
_LONGEST_VARINT = 10  # bytes
_LARGEST_TAG = (1 << 32) - 1

# Fields of ONNX messages in which tensors can be, by message: number → the message in it
# (onnx.proto; the numbers of a released field never change).
_ONNX: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": dict.fromkeys((5, 10), "Tensor")
    | dict.fromkeys((6, 11), "Graph")
    | dict.fromkeys((22, 23), "Sparse"),
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14
_NODE_OPERATOR = 4

# An operator of ONNX Runtime that stands for a compiled model, which may be in another file.
_COMPILED_ELSEWHERE = memoryview(b"EPContext")

# What ONNX Runtime's own format has where a TFLite file has its mark; it has its own weights files.
_ORT_MARK = b"ORTM"

# Vector fields of a TFLite file's root table (schema.fbs): buffers, and since 2025 others' files.
_TFLITE_BUFFERS = 4
_TFLITE_EXTERNAL = (8, 9)

_IR_ROOT = "net"  # of an IR's XML

# What no IR of OpenVINO needs: entities of XML, and where weights of a cached model lie.
_XML_REFUSED = (b"<!DOCTYPE", b"<!ENTITY", b"weights_path")

_NAMES = {"onnx": "ONNX", "openvino": "OpenVINO", "tflite": "TFLite", "edgetpu": "TFLite"}


class _Damaged(Exception):
    """A walk came to what the format does not allow."""


def refuse_outside(
    format: str, files: Sequence[tuple[str, bytes | memoryview]], error: type[EdgenetsError]
) -> None:
    """Refuse a model that reads files which are not its own.

    Args:
        format: as of `edgenets.artifact.Format`.
        files: name and content of each of its files; the first is the one that is opened.
        error: what is raised.

    Raises:
        EdgenetsError: of the kind `error`: the model points outside, or is damaged.
    """
    name = files[0][0]
    try:
        found = _WALKS[format]([memoryview(data).cast("B") for _, data in files])
    except (_Damaged, struct.error, IndexError) as exc:
        raise error(f"{name}: is no {_NAMES[format]} file, or a damaged one: {exc}") from exc
    if found:
        raise error(
            f"{name}: {found}: refused, since what is not in the file is covered by no SHA-256. "
            f"Save the model with its weights inside and convert or import it again"
        )


def _onnx(files: Sequence[memoryview]) -> str:
    """How an ONNX file points outside; empty: it does not."""
    (data, *_) = files
    if bytes(data[4:8]) == _ORT_MARK:
        return "is in ONNX Runtime's own format, which may keep weights in other files"
    # Not by recursion: subgraphs nest as deeply as their author likes.
    waiting: list[tuple[str, memoryview]] = [("Model", data)]
    while waiting:
        message, content = waiting.pop()
        inner = _ONNX[message]
        for number, value in _fields(content):
            if found := _of_field(message, number, value):
                return found
            if number in inner and isinstance(value, memoryview):
                waiting.append((inner[number], value))
    return ""


def _of_field(message: str, number: int, value: int | memoryview) -> str:
    """How one field of an ONNX message points outside; empty: it does not."""
    is_bytes = isinstance(value, memoryview)
    if message == "Tensor":
        listed = number == _TENSOR_EXTERNAL_DATA and is_bytes
        # Runtimes keep the low 32 bits alone, and what is not 0 there is said to be outside.
        if listed or (number == _TENSOR_LOCATION and not is_bytes and value):
            return "keeps weights in other files (external data)"
    elif message == "Node" and number == _NODE_OPERATOR and value == _COMPILED_ELSEWHERE:
        return "has a node EPContext, whose compiled model may be in another file"
    return ""


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number and value, where it is a number or has a length.

    Groups, which ONNX has none of, are stepped over with all that is in them, as protobuf does.
    """
    at, groups = 0, list[int]()
    while at < len(content):
        tag, at = _varint(content, at)
        number, kind = tag >> 3, tag & 7
        if tag > _LARGEST_TAG or not number:
            raise _Damaged("a field has no number")
        if kind == _GROUP:
            groups.append(number)
        elif kind == _GROUP_END:
            if not groups or groups.pop() != number:
                raise _Damaged("a group ends that did not begin")
        else:
            value, at = _value(content, at, kind)
            if not groups and value is not None:
                yield number, value
    if groups:
        raise _Damaged("it is cut off")


def _value(content: memoryview, at: int, kind: int) -> tuple[int | memoryview | None, int]:
    """A field's value, and where it ends; None: a number of fixed size, which none here has."""
    if kind == _VARINT:
        return _varint(content, at)
    value = None
    if kind == _BYTES:
        size, at = _varint(content, at)
        value, at = content[at : at + size], at + size
    elif kind in _FIXED:
        at += _FIXED[kind]
    else:
        raise _Damaged("a field is stored in no known way")
    if at > len(content):
        raise _Damaged("it is cut off")
    return value, at


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = content[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise _Damaged("a number is longer than numbers are")


def _openvino(files: Sequence[memoryview]) -> str:
    """How an IR points outside its two files; empty: it does not."""
    xml, weights = bytes(files[0]), files[1] if len(files) > 1 else memoryview(b"")
    # OpenVINO reads other formats by this door too, an ONNX file among them.
    if not xml.lstrip().startswith((b"<?xml", f"<{_IR_ROOT}".encode())):
        raise _Damaged("it does not begin as XML")
    for mark in _XML_REFUSED:
        if mark in xml:
            return f"has '{mark.decode()}' in it, by which it may name other files"
    try:
        root = ElementTree.fromstring(xml)  # entities were refused above
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as exc:
        raise _Damaged(f"no XML ({exc})") from exc
    if root.tag != _IR_ROOT:
        raise _Damaged(f"it has no <{_IR_ROOT}>")
    for place in root.iter("data"):
        if found := _of_place(place.attrib, len(weights)):
            return found
    return ""


def _of_place(said_of_it: Mapping[str, str], have: int) -> str:
    """How a place of weights is outside of so many bytes; empty: it is not, or is no place."""
    if not {"offset", "size"} <= said_of_it.keys():
        return ""
    said = said_of_it["offset"], said_of_it["size"]
    # Digits alone: `int` reads spellings that OpenVINO reads otherwise.
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in said):
        raise _Damaged(f"weights at '{said[0][:30]}', '{said[1][:30]}' bytes")
    offset, size = map(int, said)
    return _beyond(offset, size, have)


def _beyond(offset: int, size: int, have: int) -> str:
    if offset + size <= have:
        return ""
    return f"has weights at {offset:,} to {offset + size:,} of {have:,} bytes"


def _tflite(files: Sequence[memoryview]) -> str:
    """How a TFLite file points outside; empty: it does not."""
    (data, *_) = files
    if bytes(data[4:8]) != b"TFL3":
        raise _Damaged("it has not the mark TFL3")
    (root,) = struct.unpack_from("<I", data, 0)
    for number in _TFLITE_EXTERNAL:
        if (vector := _slot(data, root, number)) and next(_tables(data, vector), None) is not None:
            return "keeps weights in other files (external buffers)"
    buffers = _slot(data, root, _TFLITE_BUFFERS)
    for table in _tables(data, buffers) if buffers else ():
        places = [_slot(data, table, number) for number in (1, 2)]
        offset, size = (struct.unpack_from("<Q", data, at)[0] if at else 0 for at in places)
        if found := _beyond(offset, size, len(data)):
            return found
    return ""


def _slot(data: memoryview, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table is; 0: the table does not have it."""
    (back,) = struct.unpack_from("<i", data, table)
    names = table - back
    if names < 0:
        raise _Damaged("a table has its fields outside of the file")
    (size,) = struct.unpack_from("<H", data, names)
    if 4 + 2 * number >= size:
        return 0
    (offset,) = struct.unpack_from("<H", data, names + 4 + 2 * number)
    return table + offset if offset else 0


def _tables(data: memoryview, field: int) -> Iterator[int]:
    """Where the tables of a vector are."""
    (offset,) = struct.unpack_from("<I", data, field)
    (count,) = struct.unpack_from("<I", data, field + offset)
    for index in range(count):
        at = field + offset + 4 + 4 * index
        yield at + struct.unpack_from("<I", data, at)[0]


_WALKS: dict[str, Callable[[Sequence[memoryview]], str]] = {
    "onnx": _onnx,
    "openvino": _openvino,
    "tflite": _tflite,
    "edgetpu": _tflite,  # a TFLite file with operators of another processor
}
