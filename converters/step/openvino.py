"""Step graph → OpenVINO IR, through the ONNX form of it.

OpenVINO reads the quantized ONNX file and keeps its scales, so there is no
second quantization to go wrong: NNCF's default post-training quantization of a
GRU network answered 43 % where this conversion path answers as the float network does.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from edgenets.errors import ConversionError
from edgenets.extras import optional, require

_BETWEEN_TAGS = re.compile(rb">\s+<")
_NAMES = re.compile(rb' names="([^"]*)"')
_RUNTIME_INFO = re.compile(rb"<rt_info>.*?</rt_info>", re.DOTALL)


def to_ir(onnx_model: bytes, half: bool) -> tuple[bytes, bytes]:
    """Read an ONNX file into OpenVINO's IR.

    Args:
        onnx_model: the `.onnx` file.
        half: store float weights in 16 bits.

    Raises:
        ConversionError: OpenVINO does not know one of its operators.

    Returns:
        the `.xml` and the `.bin`, the same every time.
    """
    openvino = require("openvino")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        source, xml = Path(folder) / "model.onnx", Path(folder) / "model.xml"
        source.write_bytes(onnx_model)
        # What `openvino.convert_model` does, but for its telemetry: that sends to a server, and the
        # process that it forks for it leaves NumPy's OpenBLAS waiting for its threads for ever.
        try:
            model = openvino.Core().read_model(source)
        except RuntimeError as exc:
            raise ConversionError(f"openvino: it cannot read the ONNX form: {reason(exc)}") from exc
        # It folds what is constant but leaves weights in the integers that they came in.
        simplify = optional(
            "openvino._offline_transformations",
            ("apply_moc_transformations",),
            without="OpenVINO artifacts are written as they were read, a little larger",
        )
        if simplify is not None:
            simplify[0](model, cf=False)
        # Nodes are numbered as they come in a process; names of inner ones say nothing.
        for number, node in enumerate(model.get_ordered_ops()):
            if node.get_type_name() not in ("Parameter", "Result"):
                node.set_friendly_name(f"n{number}")
        public = {name for port in (*model.inputs, *model.outputs) for name in port.get_names()}
        openvino.save_model(model, xml, compress_to_fp16=half)
        text = _RUNTIME_INFO.sub(b"", _BETWEEN_TAGS.sub(b"><", xml.read_bytes()))
        return _public_names(text, public), xml.with_suffix(".bin").read_bytes()


def reason(exc: Exception) -> str:
    """What OpenVINO says, without the places in its own sources."""
    lines = [line.strip() for line in str(exc).splitlines()]
    said = [x for x in lines if x and not x.startswith(("Exception from", "Check '", "src/"))]
    return said[0] if said else "no reason given"


def _public_names(xml: bytes, public: set[str]) -> bytes:
    """The IR without the names of inner tensors, which are a fifth of it."""

    def kept(match: re.Match[bytes]) -> bytes:
        return match.group(0) if public & set(match.group(1).decode().split(",")) else b""

    return _NAMES.sub(kept, xml)
